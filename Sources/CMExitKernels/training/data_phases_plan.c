#include "data_phases_plan.h"

#include <string.h>

static int32_t largest(int32_t a, int32_t b) { return a > b ? a : b; }
static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

static mexit_phase_axis axis(int32_t phase, int32_t size, int32_t kernel, int32_t stride, int32_t pad, int32_t dilation) {
  mexit_phase_axis p = {.outputs = (size - phase + stride - 1) / stride};
  for (int32_t k = 0; k < kernel; k++) {
    if ((phase + pad - k * dilation) % stride != 0) continue;
    int32_t at = (phase + pad - k * dilation) / stride;
    if (p.count > 0) p.step = k - p.last, p.dilation = p.first - at;
    p.first = at; /* larger taps read earlier rows */
    p.last = k;
    p.count++;
  }
  if (p.count < 2) p.step = p.dilation = 1;
  return p;
}

/* How far a phase reads beyond 0 ..< size. */
static int32_t reach(const mexit_phase_axis *p, int32_t size) {
  return largest(-p->first, p->first + (p->count - 1) * p->dilation + p->outputs - size);
}

/* A forward convolution has equal padding on both sides, of zeros, and as many outputs as that gives. So its x is a window
 * of dy, moved by `shift` and of `size` pixels, that leaves out equally much halo on both sides and takes in what is over. */
typedef struct { int32_t pad, shift, size; } window;
static window window_of(const mexit_phase_axis *p, int32_t size) {
  int32_t span = p->outputs + (p->count - 1) * p->dilation;
  window w = {.pad = largest(0, least(-p->first, p->first + span - size))};
  w.shift = p->first + w.pad;
  w.size = span - 2 * w.pad;
  return w;
}

static bool add_phase(const mexit_conv2d *c, mexit_data_plan *p, mexit_data_phase f) {
  window h = window_of(&f.h, p->dy.height), w = window_of(&f.w, p->dy.width);
  if (h.size <= 0 || w.size <= 0 || w.size > p->dy.row_stride) return false;
  f.shift = h.shift * p->dy.row_stride + w.shift;
  f.conv = (mexit_conv2d){c->out_channels, c->in_channels, c->groups, f.h.count,      f.w.count, 1, 1,
                          h.pad,           w.pad,          f.h.dilation, f.w.dilation, p->dy,     c->x};
  f.conv.x.height = h.size;
  f.conv.x.width = w.size;
  f.conv.x.halo = largest(h.pad, w.pad);
  if (!p->dx_direct) {
    int64_t plane = ((int64_t)f.h.outputs * p->output_row + 15) / 16 * 16;
    f.conv.y = (mexit_map){c->in_channels, f.h.outputs, f.w.outputs, 0, p->output_row, plane};
    f.output = p->output_sample;
    p->output_sample += (mexit_map_floats(&f.conv.y) + 15) / 16 * 16;
  }
  f.forward = mexit_conv2d_choose(&f.conv);
  f.units = f.forward->units(&f.conv);
  f.packed = p->packed_floats;
  p->packed_floats += (f.forward->packed_floats(&f.conv) + 15) / 16 * 16;
  size_t scratch = f.forward->scratch_floats(&f.conv);
  if (scratch > p->forward_scratch) p->forward_scratch = scratch;
  p->phases[p->count++] = f;
  return true;
}

void mexit_data_phases_plan_make(const mexit_conv2d *c, mexit_data_plan *p) {
  memset(p, 0, sizeof *p);
  if (!mexit_conv2d_is_consistent(c) || (int64_t)c->stride_h * c->stride_w > MEXIT_DATA_PHASES) return;
  p->dx_direct = c->stride_h == 1 && c->stride_w == 1;
  p->output_row = (c->x.width + c->stride_w - 1) / c->stride_w;
  int32_t halo = 0;
  for (int32_t a = 0; a < least(c->stride_h, c->x.height); a++) {
    mexit_phase_axis h = axis(a, c->x.height, c->kernel_h, c->stride_h, c->pad_h, c->dilation_h);
    if (h.count) halo = largest(halo, reach(&h, c->y.height));
  }
  for (int32_t b = 0; b < least(c->stride_w, c->x.width); b++) {
    mexit_phase_axis w = axis(b, c->x.width, c->kernel_w, c->stride_w, c->pad_w, c->dilation_w);
    if (w.count) halo = largest(halo, reach(&w, c->y.width));
  }
  p->dy_direct = c->y.halo >= halo;
  p->dy = p->dy_direct ? c->y : mexit_map_make(c->out_channels, c->y.height, c->y.width, halo);
  p->packed_floats = (mexit_data_plan_bytes(MEXIT_DATA_PHASES) / sizeof(float) + 15) / 16 * 16;
  /* With the same distance between rows on both sides, a vector of results is stored whole. */
  if (p->dy.row_stride > p->output_row && p->dy.row_stride <= 2 * (int64_t)p->output_row) p->output_row = p->dy.row_stride;
  p->dy_sample = p->dy_direct ? 0 : (mexit_map_floats(&p->dy) + 15) / 16 * 16;

  for (int32_t a = 0; a < least(c->stride_h, c->x.height); a++)
    for (int32_t b = 0; b < least(c->stride_w, c->x.width); b++) {
      mexit_data_phase f = {axis(a, c->x.height, c->kernel_h, c->stride_h, c->pad_h, c->dilation_h),
                            axis(b, c->x.width, c->kernel_w, c->stride_w, c->pad_w, c->dilation_w), .row = a, .column = b};
      if (f.h.count && f.w.count && !add_phase(c, p, f)) return;
    }
  p->turned = p->packed_floats;
  p->packed_floats += (size_t)c->out_channels * (size_t)mexit_conv2d_taps(c);
  int64_t floats = p->dy_sample + p->output_sample;
  p->block = floats > 0 ? largest(1, least(64, (int32_t)((256 << 10) / floats))) : 64;
  p->supported = true;
}
