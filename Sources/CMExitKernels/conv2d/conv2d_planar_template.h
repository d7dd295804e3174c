/* The planar convolution kernels of one instruction set. Needs a vectors/vec_*.h, NAME(f), which adds the suffix, and
 * FUNCTION(method, f), the name of a function of the kernel for the list. */

#include "../vectors/unroll.h"

/* Widest tile for each height: the sums, one row of x and two weights (the compiler loads the next one early) must fit the
 * registers, or sums are spilled in the innermost loop. */
#if VEC_REGISTERS >= 32
static const uint8_t NAME(max_vectors)[MEXIT_PLANAR_MAX_HEIGHT + 1] = {0, 8, 8, 7, 6, 0, 4, 0, 3, 0, 0, 0, 2};
#else
static const uint8_t NAME(max_vectors)[MEXIT_PLANAR_MAX_HEIGHT + 1] = {0, 8, 4, 3, 2, 0, 2};
#endif

#define ALL_LANES ((uint32_t)(((uint64_t)1 << V) - 1))

/* Sum of `height` channels over `count` vectors of pixels, whole in registers: height, count and grid are constants in
 * every caller, and every loop over them is unrolled. */
ALWAYS_INLINE void NAME(planar_tile)(const int height, const int count, const mexit_planar_grid grid,
                                     const mexit_planar_tile *t) {
  vf sum[MEXIT_PLANAR_MAX_HEIGHT][MEXIT_PLANAR_MAX_VECTORS];
  const float *weights = t->weights;
  if (t->accumulate) {
    UNROLL for (int j = 0; j < count; j++) {
      UNROLL for (int o = 0; o < height; o++) sum[o][j] = vzero();
      for (int32_t s = t->vectors[j].segment_begin; s < t->vectors[j].segment_end; s++) {
        const float *y = t->y + t->segments[s].y_offset;
        UNROLL for (int o = 0; o < height; o++)
          sum[o][j] = vload_bits(sum[o][j], t->segments[s].lanes, y + o * t->y_channel_stride);
      }
    }
  } else {
    UNROLL for (int o = 0; o < height; o++)
      UNROLL for (int j = 0; j < count; j++) sum[o][j] = vset1(weights[o]);
  }
  weights += height;

  const float *low[MEXIT_PLANAR_MAX_VECTORS], *high[MEXIT_PLANAR_MAX_VECTORS];
  UNROLL for (int j = 0; j < count; j++) {
    low[j] = t->x + t->vectors[j].x_low;
    high[j] = t->x + t->vectors[j].x_high;
  }
  for (int64_t tap = 0; tap < t->tap_count; tap++, weights += height) {
    const int64_t offset = t->taps[tap];
    vf x[MEXIT_PLANAR_MAX_VECTORS];
    UNROLL for (int j = 0; j < count; j++)
      x[j] = grid == MEXIT_PLANAR_PAIRS    ? veven(vload(low[j] + offset), vload(high[j] + offset))
             : grid == MEXIT_PLANAR_HALVES ? vload_halves(low[j] + offset, high[j] + offset)
                                           : vload(low[j] + offset);
    UNROLL for (int o = 0; o < height; o++) {
      const vf weight = vset1(weights[o]);
      UNROLL for (int j = 0; j < count; j++) sum[o][j] = vfma(weight, x[j], sum[o][j]);
    }
  }

  /* Everything in locals: for the compiler, a store may change *t. */
  float *const y = t->y;
  const float *const add = t->add;
  const int64_t stride = t->y_channel_stride;
  const mexit_planar_segment *const segments = t->segments;
  const vf least = vset1(t->relu ? 0.0f : -INFINITY);
  UNROLL for (int j = 0; j < count; j++) {
    const int32_t end = t->vectors[j].segment_end;
    for (int32_t s = t->vectors[j].segment_begin; s < end; s++) {
      const int64_t place = segments[s].y_offset;
      const uint32_t lanes = segments[s].lanes;
      float *to = y + place;
      if (add == NULL && lanes == ALL_LANES) {
        UNROLL for (int o = 0; o < height; o++, to += stride) vstore(to, vatleast(sum[o][j], least));
      } else {
        UNROLL for (int o = 0; o < height; o++, to += stride) {
          vf v = sum[o][j];
          if (add != NULL) v = vadd(v, vload_bits(vzero(), lanes, add + (to - y)));
          vstore_bits(to, lanes, vatleast(v, least));
        }
      }
    }
  }
}
#undef ALL_LANES

