/* Plans a Winograd convolution, transforms its weights, and predicts its time. */
#include "conv2d_winograd_grid.h"
#include "conv2d_packed.h"

#include <math.h>
#include <string.h>

enum { FIRST_CACHE = 8 << 10, SECOND_CACHE = 256 << 10 }; /* floats that t may take of each: two thirds, half */

static int32_t smaller(int64_t a, int64_t b) { return (int32_t)(a < b ? a : b); }
static int32_t larger(int64_t a, int64_t b) { return (int32_t)(a > b ? a : b); }

typedef struct layout {
  mexit_winograd_plan plan;
  mexit_winograd_grid grid;
  int32_t chunk_vectors;
  double cycles;
  int64_t floats;
} layout;

/* The tile that pads the channels least. */
static mexit_winograd_shape choose_shape(const mexit_winograd_family *f, const mexit_conv2d *c) {
  mexit_winograd_shape best = f->shapes[0];
  for (int32_t i = 1; i < f->shape_count; i++) {
    const int32_t height = f->shapes[i].height;
    if ((c->out_channels + height - 1) / height * height < (c->out_channels + best.height - 1) / best.height * best.height) best = f->shapes[i];
  }
  return best;
}

static double predict(const mexit_winograd_family *f, const mexit_conv2d *c, const layout *l) {
  const mexit_winograd_plan *p = &l->plan;
  const double in = c->in_channels, out = (double)l->plan.blocks * p->height, entries = (double)l->plan.entries * l->plan.chunks;
  const double segments = 1 + f->lanes / (double)(l->grid.kind == MEXIT_WINOGRAD_ROW_BY_ROW ? 1 << 20 : l->grid.pitch);
  const double tile = p->height / 2.0 * 1.15 * (l->plan.has_halves ? 1.1 : 1), small = l->plan.vectors == 1 ? 1.1 : 1;
  const double arithmetic = entries * in * (10 + 8 * segments) + l->plan.vectors * (out * (16 + 8 * segments) + 18 * in * l->plan.blocks * tile * small);
  /* Transformed weights that do not stay in the second cache come at about 6 bytes per cycle, once per chunk. */
  const double bytes = 4.0 * 18 * in * out;
  return bytes > (1 << 20) ? fmax(arithmetic, l->plan.chunks * bytes / 6.0) : arithmetic;
}

/* Chunks: t in the first cache, if a full tile's is; else in the second. Where the weights leave the second cache, as many
 * results as possible should use them each time. */
static void choose_chunks(const mexit_winograd_family *f, const mexit_conv2d *c, layout *l) {
  mexit_winograd_plan *p = &l->plan;
  const int64_t entry = (int64_t)MEXIT_WINOGRAD_POINTS * c->in_channels * f->lanes;
  const bool streams = 3 * MEXIT_WINOGRAD_POINTS * (int64_t)c->in_channels * p->blocks * p->height > SECOND_CACHE;
  int64_t most = FIRST_CACHE / entry - 1;
  if (streams || most < p->tile_vectors) most = smaller(SECOND_CACHE / entry - 1, streams ? 96 : 2 * p->tile_vectors);
  most = larger(most, p->tile_vectors);
  p->chunks = smaller((p->vectors + most - 1) / most, p->vectors);
  l->chunk_vectors = (p->vectors + p->chunks - 1) / p->chunks;
  p->chunks = (p->vectors + l->chunk_vectors - 1) / l->chunk_vectors;
  for (int32_t k = 0; k < p->chunks; k++) {
    const int32_t begin = k * l->chunk_vectors, end = smaller(p->vectors, begin + l->chunk_vectors);
    p->entries = larger(p->entries, mexit_winograd_entries(&l->grid, begin, end));
  }
  p->samples = larger(1, smaller(most / l->chunk_vectors, 64));
}

static layout lay_out(const mexit_winograd_family *f, const mexit_conv2d *c) {
  layout l = {.grid = mexit_winograd_grid_make(f, c)};
  mexit_winograd_plan *p = &l.plan;
  p->vectors = l.grid.vectors;
  p->has_halves = l.grid.kind == MEXIT_WINOGRAD_HALVES;
  const mexit_winograd_shape shape = choose_shape(f, c);
  p->height = shape.height;
  p->tile_vectors = shape.vectors;
  p->blocks = (c->out_channels + p->height - 1) / p->height;
  choose_chunks(f, c, &l);
  l.cycles = predict(f, c, &l);
  /* Where chunks are few, units are parts of the channels, each of which repeats the input transform. */
  const int32_t wanted = l.cycles < 16000 ? 1 : l.cycles < 64000 ? 2 : 4;
  p->parts = smaller(p->blocks, (wanted + p->chunks - 1) / p->chunks);
  const int64_t segments = mexit_winograd_segment_bound(&l.grid) * ((int64_t)p->vectors + (int64_t)p->chunks * p->entries);
  int64_t end = 0;
  mexit_packed_place(&end, FLOATS_OF(mexit_winograd_plan, 1));
  p->chunk_table = mexit_packed_place(&end, FLOATS_OF(mexit_winograd_chunk, p->chunks));
  p->vector_table = mexit_packed_place(&end, FLOATS_OF(mexit_winograd_vector, p->vectors));
  p->entry_table = mexit_packed_place(&end, FLOATS_OF(mexit_winograd_entry, p->chunks * p->entries));
  p->segment_table = mexit_packed_place(&end, FLOATS_OF(mexit_winograd_segment, segments));
  p->biases = mexit_packed_place(&end, (int64_t)p->blocks * p->height);
  p->weights = mexit_packed_place(&end, 3 * MEXIT_WINOGRAD_POINTS * (int64_t)c->in_channels * p->blocks * p->height);
  l.floats = end;
  return l;
}

