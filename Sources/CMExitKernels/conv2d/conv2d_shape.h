#pragma once
/* What all convolution kernels share: sizes, checks and the scalar activation. */
#include "mexit_conv2d.h"

/* v < 0 ? 0 : v rather than max(v, 0), so that NaN stays visible. */
static inline float mexit_activate(float v, mexit_activation activation) {
  return activation == MEXIT_ACTIVATION_RELU && v < 0.0f ? 0.0f : v;
}

static inline int32_t mexit_conv2d_group_inputs(const mexit_conv2d *c) { return c->in_channels / c->groups; }
static inline int32_t mexit_conv2d_group_outputs(const mexit_conv2d *c) { return c->out_channels / c->groups; }

/* Multiply-adds per output value. */
static inline int64_t mexit_conv2d_taps(const mexit_conv2d *c) {
  return (int64_t)mexit_conv2d_group_inputs(c) * c->kernel_h * c->kernel_w;
}

static inline int64_t mexit_conv2d_macs(const mexit_conv2d *c) {
  return mexit_conv2d_taps(c) * c->out_channels * c->y.height * c->y.width;
}

/* True when the numbers make sense together: every direct kernel needs this much. */
bool mexit_conv2d_is_consistent(const mexit_conv2d *c);
/* True when, beyond that, padding is ordinary memory and every offset inside one sample fits 32 bits. */
bool mexit_conv2d_fits_halo(const mexit_conv2d *c);
/* offsets[(i, ky, kx)]: from x at the window's place with no padding to each tap, for the first group. */
void mexit_conv2d_tap_offsets(const mexit_conv2d *c, int32_t *offsets);