typedef void (*NAME(planar_tile_function))(const mexit_planar_tile *);

#define TILE(height, count)                                                                                          \
  static void NAME(whole_##height##x##count)(const mexit_planar_tile *t) {                                           \
    NAME(planar_tile)(height, count, MEXIT_PLANAR_ROWS, t);                                                          \
  }                                                                                                                  \
  static void NAME(halves_##height##x##count)(const mexit_planar_tile *t) {                                          \
    NAME(planar_tile)(height, count, MEXIT_PLANAR_HALVES, t);                                                        \
  }                                                                                                                  \
  static void NAME(pairs_##height##x##count)(const mexit_planar_tile *t) {                                           \
    NAME(planar_tile)(height, count, MEXIT_PLANAR_PAIRS, t);                                                         \
  }
#include "conv2d_planar_tiles.h"
#undef TILE

typedef NAME(planar_tile_function) NAME(planar_tiles)[MEXIT_PLANAR_MAX_HEIGHT + 1][MEXIT_PLANAR_MAX_VECTORS + 1];
#define TILE(height, count) [height][count] = NAME(whole_##height##x##count),
static const NAME(planar_tiles) NAME(whole_tiles) = {
#include "conv2d_planar_tiles.h"
};
#undef TILE
#define TILE(height, count) [height][count] = NAME(halves_##height##x##count),
static const NAME(planar_tiles) NAME(halves_tiles) = {
#include "conv2d_planar_tiles.h"
};
#undef TILE
#define TILE(height, count) [height][count] = NAME(pairs_##height##x##count),
static const NAME(planar_tiles) NAME(pairs_tiles) = {
#include "conv2d_planar_tiles.h"
};
#undef TILE

static const mexit_planar_family NAME(flat_family) = {V, false, NAME(max_vectors)};
static const mexit_planar_family NAME(pair_family) = {V, true, NAME(max_vectors)};

/* What a convolution's units share. */
typedef struct NAME(planar_walk) {
  const mexit_conv2d *conv;
  const float *packed;
  const mexit_conv2d_run *run;
  mexit_planar_plan plan;
  const mexit_planar_vector *vectors;
} NAME(planar_walk);

/* One block over the vectors begin ..< end of one sample. */
static void NAME(planar_block)(const NAME(planar_walk) *w, int32_t index, size_t sample, int32_t begin, int32_t end,
                               mexit_planar_tile *t) {
  mexit_planar_block block;
  memcpy(&block, w->packed + w->plan.block_table + index * FLOATS_OF(mexit_planar_block, 1), sizeof block);
  const int64_t y_offset = block.first_output * w->conv->y.channel_stride;
  t->weights = w->packed + block.weights;
  t->x = w->run->x[sample] + block.x_offset;
  t->y = w->run->y[sample] + y_offset;
  t->add = w->run->add != NULL ? w->run->add[sample] + y_offset : NULL;
  const int32_t widest = NAME(max_vectors)[block.height], tiles = (end - begin + widest - 1) / widest;
  const NAME(planar_tile_function) *functions = w->plan.grid == MEXIT_PLANAR_PAIRS    ? NAME(pairs_tiles)[block.height]
                                                : w->plan.grid == MEXIT_PLANAR_HALVES ? NAME(halves_tiles)[block.height]
                                                                                      : NAME(whole_tiles)[block.height];
  for (int32_t tile = 0, first = begin; tile < tiles; tile++) {
    const int32_t next = begin + (end - begin) * (tile + 1) / tiles;
    t->vectors = w->vectors + first;
    functions[next - first](t);
    first = next;
  }
}

