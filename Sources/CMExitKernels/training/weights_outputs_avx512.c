#if defined(__x86_64__)
#include <immintrin.h>

#include "mexit_training.h"
#include "weights_outputs_plan.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#include "lanes_avx512.h"
#include "weights_outputs.h"
#pragma clang attribute pop

#define NAME(what) mexit_conv2d_backward_weights_f32_outputs__avx512_##what
bool NAME(supports)(const mexit_conv2d *c) { return mexit_weights_outputs_supports(c); }
size_t NAME(scratch_floats)(const mexit_conv2d *c, int32_t losses) {
  const weights_outputs_plan p = mexit_weights_outputs_plan(c, losses, LANES);
  return mexit_weights_outputs_scratch(&p);
}
double NAME(cost)(const mexit_conv2d *c, int32_t losses) {
  return mexit_weights_outputs_cost(c, losses, LANES, outputs_heights, OUTPUTS_WIDEST);
}
void NAME(run)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses, size_t first,
               size_t n, float *dweight, int64_t row, float *scratch) {
  mexit_weights_outputs__avx512(c, x, dy, losses, first, n, dweight, row, scratch);
}
#endif
