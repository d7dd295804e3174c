#if defined(__x86_64__)
#include <immintrin.h>

#include "weights_pixels_plan.h"
#include "mexit_training.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "lanes_avx2.h"
#define TILE_O 3
#include "weights_pixels.h"
#pragma clang attribute pop

#define NAME(what) mexit_conv2d_backward_weights_f32_pixels__avx2_##what
bool NAME(supports)(const mexit_conv2d *c) { return mexit_weights_pixels_plan(c).supported; }
size_t NAME(scratch_floats)(const mexit_conv2d *c, int32_t losses) {
  (void)losses;
  pixels_plan p = mexit_weights_pixels_plan(c);
  return mexit_weights_pixels_scratch(&p);
}
double NAME(cost)(const mexit_conv2d *c, int32_t losses) {
  return mexit_weights_pixels_cost(c, losses, LANES, TILE_O);
}
void NAME(run)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses, size_t first,
               size_t n, float *dweight, int64_t row, float *scratch) {
  mexit_weights_pixels__avx2(c, x, dy, losses, first, n, dweight, row, scratch);
}
#endif
