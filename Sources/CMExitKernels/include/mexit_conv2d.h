#pragma once
/* Two-dimensional convolution, f32, forward (the definition is cross-correlation, as in every deep-learning library):
 *
 *   y[o, h, w] = act( bias[o] + sum over i, ky, kx of
 *                     weight[o, i, ky, kx] * x[g*I + i, h*stride_h - pad_h + ky*dilation_h, w*stride_w - pad_w + ...] )
 *
 * with I = in_channels / groups and g the group of o. Weights are [out_channels, I, kernel_h, kernel_w], row-major.
 *
 * Order of arithmetic, the same in every direct kernel: one accumulator per output value starts at the bias (or at the
 * old y when `accumulate` is set) and takes one fused multiply-add per (i, ky, kx), i outermost, kx innermost; padding
 * contributes fma(w, 0, acc). So the result does not depend on tile, batch, thread count or instruction set: all direct
 * kernels agree bit for bit, and tests compare them for equality. A kernel that reorders (Winograd) sets `reorders`.
 */
#include "mexit_cpu.h"
#include "mexit_map.h"

typedef enum mexit_activation { MEXIT_ACTIVATION_NONE = 0, MEXIT_ACTIVATION_RELU = 1 } mexit_activation;

/* One convolution with its shapes and layouts fixed. x.halo >= pad for all kernels but the scalar one. */
typedef struct mexit_conv2d {
  int32_t in_channels, out_channels, groups;
  int32_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  mexit_map x, y;
} mexit_conv2d;

/* What one run works on: `n` samples, each with its own x and y (pointers to pixel (0,0,0)), which need not be
 * neighbours, and a range of the kernel's work units, so that threads can share one convolution.
 * x and y must not overlap. */
typedef struct mexit_conv2d_run {
  const float *const *x;     /* [n] */
  float *const *y;           /* [n] */
  const float *const *add;   /* NULL, or [n] maps of y's layout that are added before the activation */
  size_t n;
  size_t unit_begin, unit_end; /* of 0 ..< kernel->units(conv) */
  bool accumulate;           /* start from y instead of from the bias */
  mexit_activation activation;
  float *scratch;            /* kernel->scratch_floats(conv) floats, private to the caller; NULL when that is 0 */
  const float *ahead;        /* memory that will be read soon, for kernels that fetch ahead; else not looked at */
  size_t ahead_floats;
} mexit_conv2d_run;

typedef struct mexit_conv2d_kernel {
  const char *name;
  mexit_isa isa;
  bool reorders; /* does not keep the order of arithmetic above */
  /* Floats of `ahead` that it fetches into the second cache per 1000 multiply-adds, at most; 0 when it does not. */
  int32_t fetches;
  bool (*supports)(const mexit_conv2d *);
  /* Predicted time of one sample in nanoseconds on a nominal machine: used to choose between kernels. */
  double (*cost)(const mexit_conv2d *);
  size_t (*packed_floats)(const mexit_conv2d *);
  /* bias may be NULL (zero). packed needs the alignment of float; on a 64-byte boundary kernels run fastest. */
  void (*pack)(const mexit_conv2d *, const float *weight, const float *bias, float *packed);
  size_t (*units)(const mexit_conv2d *);
  size_t (*scratch_floats)(const mexit_conv2d *);
  void (*run)(const mexit_conv2d *, const float *packed, const mexit_conv2d_run *);
} mexit_conv2d_kernel;

/* Every kernel compiled into this library, scalar reference first. */
const mexit_conv2d_kernel *mexit_conv2d_kernels(size_t *count);
/* The direct kernel with the least predicted cost that this CPU runs and that supports the convolution; never NULL. */
const mexit_conv2d_kernel *mexit_conv2d_choose(const mexit_conv2d *);
/* The same among all kernels, those that reorder too. Packing for them costs more: for weights that are used often. */
const mexit_conv2d_kernel *mexit_conv2d_choose_any(const mexit_conv2d *);