bool mexit_winograd_supports(const mexit_conv2d *c) {
  return mexit_conv2d_fits_halo(c) && c->kernel_h == 3 && c->kernel_w == 3 && c->stride_h == 1 && c->stride_w == 1 &&
         c->dilation_h == 1 && c->dilation_w == 1 && c->groups == 1 && c->in_channels <= 1 << 14 && c->out_channels <= 1 << 14;
}

double mexit_winograd_cost(const mexit_winograd_family *f, const mexit_conv2d *c) {
  const double nanoseconds_per_cycle = 1.0 / 3.0, per_call = 40.0;
  return per_call + nanoseconds_per_cycle * lay_out(f, c).cycles;
}

size_t mexit_winograd_packed_floats(const mexit_winograd_family *f, const mexit_conv2d *c) { return (size_t)lay_out(f, c).floats; }

size_t mexit_winograd_units(const mexit_winograd_family *f, const mexit_conv2d *c) {
  const mexit_winograd_plan p = lay_out(f, c).plan;
  return (size_t)p.chunks * (size_t)p.parts;
}

size_t mexit_winograd_scratch_floats(const mexit_winograd_family *f, const mexit_conv2d *c) {
  const mexit_winograd_plan p = lay_out(f, c).plan;
  const int64_t tile = (int64_t)MEXIT_WINOGRAD_POINTS * p.height * p.tile_vectors * f->lanes;
  const int64_t t = (int64_t)MEXIT_WINOGRAD_POINTS * c->in_channels * p.samples * p.entries * f->lanes;
  return (size_t)(tile + t + 16); /* 16: to start on a cache line */
}

static void fill_tables(const layout *l, float *packed) {
  mexit_winograd_chunk *chunks = (mexit_winograd_chunk *)(packed + l->plan.chunk_table);
  mexit_winograd_vector *vectors = (mexit_winograd_vector *)(packed + l->plan.vector_table);
  mexit_winograd_entry *entries = (mexit_winograd_entry *)(packed + l->plan.entry_table);
  mexit_winograd_segment *segments = (mexit_winograd_segment *)(packed + l->plan.segment_table);
  int32_t segment = 0, entry = 0;
  for (int32_t k = 0; k < l->plan.chunks; k++) {
    const int32_t begin = k * l->chunk_vectors, end = smaller(l->plan.vectors, begin + l->chunk_vectors);
    const int32_t first = mexit_winograd_low(&l->grid, begin), count = mexit_winograd_entries(&l->grid, begin, end);
    chunks[k] = (mexit_winograd_chunk){begin, end, entry, entry + count};
    for (int32_t v = begin; v < end; v++) {
      const int32_t used = mexit_winograd_y_segments(&l->grid, v, segments + segment);
      vectors[v] = (mexit_winograd_vector){mexit_winograd_low(&l->grid, v) - first, mexit_winograd_high(&l->grid, v) - first, segment, segment + used};
      segment += used;
    }
    for (int32_t e = 0; e < count; e++) {
      const int32_t used = mexit_winograd_x_segments(&l->grid, first + (int64_t)e * l->grid.lanes, segments + segment);
      entries[entry++] = (mexit_winograd_entry){segment, segment + used};
      segment += used;
    }
  }
}

/* The three weights of a column at the six points. */
static void transform_column(double top, double middle, double bottom, float *to, int64_t stride) {
  const double ends = (top + bottom) / 6, slope = (top + 4 * bottom) / 24;
  to[0] = (float)(top / 4);
  to[stride] = (float)(-ends - middle / 6);
  to[2 * stride] = (float)(-ends + middle / 6);
  to[3 * stride] = (float)(slope + middle / 12);
  to[4 * stride] = (float)(slope - middle / 12);
  to[5 * stride] = (float)bottom;
}

void mexit_winograd_pack(const mexit_winograd_family *f, const mexit_conv2d *c, const float *weight, const float *bias,
                         float *packed) {
  const layout l = lay_out(f, c);
  const int64_t taps = (int64_t)c->in_channels * 3, block_floats = MEXIT_WINOGRAD_POINTS * taps * l.plan.height;
  memset(packed, 0, (size_t)l.floats * sizeof(float));
  memcpy(packed, &l.plan, sizeof l.plan);
  fill_tables(&l, packed);
  if (bias != NULL) memcpy(packed + l.plan.biases, bias, (size_t)c->out_channels * sizeof(float));
  for (int32_t block = 0; block < l.plan.blocks; block++) {
    const int32_t first = block * l.plan.height, count = smaller(l.plan.height, c->out_channels - first);
    float *to = packed + l.plan.weights + block * block_floats;
    for (int32_t i = 0; i < c->in_channels; i++) {
      for (int kx = 0; kx < 3; kx++, to += l.plan.height) {
        for (int32_t o = 0; o < count; o++) {
          const float *w = weight + ((int64_t)(first + o) * c->in_channels + i) * 9 + kx;
          transform_column(w[0], w[3], w[6], to + o, taps * l.plan.height);
        }
      }
    }
  }
}
