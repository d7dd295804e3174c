#if defined(__x86_64__)
#include <immintrin.h>

#include "mexit_training.h"
#include "weights_channels_plan.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "lanes_avx2.h"
#define TILE_O 6
#define TILE_V 2
#include "weights_channels.h"
#pragma clang attribute pop

#define NAME(what) mexit_conv2d_backward_weights_f32_channels__avx2_##what
bool NAME(supports)(const mexit_conv2d *c) { return c->groups == 1 && mexit_conv2d_is_consistent(c); }
size_t NAME(scratch_floats)(const mexit_conv2d *c, int32_t losses) {
  weights_channels_plan p = mexit_weights_channels_plan(c, LANES, TILE_O);
  return mexit_weights_channels_scratch(&p, losses);
}
double NAME(cost)(const mexit_conv2d *c, int32_t losses) {
  return mexit_weights_channels_cost(c, losses, LANES, TILE_O, TILE_V);
}
void NAME(run)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses, size_t first,
               size_t n, float *dweight, int64_t row, float *scratch) {
  mexit_weights_channels__avx2(c, x, dy, losses, first, n, dweight, row, scratch);
}
#endif
