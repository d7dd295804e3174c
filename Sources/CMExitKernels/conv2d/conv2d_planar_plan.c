/* Plans a planar convolution: output channels into blocks, pixels into tiles, and the time that should take. */
#include "conv2d_planar_grid.h"
#include "conv2d_packed.h"

#include <math.h>
#include <string.h>

/* Cycles per tap of a tile, from the port counts of a core with two FMA units and two load ports. Vector loads of x are
 * not aligned: a 64-byte load always touches two cache lines, a 32-byte load every other time. */
static double tile_cycles(const mexit_planar_family *f, mexit_planar_grid grid, int32_t height, int32_t vectors) {
  const bool halves = grid == MEXIT_PLANAR_HALVES, pairs = grid == MEXIT_PLANAR_PAIRS;
  const double split = 1.0 + (halves ? f->lanes / 2 : f->lanes) / 16.0, x_loads = vectors * (halves || pairs ? 2 : 1);
  const double shuffles = pairs ? vectors : halves ? 0.5 * vectors : 0; /* on ports that 512-bit FMAs need too */
  const double arithmetic = (height * vectors + shuffles) / 2.0, loads = (height + split * x_loads) / 2.0;
  const double latency = 4.0, issue = (height * vectors + height + x_loads + shuffles + 4) / 6.0;
  return fmax(fmax(arithmetic, loads), fmax(latency, issue));
}

/* Cycles of one block of channels over one span of a sample. */
static double span_cycles(const mexit_planar_family *f, mexit_planar_grid grid, int32_t taps, int32_t vectors, int32_t height) {
  if (vectors == 0) return 0;
  const int32_t widest = f->max_vectors[height], tiles = (vectors + widest - 1) / widest;
  const int32_t narrow = vectors / tiles, wide_tiles = vectors % tiles;
  const double per_tile = 30.0, per_store = 1.5; /* call, first loads; epilogue */
  return tiles * per_tile + (double)vectors * height * per_store +
         taps * (wide_tiles * tile_cycles(f, grid, height, narrow + 1) +
                 (tiles - wide_tiles) * tile_cycles(f, grid, height, narrow));
}

/* Cycles of one block of channels over all pixels of a sample. */
static double block_cycles(const mexit_planar_family *f, const mexit_planar_plan *p, int32_t height) {
  const int32_t spans = (p->vectors + p->span - 1) / p->span, narrow = p->vectors / spans, wide_spans = p->vectors % spans;
  return wide_spans * span_cycles(f, p->grid, p->taps, narrow + 1, height) +
         (spans - wide_spans) * span_cycles(f, p->grid, p->taps, narrow, height);
}

/* The heights of the blocks of one group, as counts per height. Large numbers are the best height again and again; the
 * last few dozen channels are split by dynamic programming. Returns the cycles of the group. */
static double split_outputs(const mexit_planar_family *f, const mexit_planar_plan *p, int32_t outputs,
                            int32_t counts[MEXIT_PLANAR_MAX_HEIGHT + 1]) {
  enum { EXACT = 4 * MEXIT_PLANAR_MAX_HEIGHT };
  double cycles[MEXIT_PLANAR_MAX_HEIGHT + 1] = {0}, best[EXACT + 1] = {0};
  int32_t choice[EXACT + 1] = {0}, bulk = 1;
  memset(counts, 0, (MEXIT_PLANAR_MAX_HEIGHT + 1) * sizeof counts[0]);
  for (int32_t h = 1; h <= MEXIT_PLANAR_MAX_HEIGHT; h++) {
    if (f->max_vectors[h] == 0) continue;
    cycles[h] = block_cycles(f, p, h);
    if (cycles[h] / h < cycles[bulk] / bulk) bulk = h;
  }
  const int32_t bulk_blocks = outputs > EXACT ? (outputs - EXACT + bulk - 1) / bulk : 0;
  const int32_t rest = outputs - bulk_blocks * bulk;
  for (int32_t o = 1; o <= rest; o++) {
    best[o] = INFINITY;
    for (int32_t h = 1; h <= MEXIT_PLANAR_MAX_HEIGHT && h <= o; h++) {
      if (f->max_vectors[h] == 0 || best[o - h] + cycles[h] >= best[o]) continue;
      best[o] = best[o - h] + cycles[h];
      choice[o] = h;
    }
  }
  counts[bulk] = bulk_blocks;
  for (int32_t o = rest; o > 0; o -= choice[o]) counts[choice[o]]++;
  return best[rest] + bulk_blocks * cycles[bulk];
}

typedef struct layout {
  mexit_planar_plan plan;
  int32_t counts[MEXIT_PLANAR_MAX_HEIGHT + 1];
  double cycles;
  int64_t weights, floats; /* place of the first block's weights; end of everything */
} layout;

/* Vectors of pixels whose inputs fit into most of a first-level cache. */
static int32_t cached_vectors(const mexit_planar_family *f, const mexit_conv2d *c) {
  const int64_t cache_floats = 8192, vector = (int64_t)f->lanes * c->stride_h * c->stride_w;
  const int64_t rim = (c->kernel_h - c->stride_h) * c->dilation_h * c->x.row_stride;
  const int64_t fitting = (cache_floats / mexit_conv2d_group_inputs(c) - (rim > 0 ? rim : 0)) / vector;
  return fitting < 2 ? 2 : fitting < INT32_MAX ? (int32_t)fitting : INT32_MAX;
}

