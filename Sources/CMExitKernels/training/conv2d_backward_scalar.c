/* Gradients of the convolution in plain C, for every shape: the reference of the faster kernels. */
#include <string.h>

#include "conv2d_backward.h"

#define DATA(what) mexit_conv2d_backward_data_f32_direct__scalar_##what
#define WEIGHTS(what) mexit_conv2d_backward_weights_f32_direct__scalar_##what

bool DATA(supports)(const mexit_conv2d *c) { return mexit_conv2d_is_consistent(c); }
double DATA(cost)(const mexit_conv2d *c) { return mexit_conv2d_backward_macs(c) * 0.6; }
size_t DATA(scratch_floats)(const mexit_conv2d *c) { return (void)c, 0; }
bool WEIGHTS(supports)(const mexit_conv2d *c) { return mexit_conv2d_is_consistent(c); }
double WEIGHTS(cost)(const mexit_conv2d *c, int32_t losses) { return mexit_conv2d_backward_macs(c) * 1.2 * losses; }
size_t WEIGHTS(scratch_floats)(const mexit_conv2d *c, int32_t losses) { return (void)c, (void)losses, 0; }

size_t DATA(packed_floats)(const mexit_conv2d *c) {
  return (size_t)c->out_channels * (size_t)mexit_conv2d_taps(c);
}
void DATA(pack)(const mexit_conv2d *c, const float *weight, float *packed) {
  memcpy(packed, weight, DATA(packed_floats)(c) * sizeof *packed);
}

void DATA(run)(const mexit_conv2d *c, const float *packed, const float *const *dy, float *const *dx, size_t n,
               bool accumulate, float *scratch) {
  (void)scratch;
  int32_t ci = c->in_channels / c->groups, co = c->out_channels / c->groups;
  for (size_t k = 0; k < n; k++) {
    if (!accumulate)
      for (int32_t i = 0; i < c->in_channels; i++)
        for (int32_t r = 0; r < c->x.height; r++)
          memset(dx[k] + i * c->x.channel_stride + r * c->x.row_stride, 0, (size_t)c->x.width * sizeof(float));
    const float *weight = packed;
    for (int32_t o = 0; o < c->out_channels; o++)
      for (int32_t i = 0; i < ci; i++)
        for (int32_t ky = 0; ky < c->kernel_h; ky++)
          for (int32_t kx = 0; kx < c->kernel_w; kx++, weight++) {
            int32_t sy = ky * c->dilation_h - c->pad_h, sx = kx * c->dilation_w - c->pad_w;
            mexit_span h = mexit_outputs_inside(c->y.height, c->stride_h, sy, c->x.height);
            mexit_span w = mexit_outputs_inside(c->y.width, c->stride_w, sx, c->x.width);
            for (int32_t r = h.first; r < h.last; r++) {
              const float *from = dy[k] + o * c->y.channel_stride + r * c->y.row_stride;
              float *to = dx[k] + (o / co * ci + i) * c->x.channel_stride +
                          ((int64_t)r * c->stride_h + sy) * c->x.row_stride + sx;
              for (int32_t q = w.first; q < w.last; q++) to[(int64_t)q * c->stride_w] += *weight * from[q];
            }
          }
  }
}

static void weights_of_loss(const mexit_conv2d *c, const float *const *x, const float *const *dy, size_t n, float *dweight,
                            int64_t row) {
  int32_t ci = c->in_channels / c->groups, co = c->out_channels / c->groups;
  for (int32_t o = 0; o < c->out_channels; o++) {
    float *to = dweight + o * row;
    for (int32_t i = 0; i < ci; i++)
      for (int32_t ky = 0; ky < c->kernel_h; ky++)
        for (int32_t kx = 0; kx < c->kernel_w; kx++, to++) {
          int32_t sy = ky * c->dilation_h - c->pad_h, sx = kx * c->dilation_w - c->pad_w;
          mexit_span h = mexit_outputs_inside(c->y.height, c->stride_h, sy, c->x.height);
          mexit_span w = mexit_outputs_inside(c->y.width, c->stride_w, sx, c->x.width);
          double sum = 0;
          for (size_t k = 0; k < n; k++)
            for (int32_t r = h.first; r < h.last; r++) {
              const float *a = dy[k] + o * c->y.channel_stride + r * c->y.row_stride;
              const float *b = x[k] + (o / co * ci + i) * c->x.channel_stride +
                               ((int64_t)r * c->stride_h + sy) * c->x.row_stride + sx;
              for (int32_t q = w.first; q < w.last; q++) sum += (double)a[q] * b[(int64_t)q * c->stride_w];
            }
          *to += (float)sum;
        }
  }
}

void WEIGHTS(run)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses, size_t first,
                  size_t n, float *dweight, int64_t row, float *scratch) {
  (void)scratch;
  for (int32_t l = 0; l < losses; l++) weights_of_loss(c, x + first, dy[l] + first, n, dweight + l * c->out_channels * row, row);
}
