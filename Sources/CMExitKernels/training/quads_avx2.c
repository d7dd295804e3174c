#if defined(__x86_64__)
#include <immintrin.h>

#include "mexit_training.h"
#include "quads_plan.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "lanes_avx2.h"
#include "quads.h"
#pragma clang attribute pop

#define NAME(what) mexit_conv2d_backward_data_f32_quads__avx2_##what
bool NAME(supports)(const mexit_conv2d *c) { return mexit_quads_supports(c); }
double NAME(cost)(const mexit_conv2d *c) { return mexit_quads_cost(c, LANES); }
size_t NAME(packed_floats)(const mexit_conv2d *c) { return (size_t)9 * (size_t)c->in_channels * (size_t)c->out_channels; }
void NAME(pack)(const mexit_conv2d *c, const float *weight, float *packed) { mexit_quads_pack(c, weight, packed); }
size_t NAME(scratch_floats)(const mexit_conv2d *c) { return mexit_quads_scratch(c, LANES); }
void NAME(run)(const mexit_conv2d *c, const float *packed, const float *const *dy, float *const *dx, size_t n, bool accumulate,
               float *scratch) {
  mexit_quads__avx2(c, packed, dy, dx, n, accumulate, scratch);
}
#endif
