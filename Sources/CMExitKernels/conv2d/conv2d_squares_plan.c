/* Plans a convolution in squares of 2 x 2 outputs, and predicts its time. */
#include "conv2d_packed.h"
#include "conv2d_squares.h"

#include <math.h>
#include <string.h>

static int32_t smaller(int64_t a, int64_t b) { return (int32_t)(a < b ? a : b); }
static int32_t larger(int64_t a, int64_t b) { return (int32_t)(a > b ? a : b); }

/* Floats of points that may be in scratch memory together: where the weights stay in the second cache, few enough to stay
 * in the first; else as many as the second takes, so that weights are read seldom. */
enum { FIRST_CACHE = 4 << 10, SECOND_CACHE = 128 << 10, SECOND_CACHE_WEIGHTS = 128 << 10, PIXEL_FLOATS = 64 << 10 };

typedef struct layout {
  mexit_squares_plan plan;
  int32_t chunk_rows;
  double cycles;
  int64_t floats;
} layout;

/* Groups of so many rows of squares. */
static int32_t group_count(const mexit_squares_family *f, int64_t squares, int64_t rows) {
  return (int32_t)((squares * rows + f->lanes / 4 - 1) / (f->lanes / 4));
}

static double predict(const mexit_squares_family *f, const mexit_conv2d *c, int32_t groups, int32_t stores) {
  const double in = c->in_channels, squares = f->lanes / 4.0, vectors = ceil(c->out_channels / (double)f->lanes);
  /* Two multiply-adds a cycle, and what a tile of one vector loads. */
  const double products = 25 * squares / 2 * (vectors + (fmod(vectors, 2) > 0 ? 0.2 : 0)), transform = 20;
  const double combine = 25 * squares * vectors, per_store = 60.0 + 2.5 * f->lanes;
  return groups * (in * (1.08 * products + transform) + combine) + stores * vectors * per_store;
}

static layout lay_out(const mexit_squares_family *f, const mexit_conv2d *c) {
  layout l = {0};
  mexit_squares_plan *p = &l.plan;
  const int32_t rows = c->y.height / 2, vectors = (c->out_channels + f->lanes - 1) / f->lanes;
  p->squares = c->y.width / 2;
  p->blocks = (vectors + MEXIT_SQUARES_MAX_VECTORS - 1) / MEXIT_SQUARES_MAX_VECTORS;
  const int32_t all_groups = group_count(f, p->squares, rows);
  l.cycles = predict(f, c, all_groups, mexit_planes_fill(f->lanes, &c->y, 0, c->y.height, NULL));
  /* A unit should be worth handing to another thread, and the sums of a chunk stay in the second cache. */
  const int64_t row_floats = 2 * (int64_t)c->y.width * vectors * f->lanes;
  const int32_t worthwhile = (int32_t)fmin(l.cycles / 16000.0 / p->blocks, rows);
  l.chunk_rows = larger(1, smaller(rows / larger(1, worthwhile), PIXEL_FLOATS / row_floats));
  l.chunk_rows = smaller(rows, larger(l.chunk_rows, f->lanes / 4 / p->squares)); /* no chunk of less than a group */
  p->chunks = (rows + l.chunk_rows - 1) / l.chunk_rows;
  p->pixels = 2 * l.chunk_rows * c->y.width;
  p->samples = larger(1, smaller(16, PIXEL_FLOATS / (row_floats * l.chunk_rows)));
  const int64_t weights = 9 * (int64_t)c->in_channels * vectors * f->lanes;
  const int64_t most = (weights > SECOND_CACHE_WEIGHTS ? SECOND_CACHE : FIRST_CACHE) / (c->in_channels * MEXIT_SQUARES_POINTS * (int64_t)f->lanes);
  p->batch = larger(1, smaller(most, (int64_t)p->samples * group_count(f, p->squares, l.chunk_rows)));
  int32_t stores = 0;
  for (int32_t first = 0; first < rows; first += l.chunk_rows)
    stores += mexit_planes_fill(f->lanes, &c->y, 2 * first, 2 * smaller(first + l.chunk_rows, rows), NULL);
  int64_t end = 0;
  mexit_packed_place(&end, FLOATS_OF(mexit_squares_plan, 1));
  p->chunk_table = mexit_packed_place(&end, FLOATS_OF(mexit_squares_chunk, p->chunks));
  p->store_table = mexit_packed_place(&end, FLOATS_OF(mexit_planes_store, stores));
  p->biases = mexit_packed_place(&end, (int64_t)vectors * f->lanes);
  p->weights = mexit_packed_place(&end, weights);
  l.floats = end;
  return l;
}

