/* Backward of activations, pools and upsampling, in plain C: together they are a few per cent of a training step. */
#include <math.h>

#include "training_table.h"

/* d op / d x at x. At a kink the derivative from the left, as PyTorch has it. */
static float slope(mexit_unary op, float parameter, float x) {
  switch (op) {
  case MEXIT_UNARY_IDENTITY: return 1;
  case MEXIT_UNARY_RELU: return x > 0 ? 1 : 0;
  case MEXIT_UNARY_RELU6: return x > 0 && x < 6 ? 1 : 0;
  case MEXIT_UNARY_LEAKY_RELU: return x > 0 ? 1 : parameter;
  case MEXIT_UNARY_SIGMOID: {
    float s = 1 / (1 + expf(-x));
    return s * (1 - s);
  }
  case MEXIT_UNARY_TANH: {
    float t = tanhf(x);
    return 1 - t * t;
  }
  case MEXIT_UNARY_SILU: {
    float s = 1 / (1 + expf(-x));
    return s * (1 + x * (1 - s));
  }
  case MEXIT_UNARY_HARD_SWISH: return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
  case MEXIT_UNARY_GELU:
    return 0.5f * erfcf(-x * 0.70710678f) + x * 0.39894228f * expf(-0.5f * x * x);
  }
  return 1;
}

void mexit_unary_backward_f32(mexit_unary op, float parameter, const mexit_map *xm, const mexit_map *dym,
                              const mexit_map *dxm, const float *const *x, const float *const *dy, float *const *dx,
                              size_t n, bool accumulate) {
  if (op == MEXIT_UNARY_RELU) {
    mexit_training_table_best()->relu_backward(dxm->height, dxm->width, xm, dym, dxm, x, dy, dx, n, accumulate);
    return;
  }
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < dxm->channels; c++)
      for (int32_t r = 0; r < dxm->height; r++) {
        const float *xr = x[k] + c * xm->channel_stride + r * xm->row_stride;
        const float *gr = dy[k] + c * dym->channel_stride + r * dym->row_stride;
        float *to = dx[k] + c * dxm->channel_stride + r * dxm->row_stride;
        for (int32_t i = 0; i < dxm->width; i++) {
          float v = gr[i] * slope(op, parameter, xr[i]);
          to[i] = accumulate ? to[i] + v : v;
        }
      }
}

void mexit_upsample_nearest_backward_f32(const mexit_map *dxm, const mexit_map *dym, const float *const *dy,
                                         float *const *dx, size_t n, bool accumulate) {
  int32_t fh = dym->height / dxm->height, fw = dym->width / dxm->width;
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < dxm->channels; c++)
      for (int32_t r = 0; r < dxm->height; r++) {
        float *to = dx[k] + c * dxm->channel_stride + r * dxm->row_stride;
        for (int32_t i = 0; i < dxm->width; i++) {
          float sum = accumulate ? to[i] : 0;
          for (int32_t a = 0; a < fh; a++) {
            const float *gr = dy[k] + c * dym->channel_stride + (r * fh + a) * dym->row_stride + (int64_t)i * fw;
            for (int32_t b = 0; b < fw; b++) sum += gr[b];
          }
          to[i] = sum;
        }
      }
}

void mexit_max_pool2d_backward_f32(const mexit_pool2d *p, const float *const *dy, const int32_t *const *argmax,
                                   float *const *dx, size_t n, bool accumulate) {
  const mexit_map *xm = &p->x, *ym = &p->y;
  for (size_t k = 0; k < n; k++) {
    if (!accumulate) mexit_zero_interior(xm, dx[k]);
    const int32_t *at = argmax[k];
    for (int32_t c = 0; c < ym->channels; c++) {
      float *to = dx[k] + c * xm->channel_stride;
      for (int32_t r = 0; r < ym->height; r++) {
        const float *gr = dy[k] + c * ym->channel_stride + r * ym->row_stride;
        for (int32_t i = 0; i < ym->width; i++, at++)
          to[*at / xm->width * xm->row_stride + *at % xm->width] += gr[i];
      }
    }
  }
}

static int32_t largest(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

void mexit_avg_pool2d_backward_f32(const mexit_pool2d *p, const float *const *dy, float *const *dx, size_t n,
                                   bool accumulate) {
  const mexit_map *xm = &p->x, *ym = &p->y;
  for (size_t k = 0; k < n; k++) {
    if (!accumulate) mexit_zero_interior(xm, dx[k]);
    for (int32_t c = 0; c < ym->channels; c++)
      for (int32_t r = 0; r < ym->height; r++) {
        const float *gr = dy[k] + c * ym->channel_stride + r * ym->row_stride;
        int32_t y0 = r * p->stride_h - p->pad_h, y1 = least(y0 + p->kernel_h, xm->height);
        y0 = largest(y0, 0);
        for (int32_t i = 0; i < ym->width; i++) {
          int32_t x0 = i * p->stride_w - p->pad_w, x1 = least(x0 + p->kernel_w, xm->width);
          x0 = largest(x0, 0);
          int32_t count = p->count_include_pad ? p->kernel_h * p->kernel_w : (y1 - y0) * (x1 - x0);
          float share = gr[i] / (float)count;
          for (int32_t a = y0; a < y1; a++) {
            float *to = dx[k] + c * xm->channel_stride + a * xm->row_stride;
            for (int32_t b = x0; b < x1; b++) to[b] += share;
          }
        }
      }
  }
}

void mexit_global_avg_pool_backward_f32(const mexit_map *dxm, const mexit_map *dym, const float *const *dy,
                                        float *const *dx, size_t n, bool accumulate) {
  float pixels = (float)dxm->height * (float)dxm->width;
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < dxm->channels; c++) {
      float share = dy[k][c * dym->channel_stride] / pixels;
      for (int32_t r = 0; r < dxm->height; r++) {
        float *to = dx[k] + c * dxm->channel_stride + r * dxm->row_stride;
        for (int32_t i = 0; i < dxm->width; i++) to[i] = accumulate ? to[i] + share : share;
      }
    }
}