/* Some blocks over the vectors begin ..< end of all samples: blocks whose weights stay in the second cache go through the
 * samples together, and through each span of pixels one after the other, while its inputs are in the first cache. */
static void NAME(planar_blocks)(const NAME(planar_walk) *w, int32_t first_block, int32_t end_block, int32_t begin, int32_t end,
                                mexit_planar_tile *t) {
  const int32_t spans = (end - begin + w->plan.span - 1) / w->plan.span;
  for (int32_t wave = first_block; wave < end_block; wave += w->plan.wave) {
    const int32_t wave_end = end_block - wave < w->plan.wave ? end_block : wave + w->plan.wave;
    for (size_t sample = 0; sample < w->run->n; sample++) {
      for (int32_t span = 0; span < spans; span++) {
        const int32_t span_begin = begin + (int32_t)((int64_t)(end - begin) * span / spans);
        const int32_t span_end = begin + (int32_t)((int64_t)(end - begin) * (span + 1) / spans);
        for (int32_t block = wave; block < wave_end; block++)
          NAME(planar_block)(w, block, sample, span_begin, span_end, t);
      }
    }
  }
}

static void NAME(planar_run)(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  NAME(planar_walk) w = {.conv = c, .packed = packed, .run = run};
  memcpy(&w.plan, packed, sizeof w.plan);
  w.vectors = (const mexit_planar_vector *)(packed + w.plan.vector_table);
  mexit_planar_tile t;
  t.taps = (const int32_t *)(packed + w.plan.tap_table);
  t.tap_count = w.plan.taps;
  t.segments = (const mexit_planar_segment *)(packed + w.plan.segment_table);
  t.y_channel_stride = c->y.channel_stride;
  t.accumulate = run->accumulate;
  t.relu = run->activation == MEXIT_ACTIVATION_RELU;
  const size_t blocks = (size_t)w.plan.blocks;
  const int64_t vectors = w.plan.vectors, chunks = w.plan.chunks;
  for (size_t unit = run->unit_begin; unit < run->unit_end;) {
    /* Whole chunks together; the rest of one at either end of the units. */
    const int64_t chunk = (int64_t)(unit / blocks);
    const size_t block = unit % blocks, left = run->unit_end - unit;
    const int64_t count = block == 0 && left >= blocks ? (int64_t)(left / blocks) : 1;
    const size_t end_block = count > 1 || left >= blocks - block ? blocks : block + left;
    NAME(planar_blocks)(&w, (int32_t)block, (int32_t)end_block, (int32_t)(vectors * chunk / chunks),
                        (int32_t)(vectors * (chunk + count) / chunks), &t);
    unit += (size_t)count * (end_block - block);
  }
}

#define PLANAR_KERNEL(method)                                                                                       \
  bool FUNCTION(method, supports)(const mexit_conv2d *c) { return mexit_planar_supports(&NAME(method##_family), c); }  \
  double FUNCTION(method, cost)(const mexit_conv2d *c) { return mexit_planar_cost(&NAME(method##_family), c); }     \
  size_t FUNCTION(method, packed_floats)(const mexit_conv2d *c) {                                                   \
    return mexit_planar_packed_floats(&NAME(method##_family), c);                                                   \
  }                                                                                                                 \
  void FUNCTION(method, pack)(const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {       \
    mexit_planar_pack(&NAME(method##_family), c, weight, bias, packed);                                             \
  }                                                                                                                 \
  size_t FUNCTION(method, units)(const mexit_conv2d *c) { return mexit_planar_units(&NAME(method##_family), c); }   \
  size_t FUNCTION(method, scratch_floats)(const mexit_conv2d *c) {                                                  \
    (void)c;                                                                                                        \
    return 0;                                                                                                       \
  }                                                                                                                 \
  void FUNCTION(method, run)(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {             \
    NAME(planar_run)(c, packed, run);                                                                               \
  }
PLANAR_KERNEL(flat)
PLANAR_KERNEL(pair)
#undef PLANAR_KERNEL
