#pragma once
/* One instruction set's versions of the pointwise functions: each for one plane of one sample, or for all of its planes where
 * the work on one is less than a call. */
#include "mexit_pointwise.h"
#include "resize.h"

typedef struct mexit_plane {
  int32_t height, width;
  int64_t x_stride, y_stride; /* floats from row to row */
} mexit_plane;

typedef struct mexit_pointwise_isa {
  void (*scale_shift)(const mexit_plane *, const float *x, float *y, float scale, float bias, bool relu);
  /* The ops without exp: identity, relu, relu6, leaky relu, hard swish. */
  void (*unary)(const mexit_plane *, mexit_unary op, float parameter, const float *x, float *y);
  /* b's rows lie b_stride apart. */
  void (*add)(const mexit_plane *, const float *a, const float *b, int64_t b_stride, float *y, bool relu);
  void (*max_pool)(const mexit_pool2d *, const float *x, float *y);
  void (*avg_pool)(const mexit_pool2d *, const float *x, float *y);  /* all planes */
  void (*clear_halo)(const mexit_map *, float *y);                   /* all planes; halo > 0 */
  void (*linear)(int32_t in_features, int32_t out_features, const float *packed, const float *const *x, float *const *y,
                 size_t n);
  /* One strip of a plane; x and y are the planes' pixels (0, 0). */
  void (*resize)(const mexit_resize_strip *, const float *x, float *y);
} mexit_pointwise_isa;

extern const mexit_pointwise_isa mexit_pointwise__scalar;
#if defined(__x86_64__)
extern const mexit_pointwise_isa mexit_pointwise__avx2;
extern const mexit_pointwise_isa mexit_pointwise__avx512;
#elif defined(__aarch64__)
extern const mexit_pointwise_isa mexit_pointwise__neon;
#endif

/* The best that this CPU runs. */
static inline const mexit_pointwise_isa *mexit_pointwise_best(void) {
#if defined(__x86_64__)
  if (mexit_cpu_has(MEXIT_ISA_AVX512)) return &mexit_pointwise__avx512;
  if (mexit_cpu_has(MEXIT_ISA_AVX2)) return &mexit_pointwise__avx2;
#elif defined(__aarch64__)
  if (mexit_cpu_has(MEXIT_ISA_NEON)) return &mexit_pointwise__neon;
#endif
  return &mexit_pointwise__scalar;
}

/* Output features of one block of packed linear weights: [O/16] blocks of 16 biases, then [I][16] weights. */
#define MEXIT_LINEAR_BLOCK 16

/* Output positions o in begin ..< end have o * stride - pad + tap inside 0 ..< size. */
static inline void mexit_pool_range(int32_t tap, int32_t stride, int32_t pad, int32_t size, int32_t outputs,
                                    int32_t *begin, int32_t *end) {
  *begin = 0;
  *end = outputs;
  if (tap >= pad && (int64_t)(outputs - 1) * stride - pad + tap < size) return; /* most taps: spare the divisions */
  const int64_t first = (int64_t)pad - tap, last = (int64_t)size - 1 + pad - tap;
  const int64_t b = first > 0 ? (first + stride - 1) / stride : 0;
  const int64_t e = last < 0 ? 0 : last / stride + 1;
  *begin = (int32_t)(b < outputs ? b : outputs);
  *end = (int32_t)(e < outputs ? e : outputs);
}
