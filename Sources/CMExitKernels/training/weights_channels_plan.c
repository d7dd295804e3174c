#include "weights_channels_plan.h"

static int32_t round_up(int32_t a, int32_t to) { return (a + to - 1) / to * to; }

weights_channels_plan mexit_weights_channels_plan(const mexit_conv2d *c, int32_t lanes, int32_t tile) {
  weights_channels_plan p = {.padded = round_up(c->in_channels, lanes), .outputs = round_up(c->out_channels, tile)};
  p.x_sample = (int64_t)c->x.height * c->x.width * p.padded;
  p.dy_sample = (int64_t)c->y.height * c->y.width * p.outputs;
  p.sums = (int64_t)c->kernel_h * c->kernel_w * p.outputs * p.padded;
  /* About 128 pixels between two visits of the sums: the pixels of a tap, 64 channels wide, then fit the first-level cache. */
  int64_t pixels = (int64_t)c->y.height * c->y.width;
  p.block = pixels < 128 ? (int32_t)(128 / pixels) : 1;
  return p;
}

size_t mexit_weights_channels_scratch(const weights_channels_plan *p, int32_t losses) {
  return (size_t)(p->sums * losses + (p->x_sample + p->dy_sample) * p->block);
}

double mexit_weights_channels_cost(const mexit_conv2d *c, int32_t losses, int32_t lanes, int32_t tile, int32_t vectors) {
  weights_channels_plan p = mexit_weights_channels_plan(c, lanes, tile);
  double pixels = 0; /* over all taps */
  for (int32_t ky = 0; ky < c->kernel_h; ky++)
    for (int32_t kx = 0; kx < c->kernel_w; kx++) {
      mexit_span h = mexit_outputs_inside(c->y.height, c->stride_h, ky * c->dilation_h - c->pad_h, c->x.height);
      mexit_span w = mexit_outputs_inside(c->y.width, c->stride_w, kx * c->dilation_w - c->pad_w, c->x.width);
      if (h.last > h.first && w.last > w.first) pixels += (double)(h.last - h.first) * (w.last - w.first);
    }
  int32_t columns = p.padded / lanes, whole = columns / vectors, rest = columns % vectors;
  /* Two multiply-adds a cycle, at least the latency of one, and at least two loads a cycle. */
  double step = whole * (tile * vectors * 0.5 + 1);
  if (rest) step += (tile * rest < 8 ? 4 : tile * rest * 0.5) + 1.5;
  double cycles = pixels * (p.outputs / tile) * step;
  cycles += 0.7 * (double)p.dy_sample + 0.1 * (double)p.sums; /* turning; sums over some 16 samples */
  return (cycles * losses + 0.7 * (double)p.x_sample) * 0.4;
}
