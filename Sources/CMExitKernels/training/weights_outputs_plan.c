#include "weights_outputs_plan.h"

bool mexit_weights_outputs_supports(const mexit_conv2d *c) { return c->groups == 1 && mexit_conv2d_fits_halo(c); }

weights_outputs_plan mexit_weights_outputs_plan(const mexit_conv2d *c, int32_t losses, int32_t lanes) {
  const int32_t pixels = c->y.height * c->y.width;
  weights_outputs_plan p = {.rows = (int32_t)mexit_conv2d_taps(c), .outputs = (c->out_channels * losses + lanes - 1) / lanes * lanes};
  p.dy_sample = (int64_t)pixels * p.outputs;
  p.sums = (int64_t)p.rows * p.outputs;
  /* About 128 pixels between two visits of the sums: a block of outputs then stays in the first-level cache. */
  p.block = pixels < 128 ? 128 / pixels : 1;
  return p;
}

size_t mexit_weights_outputs_scratch(const weights_outputs_plan *p) { return (size_t)(p->sums + p->dy_sample * p->block); }

double mexit_weights_outputs_cost(const mexit_conv2d *c, int32_t losses, int32_t lanes, const uint8_t *heights, int32_t widest) {
  const weights_outputs_plan p = mexit_weights_outputs_plan(c, losses, lanes);
  const double pixels = (double)c->y.height * c->y.width;
  const int32_t vectors = p.outputs / lanes, parts = (vectors + widest - 1) / widest;
  double cycles = 0;
  for (int32_t part = 0; part < parts; part++) {
    const int32_t v = vectors * (part + 1) / parts - vectors * part / parts, height = heights[v];
    const double products = 0.5 * height * v, loads = 0.5 * (height + v) + 0.5; /* two a cycle each */
    const double step = products > loads ? products : loads;
    const int32_t tiles = (p.rows + height - 1) / height;
    cycles += tiles * (pixels * step * 1.03 + (20.0 + 2.0 * height * v) / p.block);
  }
  cycles += 0.7 * (double)p.dy_sample + 0.15 * (double)p.sums; /* turning; sums over some 8 samples */
  return cycles * 0.4;
}
