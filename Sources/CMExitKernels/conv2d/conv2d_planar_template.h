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

/* Sum of `height` channels over `count` vectors of pixels, whole in registers: height, count and pairs are constants in
 * every caller, and every loop over them is unrolled. */
ALWAYS_INLINE void NAME(planar_tile)(const int height, const int count, const bool pairs, const mexit_planar_tile *t) {
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
      x[j] = pairs ? veven(vload(low[j] + offset), vload(high[j] + offset)) : vload(low[0] + offset + j * V);
    UNROLL for (int o = 0; o < height; o++) {
      const vf weight = vset1(weights[o]);
      UNROLL for (int j = 0; j < count; j++) sum[o][j] = vfma(weight, x[j], sum[o][j]);
    }
  }

  UNROLL for (int j = 0; j < count; j++) {
    for (int32_t s = t->vectors[j].segment_begin; s < t->vectors[j].segment_end; s++) {
      const int64_t place = t->segments[s].y_offset;
      const uint32_t lanes = t->segments[s].lanes;
      UNROLL for (int o = 0; o < height; o++) {
        vf v = sum[o][j];
        if (t->add != NULL) v = vadd(v, vload_bits(vzero(), lanes, t->add + place + o * t->y_channel_stride));
        if (t->relu) v = vrelu(v);
        vstore_bits(t->y + place + o * t->y_channel_stride, lanes, v);
      }
    }
  }
}

typedef void (*NAME(planar_tile_function))(const mexit_planar_tile *);

#define TILE(height, count)                                                                                     \
  static void NAME(flat_##height##x##count)(const mexit_planar_tile *t) { NAME(planar_tile)(height, count, false, t); } \
  static void NAME(pair_##height##x##count)(const mexit_planar_tile *t) { NAME(planar_tile)(height, count, true, t); }
#include "conv2d_planar_tiles.h"
#undef TILE

#define TILE(height, count) [height][count] = NAME(flat_##height##x##count),
static const NAME(planar_tile_function) NAME(flat_tiles)[MEXIT_PLANAR_MAX_HEIGHT + 1][MEXIT_PLANAR_MAX_VECTORS + 1] = {
#include "conv2d_planar_tiles.h"
};
#undef TILE
#define TILE(height, count) [height][count] = NAME(pair_##height##x##count),
static const NAME(planar_tile_function) NAME(pair_tiles)[MEXIT_PLANAR_MAX_HEIGHT + 1][MEXIT_PLANAR_MAX_VECTORS + 1] = {
#include "conv2d_planar_tiles.h"
};
#undef TILE

static const mexit_planar_family NAME(flat_family) = {V, false, NAME(max_vectors)};
static const mexit_planar_family NAME(pair_family) = {V, true, NAME(max_vectors)};

/* Blocks of channels outermost, so that one block's weights stay in cache while the samples' pixels go by. */
ALWAYS_INLINE void NAME(planar_run)(
    const NAME(planar_tile_function) tiles[][MEXIT_PLANAR_MAX_VECTORS + 1], const mexit_conv2d *c, const float *packed,
    const mexit_conv2d_run *run) {
  mexit_planar_plan plan;
  memcpy(&plan, packed, sizeof plan);
  const mexit_planar_vector *vectors = (const mexit_planar_vector *)(packed + plan.vector_table);
  mexit_planar_tile t;
  t.taps = (const int32_t *)(packed + plan.tap_table);
  t.tap_count = plan.taps;
  t.segments = (const mexit_planar_segment *)(packed + plan.segment_table);
  t.y_channel_stride = c->y.channel_stride;
  t.accumulate = run->accumulate;
  t.relu = run->activation == MEXIT_ACTIVATION_RELU;
  for (size_t unit = run->unit_begin; unit < run->unit_end; unit++) {
    mexit_planar_block block;
    memcpy(&block, packed + plan.block_table + unit / (size_t)plan.chunks * FLOATS_OF(mexit_planar_block, 1), sizeof block);
    const int32_t chunk = (int32_t)(unit % (size_t)plan.chunks);
    const int32_t widest = NAME(max_vectors)[block.height], tile_count = (plan.vectors + widest - 1) / widest;
    const int32_t tile_begin = (int32_t)((int64_t)tile_count * chunk / plan.chunks);
    const int32_t tile_end = (int32_t)((int64_t)tile_count * (chunk + 1) / plan.chunks);
    t.weights = packed + block.weights;
    for (size_t s = 0; s < run->n; s++) {
      t.x = run->x[s] + block.x_offset;
      t.y = run->y[s] + block.first_output * c->y.channel_stride;
      t.add = run->add != NULL ? run->add[s] + block.first_output * c->y.channel_stride : NULL;
      for (int32_t tile = tile_begin; tile < tile_end; tile++) {
        const int32_t first = (int32_t)((int64_t)plan.vectors * tile / tile_count);
        const int32_t end = (int32_t)((int64_t)plan.vectors * (tile + 1) / tile_count);
        t.vectors = vectors + first;
        tiles[block.height][end - first](&t);
      }
    }
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
    NAME(planar_run)(NAME(method##_tiles), c, packed, run);                                                         \
  }
PLANAR_KERNEL(flat)
PLANAR_KERNEL(pair)
#undef PLANAR_KERNEL
