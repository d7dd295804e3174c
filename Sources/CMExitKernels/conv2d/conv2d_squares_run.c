/* Walks chunks, samples, groups, blocks and slices of a convolution in squares of 2 x 2 outputs. */
#include "conv2d_squares.h"

#include <string.h>

typedef struct walk {
  const mexit_squares_isa *isa;
  const mexit_conv2d *conv;
  const mexit_conv2d_run *run;
  const float *packed;
  mexit_squares_plan plan;
  mexit_squares_chunk chunk;
  size_t first_sample, samples; /* of the pass */
  int32_t first_group, groups;  /* of the batch, counted through the samples of the pass */
  mexit_ahead ahead;
  float *points; /* [groups][channels] */
  float *sums;   /* [groups][9] */
  float *pixels; /* [blocks][samples][pixels] */
} walk;

static mexit_planes_part part_of(const walk *w, int32_t block) {
  const int32_t lanes = w->isa->family->lanes, most = MEXIT_SQUARES_MAX_VECTORS * lanes, first = block * most;
  const int32_t left = w->conv->out_channels - first, outputs = left < most ? left : most;
  const mexit_planes_store *stores = (const mexit_planes_store *)(w->packed + w->plan.store_table);
  return (mexit_planes_part){first, outputs, (outputs + lanes - 1) / lanes * lanes, stores + w->chunk.store_begin, stores + w->chunk.store_end};
}

static float *pixels_of(const walk *w, int32_t block) {
  return w->pixels + (int64_t)block * w->plan.samples * w->plan.pixels * MEXIT_SQUARES_MAX_VECTORS * w->isa->family->lanes;
}

/* Window of a square of the chunk. */
static const float *window(const walk *w, const float *x, int32_t square) {
  const mexit_conv2d *c = w->conv;
  const int64_t row = w->chunk.first_row + square / w->plan.squares, column = square % w->plan.squares;
  return x + (4 * row - c->pad_h) * c->x.row_stride + 4 * column - c->pad_w;
}

static void transform(const walk *w) {
  const int32_t lanes = w->isa->family->lanes, squares = w->chunk.rows * w->plan.squares;
  const bool halves = w->plan.squares % (lanes / 4) != 0;
  mexit_squares_inputs in = {.row_stride = w->conv->x.row_stride,
                             .channel_stride = w->conv->x.channel_stride,
                             .channels = w->conv->in_channels,
                             .points = w->points};
  for (int32_t g = w->first_group; g < w->first_group + w->groups; g++, in.points += in.channels * MEXIT_SQUARES_POINTS * lanes) {
    const float *x = w->run->x[w->first_sample + (size_t)(g / w->chunk.groups)];
    const int32_t first = g % w->chunk.groups * (lanes / 4), second = first + lanes / 8;
    in.low = window(w, x, first);
    in.high = window(w, x, second < squares ? second : first); /* a half left over is computed, not stored */
    w->isa->transform(halves, &in);
  }
}

static void compute(walk *w, int32_t block) {
  const mexit_planes_part part = part_of(w, block);
  const int64_t inputs = w->conv->in_channels, lanes = w->isa->family->lanes, bytes = 4 * 9 * inputs * part.width;
  const int64_t slices = (bytes + MEXIT_SQUARES_SLICE_BYTES - 1) / MEXIT_SQUARES_SLICE_BYTES;
  const float *weights = w->packed + w->plan.weights + 9 * inputs * part.first_output;
  for (int64_t slice = 0; slice < slices; slice++) {
    const int64_t begin = inputs * slice / slices, end = inputs * (slice + 1) / slices;
    for (int32_t g = 0; g < w->groups; g++) {
      const mexit_squares_tile tile = {.points = w->points + (g * inputs + begin) * MEXIT_SQUARES_POINTS * lanes,
                                       .weights = weights + 9 * begin * part.width,
                                       .channels = end - begin,
                                       .sums = w->sums + g * MEXIT_SQUARES_SUMS * (lanes / 4) * part.width,
                                       .first = slice == 0,
                                       .ahead = mexit_ahead_take(&w->ahead, MEXIT_SQUARES_STEPS * (end - begin), weights)};
      w->isa->compute((int)(part.width / lanes), &tile);
    }
  }
}