/* The widest span that the cache allows, or one a little narrower that makes better tiles. */
static void choose_span(const mexit_planar_family *f, const mexit_conv2d *c, layout *l) {
  mexit_planar_plan *p = &l->plan;
  const int32_t most = cached_vectors(f, c), widest = p->vectors < most ? p->vectors : most, least = (widest + 1) / 2;
  l->cycles = INFINITY;
  for (int32_t span = widest; span >= least && span > widest - 3; span--) {
    layout trial = *l;
    trial.plan.span = span;
    trial.cycles = c->groups * split_outputs(f, &trial.plan, mexit_conv2d_group_outputs(c), trial.counts);
    if (trial.cycles < l->cycles) *l = trial;
  }
}

static layout lay_out(const mexit_planar_family *f, const mexit_conv2d *c) {
  layout l = {0};
  mexit_planar_plan *p = &l.plan;
  p->taps = (int32_t)mexit_conv2d_taps(c);
  p->grid = mexit_planar_grid_of(f, c);
  p->vectors = mexit_planar_vector_count(f, c);
  choose_span(f, c, &l);
  int32_t group_blocks = 0, fewest_tiles = p->vectors;
  for (int32_t h = 1; h <= MEXIT_PLANAR_MAX_HEIGHT; h++) {
    group_blocks += l.counts[h];
    if (l.counts[h] == 0) continue;
    const int32_t tiles = (p->vectors + f->max_vectors[h] - 1) / f->max_vectors[h];
    if (tiles < fewest_tiles) fewest_tiles = tiles;
  }
  p->blocks = c->groups * group_blocks;
  const int64_t cache_floats = 65536, block_floats = p->taps * (int64_t)mexit_conv2d_group_outputs(c) / group_blocks;
  p->wave = (int32_t)(cache_floats / block_floats);
  if (p->wave < 1) p->wave = 1;
  /* A unit should be worth handing to another thread: about a microsecond of work. */
  const double worthwhile = l.cycles / p->blocks / 4000.0;
  p->chunks = worthwhile < 1 ? 1 : worthwhile < fewest_tiles ? (int32_t)worthwhile : fewest_tiles;
  int64_t end = 0;
  mexit_packed_place(&end, FLOATS_OF(mexit_planar_plan, 1));
  p->tap_table = mexit_packed_place(&end, p->taps);
  p->vector_table = mexit_packed_place(&end, FLOATS_OF(mexit_planar_vector, p->vectors));
  p->segment_table = mexit_packed_place(&end, FLOATS_OF(mexit_planar_segment, mexit_planar_segment_bound(f, c)));
  p->block_table = mexit_packed_place(&end, FLOATS_OF(mexit_planar_block, p->blocks));
  l.weights = end;
  for (int32_t h = 1; h <= MEXIT_PLANAR_MAX_HEIGHT; h++)
    for (int32_t i = 0; i < c->groups * l.counts[h]; i++) mexit_packed_place(&end, h * (1 + (int64_t)p->taps));
  l.floats = end;
  return l;
}

bool mexit_planar_supports(const mexit_planar_family *f, const mexit_conv2d *c) {
  if (!mexit_conv2d_fits_halo(c)) return false;
  if (f->pairs) return c->stride_w == 2;
  /* Output rows that are longer than x's would share positions. */
  return c->stride_h == 1 && c->stride_w == 1 && c->y.width <= c->x.row_stride;
}

double mexit_planar_cost(const mexit_planar_family *f, const mexit_conv2d *c) {
  const double nanoseconds_per_cycle = 1.0 / 3.0, per_call = 20.0;
  return per_call + nanoseconds_per_cycle * lay_out(f, c).cycles;
}

size_t mexit_planar_packed_floats(const mexit_planar_family *f, const mexit_conv2d *c) { return (size_t)lay_out(f, c).floats; }

size_t mexit_planar_units(const mexit_planar_family *f, const mexit_conv2d *c) {
  const mexit_planar_plan p = lay_out(f, c).plan;
  return (size_t)p.blocks * (size_t)p.chunks;
}

static void pack_block(const mexit_planar_block *b, int64_t taps, const float *weight,
                       const float *bias, float *to) {
  for (int32_t o = 0; o < b->height; o++) *to++ = bias != NULL ? bias[b->first_output + o] : 0.0f;
  for (int64_t t = 0; t < taps; t++)
    for (int32_t o = 0; o < b->height; o++) *to++ = weight[(b->first_output + o) * taps + t];
}

void mexit_planar_pack(const mexit_planar_family *f, const mexit_conv2d *c, const float *weight, const float *bias,
                       float *packed) {
  layout l = lay_out(f, c);
  memset(packed, 0, (size_t)l.floats * sizeof(float));
  memcpy(packed, &l.plan, sizeof l.plan);
  mexit_conv2d_tap_offsets(c, (int32_t *)(packed + l.plan.tap_table));
  mexit_planar_fill_vectors(f, c, (mexit_planar_vector *)(packed + l.plan.vector_table),
                            (mexit_planar_segment *)(packed + l.plan.segment_table));
  float *table = packed + l.plan.block_table;
  int32_t output = 0;
  for (int32_t g = 0; g < c->groups; g++) {
    for (int32_t h = MEXIT_PLANAR_MAX_HEIGHT; h > 0; h--) {
      for (int32_t i = 0; i < l.counts[h]; i++, output += h) {
        const int64_t x_offset = (int64_t)g * mexit_conv2d_group_inputs(c) * c->x.channel_stride;
        const int64_t weights = mexit_packed_place(&l.weights, h * (1 + (int64_t)l.plan.taps));
        const mexit_planar_block block = {output, h, x_offset, weights};
        pack_block(&block, l.plan.taps, weight, bias, packed + weights);
        memcpy(table, &block, sizeof block);
        table += FLOATS_OF(mexit_planar_block, 1);
      }
    }
  }
}
