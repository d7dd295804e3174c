#include "weights_pixels_plan.h"

static int32_t floor_div(int32_t a, int32_t b) { return a >= 0 ? a / b : -((-a - 1) / b) - 1; }
static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t largest(int32_t a, int32_t b) { return a > b ? a : b; }
/* Nothing but halo between the rows. */
static bool gapless(const mexit_map *m) { return m->row_stride == m->width + m->halo; }

static int32_t phase_of(pixels_plan *p, int32_t y, int32_t x) {
  for (int32_t i = 0; i < p->phases; i++)
    if (p->phase_y[i] == y && p->phase_x[i] == x) return i;
  p->phase_y[p->phases] = y;
  p->phase_x[p->phases] = x;
  return p->phases++;
}

pixels_plan mexit_weights_pixels_plan(const mexit_conv2d *c) {
  pixels_plan p = {.supported = false};
  if (!mexit_conv2d_is_consistent(c) || (int64_t)c->kernel_h * c->kernel_w > MEXIT_PIXELS_TAPS) return p;
  if ((int64_t)least(c->stride_h, c->kernel_h) * least(c->stride_w, c->kernel_w) > MEXIT_PIXELS_PHASES) return p;
  const mexit_map *x = &c->x, *y = &c->y;
  int32_t a0 = floor_div(-c->pad_h, c->stride_h), b0 = floor_div(-c->pad_w, c->stride_w);
  int32_t a1 = floor_div((c->kernel_h - 1) * c->dilation_h - c->pad_h, c->stride_h);
  int32_t b1 = floor_div((c->kernel_w - 1) * c->dilation_w - c->pad_w, c->stride_w);
  p.first_a = a0;
  p.first_b = b0;
  p.rows = y->height + a1 - a0;
  p.columns = y->width + b1 - b0;

  p.x_direct = c->stride_h == 1 && c->stride_w == 1 && gapless(x) && x->row_stride >= y->width && -a0 <= x->halo &&
               -b0 <= x->halo && y->height + a1 <= x->height + x->halo && y->width + b1 <= x->width + x->halo;
  if (p.x_direct) {
    p.rs = (int32_t)x->row_stride;
    p.dy_direct = gapless(y) && y->row_stride == x->row_stride;
  } else {
    p.dy_direct = gapless(y) && y->row_stride >= p.columns;
    p.rs = p.dy_direct ? (int32_t)y->row_stride : p.columns;
  }
  p.run = (int64_t)(y->height - 1) * p.rs + y->width;
  p.plane = ((int64_t)p.rows * p.rs + 15) / 16 * 16;

  int32_t t = 0;
  for (int32_t ky = 0; ky < c->kernel_h; ky++)
    for (int32_t kx = 0; kx < c->kernel_w; kx++, t++) {
      int32_t sy = ky * c->dilation_h - c->pad_h, sx = kx * c->dilation_w - c->pad_w;
      int32_t a = floor_div(sy, c->stride_h), b = floor_div(sx, c->stride_w);
      int32_t phase = phase_of(&p, sy - a * c->stride_h, sx - b * c->stride_w);
      p.tap[t] = phase * p.plane + (int64_t)a * p.rs + b;
    }

  p.x_channel = p.x_direct ? x->channel_stride : p.phases * p.plane;
  p.dy_channel = p.dy_direct ? y->channel_stride : p.plane;
  p.x_origin = p.x_direct ? 0 : -(int64_t)a0 * p.rs - b0;
  p.x_sample = p.x_direct ? 0 : c->in_channels * p.x_channel;
  p.dy_sample = p.dy_direct ? 0 : c->out_channels * p.dy_channel;
  /* A tile ends in sums across lanes, which cost as much as some 200 pixels: short runs share one end, as far as copies
   * of the samples stay in the cache of a core. */
  p.block = least(MEXIT_PIXELS_BLOCK, largest(1, (int32_t)(1024 / p.run)));
  int64_t floats = p.x_sample + p.dy_sample;
  if (floats > 0) p.block = largest(1, least(p.block, (int32_t)((256 << 10) / floats)));
  p.supported = true;
  return p;
}

size_t mexit_weights_pixels_scratch(const pixels_plan *p) {
  return (size_t)(p->x_sample + p->dy_sample) * (size_t)p->block;
}

double mexit_weights_pixels_cost(const mexit_conv2d *c, int32_t losses, int32_t lanes, int32_t tile) {
  pixels_plan p = mexit_weights_pixels_plan(c);
  if (!p.supported) return 1e300;
  int32_t ci = c->in_channels / c->groups, co = c->out_channels / c->groups;
  double parts = (co + tile - 1) / tile, columns = ((int64_t)ci * c->kernel_h * c->kernel_w + 3) / 4;
  double each = (double)co / parts; /* output channels of a tile */
  /* Two multiply-adds a cycle, and never fewer cycles than accumulators have latency or loads have ports. */
  double step = 2 * each > each + 4 ? 2 * each : each + 4;
  double vectors = (double)((p.run + lanes - 1) / lanes);
  double cycles = c->groups * parts * columns * (vectors * (step + 1) + 20 + 20 * each / p.block);
  if (!p.dy_direct) cycles += (double)p.dy_sample * 0.5;
  cycles *= losses;
  if (!p.x_direct) cycles += (double)p.x_sample * 2.8;
  return cycles * 0.4;
}
