#pragma once
/* Gradients of mexit_conv2d. The struct is that of the forward convolution: conv.x is the layout of x and of dx,
 * conv.y that of y and of dy. Every layout may carry any halo >= 0; halos hold zero. */
#include "mexit_conv2d.h"

/* dx (+)= transposed convolution of dy: dx[i, ...] = sum over o, ky, kx of weight[o, i, ky, kx] * dy[o, ...].
 * Only interior pixels of dx are written. */
typedef struct mexit_conv2d_backward_data_kernel {
  const char *name;
  mexit_isa isa;
  bool (*supports)(const mexit_conv2d *);
  double (*cost)(const mexit_conv2d *);
  size_t (*packed_floats)(const mexit_conv2d *);
  void (*pack)(const mexit_conv2d *, const float *weight, float *packed);
  size_t (*scratch_floats)(const mexit_conv2d *);
  /* dx[n], dy[n]: pointers to pixel (0,0,0). accumulate: add to dx, else overwrite its interior. */
  void (*run)(const mexit_conv2d *, const float *packed, const float *const *dy, float *const *dx, size_t n,
              bool accumulate, float *scratch);
} mexit_conv2d_backward_data_kernel;
const mexit_conv2d_backward_data_kernel *mexit_conv2d_backward_data_kernels(size_t *count);
const mexit_conv2d_backward_data_kernel *mexit_conv2d_backward_data_choose(const mexit_conv2d *);

/* dweight[l][o, i, ky, kx] += sum over samples and pixels of dy[l][o, ...] * x[i, ...] for each loss l, because all losses share
 * x; dweight is [losses, O, I/groups, kh, kw], with `row` floats from one output channel to the next: I/groups * kh * kw, or more
 * where the input channels are some of a wider convolution's. Lanes are partial sums, so kernels agree to rounding, not to the bit; one kernel always gives the same bits for
 * the same samples in the same order. */
typedef struct mexit_conv2d_backward_weights_kernel {
  const char *name;
  mexit_isa isa;
  bool (*supports)(const mexit_conv2d *);
  double (*cost)(const mexit_conv2d *, int32_t losses);
  size_t (*scratch_floats)(const mexit_conv2d *, int32_t losses);
  /* x is one table of samples, dy one per loss: samples first ..< first + n of every table are worked on. */
  void (*run)(const mexit_conv2d *, const float *const *x, const float *const *const *dy, int32_t losses, size_t first,
              size_t n, float *dweight, int64_t row, float *scratch);
} mexit_conv2d_backward_weights_kernel;
const mexit_conv2d_backward_weights_kernel *mexit_conv2d_backward_weights_kernels(size_t *count);
const mexit_conv2d_backward_weights_kernel *mexit_conv2d_backward_weights_choose(const mexit_conv2d *, int32_t losses);
