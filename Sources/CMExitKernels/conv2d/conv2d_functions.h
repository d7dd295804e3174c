#pragma once
/* The functions of every convolution kernel, declared from the one list. */
#include "conv2d_shape.h"

#define KERNEL(isa, name, reorders, fetches)                                                       \
  bool name##_supports(const mexit_conv2d *);                                                      \
  double name##_cost(const mexit_conv2d *);                                                        \
  size_t name##_packed_floats(const mexit_conv2d *);                                               \
  void name##_pack(const mexit_conv2d *, const float *weight, const float *bias, float *packed);   \
  size_t name##_units(const mexit_conv2d *);                                                       \
  size_t name##_scratch_floats(const mexit_conv2d *);                                              \
  void name##_run(const mexit_conv2d *, const float *packed, const mexit_conv2d_run *);
#include "conv2d_kernels.h"
#undef KERNEL
