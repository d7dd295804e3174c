/* Backward of bilinear resizing: the forward pass turned round. A row of dy is dealt out to the two rows of x between which it
 * lies, still in columns of y; when all of a row's shares are in, it is dealt out to columns of x. */
#include "../pointwise/resize.h"
#include "training_table.h"

static void deal_out(const mexit_resize_strip *t, const float *row, float *dx) {
  for (int32_t i = 0; i < t->count; i++) {
    dx[t->low[i]] += (1 - t->weight[i]) * row[i];
    dx[t->high[i]] += t->weight[i] * row[i];
  }
}

static void backward(const mexit_resize_strip *t, const float *dy, float *dx) {
  /* By parity, as in the forward pass. */
  float rows[2][MEXIT_RESIZE_STRIP];
  int32_t held[2] = {-1, -1};
  for (int32_t h = 0; h < t->y.height; h++) {
    const mexit_resize_tap between = mexit_resize_tap_of(h, t->x.height, t->y.height, t->align_corners);
    for (int32_t row = between.low; row <= between.high; row++) {
      const int32_t half = row & 1;
      if (held[half] == row) continue;
      if (held[half] >= 0) deal_out(t, rows[half], dx + held[half] * t->x.row_stride);
      held[half] = row;
      mexit_zero_f32(rows[half], (size_t)t->count);
    }
    const float *from = dy + h * t->y.row_stride + t->first;
    float *low = rows[between.low & 1], *high = rows[between.high & 1];
    for (int32_t i = 0; i < t->count; i++) low[i] += (1 - between.weight) * from[i];
    for (int32_t i = 0; i < t->count; i++) high[i] += between.weight * from[i];
  }
  for (int32_t half = 0; half < 2; half++)
    if (held[half] >= 0) deal_out(t, rows[half], dx + held[half] * t->x.row_stride);
}

void mexit_resize_bilinear_backward_f32(const mexit_map *dxm, const mexit_map *dym, bool align_corners,
                                        const float *const *dy, float *const *dx, size_t n, bool accumulate) {
  mexit_resize_strip strip;
  strip.x = *dxm;
  strip.y = *dym;
  strip.align_corners = align_corners;
  if (!accumulate)
    for (size_t s = 0; s < n; s++) mexit_zero_interior(dxm, dx[s]);
  for (int32_t first = 0; first < dym->width; first += MEXIT_RESIZE_STRIP) {
    mexit_resize_strip_start(&strip, first);
    for (size_t s = 0; s < n; s++)
      for (int32_t c = 0; c < dxm->channels; c++)
        backward(&strip, dy[s] + c * dym->channel_stride, dx[s] + c * dxm->channel_stride);
  }
}