bool mexit_squares_supports(const mexit_conv2d *c) {
  return mexit_conv2d_fits_halo(c) && c->kernel_h == 3 && c->kernel_w == 3 && c->stride_h == 2 && c->stride_w == 2 &&
         c->dilation_h == 1 && c->dilation_w == 1 && c->groups == 1 && c->y.height % 2 == 0 && c->y.width % 4 == 0 &&
         c->in_channels <= 1 << 14 && c->out_channels <= 1 << 14;
}

double mexit_squares_cost(const mexit_squares_family *f, const mexit_conv2d *c) {
  const double nanoseconds_per_cycle = 1.0 / 3.0, per_call = 40.0;
  return per_call + nanoseconds_per_cycle * lay_out(f, c).cycles;
}

size_t mexit_squares_packed_floats(const mexit_squares_family *f, const mexit_conv2d *c) { return (size_t)lay_out(f, c).floats; }

size_t mexit_squares_units(const mexit_squares_family *f, const mexit_conv2d *c) {
  const mexit_squares_plan p = lay_out(f, c).plan;
  return (size_t)p.chunks * (size_t)p.blocks;
}

size_t mexit_squares_scratch_floats(const mexit_squares_family *f, const mexit_conv2d *c) {
  const mexit_squares_plan p = lay_out(f, c).plan;
  const int64_t width = MEXIT_SQUARES_MAX_VECTORS * f->lanes;
  const int64_t points = c->in_channels * MEXIT_SQUARES_POINTS * (int64_t)f->lanes, sums = MEXIT_SQUARES_SUMS * (f->lanes / 4) * width;
  /* One more pixel, which stores read and ignore, and room to start on a cache line. */
  return (size_t)(p.batch * (points + sums) + (int64_t)p.samples * p.pixels * p.blocks * width + width + 16);
}

void mexit_squares_pack(const mexit_squares_family *f, const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {
  const layout l = lay_out(f, c);
  const mexit_squares_plan *p = &l.plan;
  memset(packed, 0, (size_t)l.floats * sizeof(float));
  memcpy(packed, p, sizeof *p);
  mexit_squares_chunk *chunks = (mexit_squares_chunk *)(packed + p->chunk_table);
  mexit_planes_store *stores = (mexit_planes_store *)(packed + p->store_table);
  int32_t store = 0;
  for (int32_t k = 0; k < p->chunks; k++) {
    const int32_t first = k * l.chunk_rows, rows = smaller(l.chunk_rows, c->y.height / 2 - first);
    const int32_t used = mexit_planes_fill(f->lanes, &c->y, 2 * first, 2 * (first + rows), stores + store);
    chunks[k] = (mexit_squares_chunk){first, rows, group_count(f, p->squares, rows), store, store + used};
    store += used;
  }
  if (bias != NULL) memcpy(packed + p->biases, bias, (size_t)c->out_channels * sizeof(float));
  float *to = packed + p->weights;
  const int32_t whole = MEXIT_SQUARES_MAX_VECTORS * f->lanes;
  for (int32_t first = 0; first < c->out_channels; first += whole) {
    const int32_t count = smaller(whole, c->out_channels - first), width = (count + f->lanes - 1) / f->lanes * f->lanes;
    for (int64_t tap = 0; tap < 9 * (int64_t)c->in_channels; tap++, to += width)
      for (int32_t o = 0; o < count; o++) to[o] = weight[(first + o) * 9 * (int64_t)c->in_channels + tap];
  }
}
