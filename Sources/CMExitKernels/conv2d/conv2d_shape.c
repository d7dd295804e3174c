/* Checks and offsets that the convolution kernels share. */
#include "conv2d_shape.h"

static bool map_is_consistent(const mexit_map *m, int32_t channels) {
  return m->channels == channels && m->height > 0 && m->width > 0 && m->halo >= 0 && m->row_stride >= m->width &&
         (m->channel_stride > 0 || m->channels == 1);
}

static bool axis_is_consistent(int32_t in, int32_t out, int32_t kernel, int32_t stride, int32_t pad, int32_t dilation) {
  if (kernel <= 0 || stride <= 0 || pad < 0 || dilation <= 0) return false;
  const int64_t room = (int64_t)in + 2 * (int64_t)pad - (int64_t)dilation * (kernel - 1) - 1;
  return room >= 0 && out == room / stride + 1;
}

bool mexit_conv2d_is_consistent(const mexit_conv2d *c) {
  return c->groups > 0 && c->in_channels > 0 && c->out_channels > 0 && c->in_channels % c->groups == 0 &&
         c->out_channels % c->groups == 0 && map_is_consistent(&c->x, c->in_channels) &&
         map_is_consistent(&c->y, c->out_channels) &&
         axis_is_consistent(c->x.height, c->y.height, c->kernel_h, c->stride_h, c->pad_h, c->dilation_h) &&
         axis_is_consistent(c->x.width, c->y.width, c->kernel_w, c->stride_w, c->pad_w, c->dilation_w);
}

static bool fits_32_bits(const mexit_map *m) {
  const int64_t limit = (int64_t)1 << 30;
  if (m->row_stride >= limit || m->channel_stride >= limit) return false;
  const int64_t rows = ((int64_t)m->height + 2 * (int64_t)m->halo + 1) * m->row_stride;
  return rows < limit && m->channels * m->channel_stride + rows < limit;
}

bool mexit_conv2d_fits_halo(const mexit_conv2d *c) {
  return mexit_conv2d_is_consistent(c) && c->x.halo >= c->pad_h && c->x.halo >= c->pad_w &&
         c->x.row_stride >= (int64_t)c->x.width + c->pad_w && /* else one row's padding is the next row's pixels */
         mexit_conv2d_taps(c) < (int64_t)1 << 24 && fits_32_bits(&c->x) && fits_32_bits(&c->y);
}

void mexit_conv2d_tap_offsets(const mexit_conv2d *c, int32_t *offsets) {
  const int32_t inputs = mexit_conv2d_group_inputs(c);
  for (int32_t i = 0; i < inputs; i++) {
    for (int32_t ky = 0; ky < c->kernel_h; ky++) {
      for (int32_t kx = 0; kx < c->kernel_w; kx++) {
        *offsets++ = (int32_t)(i * c->x.channel_stride + (ky * c->dilation_h - c->pad_h) * c->x.row_stride +
                               kx * c->dilation_w - c->pad_w);
      }
    }
  }
}
