/* The "phases" kernel of the input's gradient. See data_phases_plan.h. */
#include <string.h>

#include "data_phases_plan.h"
#include "training_table.h"

#define NAME(what) mexit_conv2d_backward_data_f32_phases_##what

bool NAME(supports)(const mexit_conv2d *c) {
  mexit_data_plan p;
  mexit_data_phases_plan_make(c, &p);
  return p.supported;
}

double NAME(cost)(const mexit_conv2d *c) {
  mexit_data_plan p;
  mexit_data_phases_plan_make(c, &p);
  double sum = 0.2 * (double)p.dy_sample + 0.4 * (double)p.output_sample;
  for (int32_t i = 0; i < p.count; i++) sum += p.phases[i].forward->cost(&p.phases[i].conv);
  return sum;
}

size_t NAME(packed_floats)(const mexit_conv2d *c) {
  mexit_data_plan p;
  mexit_data_phases_plan_make(c, &p);
  return p.packed_floats;
}

size_t NAME(scratch_floats)(const mexit_conv2d *c) {
  mexit_data_plan p;
  mexit_data_phases_plan_make(c, &p);
  if (p.dy_direct && p.dx_direct) return p.forward_scratch;
  /* The forward kernels may read beyond a copy of dy. */
  return p.forward_scratch + (size_t)(p.dy_sample + p.output_sample) * (size_t)p.block + 2 * MEXIT_READ_SLACK;
}

void NAME(pack)(const mexit_conv2d *c, const float *weight, float *packed) {
  mexit_data_plan p;
  mexit_data_phases_plan_make(c, &p);
  memcpy(packed, &p, mexit_data_plan_bytes(p.count));
  int32_t ci = c->in_channels / c->groups, co = c->out_channels / c->groups;
  int64_t taps = (int64_t)c->kernel_h * c->kernel_w;
  for (int32_t f = 0; f < p.count; f++) {
    const mexit_data_phase *q = &p.phases[f];
    int64_t kept = (int64_t)q->h.count * q->w.count;
    /* Some input channels at a time: their weights are neighbours. */
    for (int32_t some = 0; some < c->in_channels; some += 16)
      for (int32_t o = 0; o < co; o++)
        for (int32_t i = some; i < some + 16 && i < c->in_channels; i++) {
          const float *from = weight + ((int64_t)(i / ci * co + o) * ci + i % ci) * taps;
          float *to = packed + p.turned + ((int64_t)i * co + o) * kept;
          for (int32_t a = 0; a < q->h.count; a++)
            for (int32_t b = 0; b < q->w.count; b++)
              *to++ = from[(q->h.last - a * q->h.step) * c->kernel_w + q->w.last - b * q->w.step];
        }
    q->forward->pack(&q->conv, packed + p.turned, NULL, packed + q->packed);
  }
}

/* The rows of one channel of dx from the phases of one row residue, for any stride; a phase without taps is NULL, zero. */
static void weave_any(const float *const *from, int64_t from_row, int32_t stride, int32_t rows, int32_t width, float *to,
                      int64_t to_row, bool accumulate) {
  for (int32_t r = 0; r < rows; r++, to += to_row)
    for (int32_t b = 0; b < stride; b++)
      for (int32_t x = b, j = 0; x < width; x += stride, j++) {
        float v = from[b] ? from[b][r * from_row + j] : 0;
        to[x] = accumulate ? to[x] + v : v;
      }
}

/* dx (+)= the phases, woven together. */
static void weave(const mexit_conv2d *c, const mexit_data_plan *p, const float *output, float *dx, bool accumulate) {
  const mexit_training_table *table = mexit_training_table_best();
  const mexit_map *m = &c->x;
  const mexit_data_phase *at[MEXIT_DATA_PHASES] = {NULL};
  for (int32_t i = 0; i < p->count; i++) at[p->phases[i].row * c->stride_w + p->phases[i].column] = &p->phases[i];
  for (int32_t i = 0; i < m->channels; i++)
    for (int32_t a = 0; a < c->stride_h && a < m->height; a++) {
      float *to = dx + i * m->channel_stride + a * m->row_stride;
      int64_t to_row = c->stride_h * m->row_stride;
      int32_t rows = (m->height - a + c->stride_h - 1) / c->stride_h;
      const float *from[MEXIT_DATA_PHASES];
      bool two = c->stride_w == 2; /* and both have taps */
      for (int32_t b = 0; b < c->stride_w; b++) {
        const mexit_data_phase *q = at[a * c->stride_w + b];
        from[b] = q ? output + q->output + i * q->conv.y.channel_stride : NULL;
        two = two && q;
      }
      if (two)
        table->weave(rows, m->width, from[0], from[1], p->output_row, to, to_row, accumulate);
      else
        weave_any(from, p->output_row, c->stride_w, rows, m->width, to, to_row, accumulate);
    }
}

void NAME(run)(const mexit_conv2d *c, const float *packed, const float *const *dy, float *const *dx, size_t n,
               bool accumulate, float *scratch) {
  mexit_data_plan p; /* made anew it would cost as much as a small convolution */
  memcpy(&p, packed, mexit_data_plan_bytes(0));
  memcpy(p.phases, (const char *)packed + mexit_data_plan_bytes(0), (size_t)p.count * sizeof *p.phases);
  float *output = p.dx_direct ? NULL : scratch + p.forward_scratch, *copies = NULL;
  if (!p.dy_direct) {
    float *begin = scratch + p.forward_scratch + p.output_sample * p.block;
    mexit_zero_f32(begin, (size_t)(p.dy_sample * p.block) + 2 * MEXIT_READ_SLACK);
    copies = begin + MEXIT_READ_SLACK;
  }
  for (size_t k = 0; k < n; k += (size_t)p.block) {
    size_t count = n - k < (size_t)p.block ? n - k : (size_t)p.block;
    const float *source[64], *x[64];
    float *y[64];
    for (size_t i = 0; i < count; i++) {
      source[i] = dy[k + i];
      if (p.dy_direct) continue;
      float *copy = copies + (int64_t)i * p.dy_sample + mexit_map_origin(&p.dy);
      mexit_copy_f32(&c->y, &p.dy, &source[i], &copy, 1, false);
      source[i] = copy;
    }
    for (int32_t f = 0; f < p.count; f++) {
      const mexit_data_phase *q = &p.phases[f];
      for (size_t i = 0; i < count; i++) {
        x[i] = source[i] + q->shift;
        y[i] = p.dx_direct ? dx[k + i] : output + (int64_t)i * p.output_sample + q->output;
      }
      mexit_conv2d_run run = {.x = x, .y = y, .n = count, .unit_end = q->units,
                              .accumulate = p.dx_direct && accumulate, .activation = MEXIT_ACTIVATION_NONE, .scratch = scratch};
      q->forward->run(&q->conv, packed + q->packed, &run);
    }
    if (!p.dx_direct)
      for (size_t i = 0; i < count; i++) weave(c, &p, output + (int64_t)i * p.output_sample, dx[k + i], accumulate);
  }
}
