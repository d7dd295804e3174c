#pragma once
/* What the kernels of the convolution's gradients share. */
#include "mexit_conv2d_backward.h"

#include "../conv2d/conv2d_shape.h"

/* Multiply-adds of one sample, the same in all three directions. */
static inline double mexit_conv2d_backward_macs(const mexit_conv2d *c) {
  return (double)c->out_channels * (c->in_channels / c->groups) * c->kernel_h * c->kernel_w * c->y.height * c->y.width;
}

/* The outputs first ..< last whose window holds input pixel `output * stride + shift`, inside 0 ..< size. */
typedef struct { int32_t first, last; } mexit_span;
static inline mexit_span mexit_outputs_inside(int32_t outputs, int32_t stride, int32_t shift, int32_t size) {
  mexit_span r = {0, outputs};
  if (shift < 0) r.first = (-shift - 1) / stride + 1;
  int32_t room = size - 1 - shift; /* largest output * stride */
  if (room < 0) r.last = 0;
  else if (room / stride + 1 < r.last) r.last = room / stride + 1;
  return r;
}

/* The functions of every kernel in the register. */
#define DATA(isa, name)                                                                                        \
  bool mexit_conv2d_backward_data_##name##_supports(const mexit_conv2d *);                                     \
  double mexit_conv2d_backward_data_##name##_cost(const mexit_conv2d *);                                       \
  size_t mexit_conv2d_backward_data_##name##_packed_floats(const mexit_conv2d *);                              \
  void mexit_conv2d_backward_data_##name##_pack(const mexit_conv2d *, const float *, float *);                 \
  size_t mexit_conv2d_backward_data_##name##_scratch_floats(const mexit_conv2d *);                             \
  void mexit_conv2d_backward_data_##name##_run(const mexit_conv2d *, const float *, const float *const *, float *const *, \
                                               size_t, bool, float *);
#define WEIGHTS(isa, name)                                                                                     \
  bool mexit_conv2d_backward_weights_##name##_supports(const mexit_conv2d *);                                  \
  double mexit_conv2d_backward_weights_##name##_cost(const mexit_conv2d *, int32_t);                           \
  size_t mexit_conv2d_backward_weights_##name##_scratch_floats(const mexit_conv2d *, int32_t);                 \
  void mexit_conv2d_backward_weights_##name##_run(const mexit_conv2d *, const float *const *, const float *const *const *, \
                                                  int32_t, size_t, size_t, float *, int64_t, float *);
#include "conv2d_backward_kernels.h"
#undef DATA
#undef WEIGHTS
