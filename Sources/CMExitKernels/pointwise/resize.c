/* Bilinear resizing: loops over strips of columns, samples and channels. */
#include "pointwise_isa.h"

void mexit_resize_bilinear_f32(const mexit_map *xm, const mexit_map *ym, bool align_corners, const float *const *x,
                               float *const *y, size_t n) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  mexit_resize_strip strip;
  strip.x = *xm;
  strip.y = *ym;
  strip.align_corners = align_corners;
  for (int32_t first = 0; first < ym->width; first += MEXIT_RESIZE_STRIP) {
    mexit_resize_strip_start(&strip, first);
    for (size_t s = 0; s < n; s++)
      for (int32_t c = 0; c < xm->channels; c++)
        isa->resize(&strip, x[s] + c * xm->channel_stride, y[s] + c * ym->channel_stride);
  }
}