static void combine(const walk *w, int32_t block) {
  const mexit_planes_part part = part_of(w, block);
  const int32_t lanes = w->isa->family->lanes, group_squares = lanes / 4, squares = w->chunk.rows * w->plan.squares;
  const int64_t width = part.width, columns = w->conv->y.width;
  mexit_squares_outputs out = {.sums = w->sums,
                               .sums_stride = group_squares * width,
                               .bias = w->run->accumulate ? NULL : w->packed + w->plan.biases + part.first_output,
                               .row = columns * width};
  for (int32_t g = 0; g < w->groups; g++, out.sums += MEXIT_SQUARES_SUMS * out.sums_stride) {
    const int32_t sample = (w->first_group + g) / w->chunk.groups, first = (w->first_group + g) % w->chunk.groups * group_squares;
    int32_t row = first / w->plan.squares, column = first % w->plan.squares;
    const float *sums = out.sums;
    float *pixels = pixels_of(w, block) + 2 * (sample * w->chunk.rows + row) * out.row;
    for (int32_t s = 0; s < group_squares && first + s < squares; s++, out.sums += width) {
      out.pixels = pixels + 2 * column * width;
      w->isa->combine((int)(width / lanes), &out);
      if (++column < w->plan.squares) continue;
      column = 0;
      pixels += 2 * out.row;
    }
    out.sums = sums;
  }
}

/* The samples of a pass through some blocks of a chunk. */
static void run_pass(walk *w, int32_t first_block, int32_t end_block) {
  if (w->run->accumulate) {
    for (int32_t block = first_block; block < end_block; block++) {
      const mexit_planes_part part = part_of(w, block);
      float *to = pixels_of(w, block);
      for (size_t s = 0; s < w->samples; s++) to = mexit_planes_gather(w->conv, w->run, &part, w->first_sample + s, to);
    }
  }
  const int32_t all = (int32_t)w->samples * w->chunk.groups;
  for (w->first_group = 0; w->first_group < all; w->first_group += w->groups) {
    w->groups = all - w->first_group < w->plan.batch ? all - w->first_group : w->plan.batch;
    transform(w);
    for (int32_t block = first_block; block < end_block; block++) {
      compute(w, block);
      combine(w, block);
    }
  }
  for (int32_t block = first_block; block < end_block; block++) {
    const mexit_planes_part part = part_of(w, block);
    const float *sums = pixels_of(w, block);
    for (size_t s = 0; s < w->samples; s++)
      sums = mexit_planes_scatter(w->conv, w->run, &part, w->first_sample + s, sums, w->isa->store);
  }
}

void mexit_squares_run(const mexit_squares_isa *isa, const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  walk w = {.isa = isa, .conv = c, .run = run, .packed = packed};
  memcpy(&w.plan, packed, sizeof w.plan);
  const int64_t lanes = isa->family->lanes;
  w.points = (float *)(((uintptr_t)run->scratch + 63) / 64 * 64);
  w.sums = w.points + w.plan.batch * c->in_channels * MEXIT_SQUARES_POINTS * lanes;
  w.pixels = w.sums + w.plan.batch * MEXIT_SQUARES_SUMS * (lanes / 4) * MEXIT_SQUARES_MAX_VECTORS * lanes;
  const size_t blocks = (size_t)w.plan.blocks, most = (size_t)w.plan.samples;
  const int64_t groups = ((int64_t)c->y.height * c->y.width / 4 + lanes / 4 - 1) / (lanes / 4);
  const int64_t steps = (int64_t)run->n * groups * MEXIT_SQUARES_STEPS * c->in_channels;
  w.ahead = mexit_ahead_make(run, steps * (int64_t)(run->unit_end - run->unit_begin) / w.plan.chunks);
  for (size_t unit = run->unit_begin; unit < run->unit_end;) {
    const size_t chunk = unit / blocks, next = (chunk + 1) * blocks < run->unit_end ? (chunk + 1) * blocks : run->unit_end;
    w.chunk = ((const mexit_squares_chunk *)(packed + w.plan.chunk_table))[chunk];
    for (w.first_sample = 0; w.first_sample < run->n; w.first_sample += w.samples) {
      w.samples = run->n - w.first_sample < most ? run->n - w.first_sample : most;
      run_pass(&w, (int32_t)(unit % blocks), (int32_t)(unit % blocks + next - unit));
    }
    unit = next;
  }
}
