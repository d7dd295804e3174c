/* Pointwise functions for any CPU. */
#include "pointwise_isa.h"

#define NAME(f) f##__scalar
#include "pointwise_template.h"

static void linear__scalar(int32_t in_features, int32_t out_features, const float *packed, const float *const *x,
                           float *const *y, size_t n) {
  const int64_t block_floats = (int64_t)MEXIT_LINEAR_BLOCK * (1 + (int64_t)in_features);
  for (size_t sample = 0; sample < n; sample++) {
    for (int32_t o = 0; o < out_features; o++) {
      const float *column = packed + o / MEXIT_LINEAR_BLOCK * block_floats + o % MEXIT_LINEAR_BLOCK;
      float sum = column[0];
      for (int32_t i = 0; i < in_features; i++)
        sum = __builtin_fmaf(column[(int64_t)MEXIT_LINEAR_BLOCK * (i + 1)], x[sample][i], sum);
      y[sample][o] = sum;
    }
  }
}

const mexit_pointwise_isa mexit_pointwise__scalar = {scale_shift__scalar, unary__scalar,      add__scalar,   max_pool__scalar,
                                                     avg_pool__scalar,    clear_halo__scalar, linear__scalar, resize__scalar};
