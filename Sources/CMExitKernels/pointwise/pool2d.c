/* Pooling: loops over samples and channels, and the two forms that are scalar on every CPU. */
#include "pointwise_isa.h"

#include <math.h>

/* Maximum with its place, row by row within the window, so that the first of equal values wins. A NaN wins and stays. */
static void max_pool_with_argmax(const mexit_pool2d *p, const float *x, float *y, int32_t *argmax) {
  for (int32_t h = 0; h < p->y.height; h++) {
    for (int32_t w = 0; w < p->y.width; w++) {
      const int64_t top = (int64_t)h * p->stride_h - p->pad_h, left = (int64_t)w * p->stride_w - p->pad_w;
      float best = -INFINITY;
      int64_t place = -1;
      for (int64_t row = top < 0 ? 0 : top; row < top + p->kernel_h && row < p->x.height; row++) {
        for (int64_t column = left < 0 ? 0 : left; column < left + p->kernel_w && column < p->x.width; column++) {
          const float v = x[row * p->x.row_stride + column];
          if (place < 0 || v > best || (isnan(v) && !isnan(best))) {
            best = v;
            place = row * p->x.width + column;
          }
        }
      }
      y[h * p->y.row_stride + w] = best;
      *argmax++ = (int32_t)(place < 0 ? 0 : place);
    }
  }
}

void mexit_max_pool2d_f32(const mexit_pool2d *p, const float *const *x, float *const *y, int32_t *const *argmax, size_t n) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  const int64_t pixels = (int64_t)p->y.height * p->y.width;
  for (size_t s = 0; s < n; s++) {
    for (int32_t c = 0; c < p->x.channels; c++) {
      const float *from = x[s] + c * p->x.channel_stride;
      float *to = y[s] + c * p->y.channel_stride;
      if (argmax != NULL) max_pool_with_argmax(p, from, to, argmax[s] + c * pixels);
      else isa->max_pool(p, from, to);
    }
  }
}

void mexit_avg_pool2d_f32(const mexit_pool2d *p, const float *const *x, float *const *y, size_t n) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  for (size_t s = 0; s < n; s++) isa->avg_pool(p, x[s], y[s]);
}

/* Sixteen partial sums, one per column modulo 16, added pairwise: quick on every CPU, and the same bits on all. */
static float plane_sum(const mexit_map *m, const float *x) {
  float partial[16] = {0};
  for (int32_t row = 0; row < m->height; row++, x += m->row_stride) {
    int32_t w = 0;
    for (; w + 16 <= m->width; w += 16)
      for (int32_t lane = 0; lane < 16; lane++) partial[lane] += x[w + lane];
    for (; w < m->width; w++) partial[w % 16] += x[w];
  }
  for (int32_t half = 8; half > 0; half /= 2)
    for (int32_t lane = 0; lane < half; lane++) partial[lane] += partial[lane + half];
  return partial[0];
}

void mexit_global_avg_pool_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n) {
  const float pixels = (float)((int64_t)xm->height * xm->width);
  for (size_t s = 0; s < n; s++)
    for (int32_t c = 0; c < xm->channels; c++)
      y[s][c * ym->channel_stride] = plane_sum(xm, x[s] + c * xm->channel_stride) / pixels;
}
