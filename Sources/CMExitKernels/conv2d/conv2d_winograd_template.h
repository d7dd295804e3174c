/* The Winograd convolution of one instruction set. Needs a vectors/vec_*.h, NAME(f), which adds the suffix, and
 * FUNCTION(method, f), the name of a function of the kernel for the list. */
#include "../vectors/unroll.h"

#if VEC_REGISTERS >= 32
enum { TILE_HEIGHT = 8, TILE_VECTORS = 3 };
#else
enum { TILE_HEIGHT = 4, TILE_VECTORS = 2 };
#endif
static const mexit_winograd_family NAME(winograd_family) = {V, TILE_HEIGHT, TILE_VECTORS};

typedef struct NAME(winograd_walk) {
  const mexit_conv2d *conv;
  const mexit_conv2d_run *run;
  const mexit_winograd_plan *plan;
  const mexit_winograd_vector *vectors;
  const mexit_winograd_entry *entries;
  const mexit_winograd_segment *segments;
  mexit_winograd_chunk chunk;
  size_t first_sample;
  int64_t t_stride;  /* floats of t from one input channel to the next */
  float *t, *m;
  mexit_ahead ahead;
} NAME(winograd_walk);

/* Six rows at V places, to the six points, `stride` floats apart. */
ALWAYS_INLINE void NAME(winograd_points)(const vf d[6], float *to, int64_t stride) {
  const vf four = vset1(4.0f), five = vset1(-5.0f), minus = vset1(-1.0f), two = vset1(2.0f), less = vset1(-2.0f), fourless = vset1(-4.0f);
  const vf even = vfma(fourless, d[2], d[4]), odd = vfma(fourless, d[1], d[3]);
  const vf near = vfma(minus, d[2], d[4]), step = vfma(minus, d[1], d[3]);
  vstore(to, vfma(four, d[0], vfma(five, d[2], d[4])));
  vstore(to + stride, vadd(even, odd));
  vstore(to + 2 * stride, vfma(minus, odd, even));
  vstore(to + 3 * stride, vfma(two, step, near));
  vstore(to + 4 * stride, vfma(less, step, near));
  vstore(to + 5 * stride, vfma(four, d[1], vfma(five, d[3], d[5])));
}

/* Step 1 for one entry of one sample. */
static void NAME(winograd_input)(const NAME(winograd_walk) *w, const float *x, const mexit_winograd_entry *entry, float *t) {
  const mexit_map *m = &w->conv->x;
  const mexit_winograd_segment *segments = w->segments + entry->segment_begin;
  const int32_t segment_count = entry->segment_end - entry->segment_begin;
  const int64_t stride = w->conv->in_channels * w->t_stride;
  const bool whole = segment_count == 1 && segments->lanes == (uint32_t)(((uint64_t)1 << V) - 1) && segments->rows == MEXIT_WINOGRAD_ROWS;
  for (int32_t i = 0; i < w->conv->in_channels; i++, x += m->channel_stride, t += w->t_stride) {
    vf d[6];
    if (whole) {
      UNROLL for (int r = 0; r < 6; r++) d[r] = vload(x + segments->offset + r * m->row_stride);
    } else {
      UNROLL for (int r = 0; r < 6; r++) d[r] = vzero();
      for (int32_t s = 0; s < segment_count; s++) {
        const float *from = x + segments[s].offset;
        UNROLL for (int r = 0; r < 6; r++) {
          if (r < segments[s].rows + 2) d[r] = vload_bits(d[r], segments[s].lanes, from + r * m->row_stride);
        }
      }
    }
    NAME(winograd_points)(d, t, stride);
  }
}

/* Step 2 for one point and `count` vectors, whole in registers: count and halves are constants in every caller. */
ALWAYS_INLINE void NAME(winograd_product)(const int count, const bool halves, int64_t inputs, int64_t t_stride, const float *weights,
                                          const float *const *low, const float *const *high, int64_t offset, float *m,
                                          mexit_ahead_loop ahead) {
  vf sum[TILE_HEIGHT][TILE_VECTORS];
  const float *from[TILE_VECTORS], *from_high[TILE_VECTORS];
  UNROLL for (int j = 0; j < count; j++) {
    from[j] = low[j] + offset;
    from_high[j] = high[j] + offset;
    UNROLL for (int o = 0; o < TILE_HEIGHT; o++) sum[o][j] = vzero();
  }
  for (int64_t i = 0; i < inputs; i++) {
    UNROLL for (int kx = 0; kx < 3; kx++, weights += TILE_HEIGHT) {
      vf x[TILE_VECTORS];
      MEXIT_AHEAD_STEP(ahead);
      UNROLL for (int j = 0; j < count; j++) x[j] = halves ? vload_halves(from[j] + kx, from_high[j] + kx) : vload(from[j] + kx);
      UNROLL for (int o = 0; o < TILE_HEIGHT; o++) {
        const vf weight = vset1(weights[o]);
        UNROLL for (int j = 0; j < count; j++) sum[o][j] = vfma(weight, x[j], sum[o][j]);
      }
    }
    UNROLL for (int j = 0; j < count; j++) {
      from[j] += t_stride;
      from_high[j] += t_stride;
    }
  }
  UNROLL for (int o = 0; o < TILE_HEIGHT; o++)
    UNROLL for (int j = 0; j < count; j++) vstore(m + (o * count + j) * V, sum[o][j]);
}

#define PRODUCT(count, halves)                                                                                                         \
  static void NAME(winograd_product_##count##_##halves)(int64_t inputs, int64_t t_stride, const float *weights, const float *const *low, \
                                                        const float *const *high, int64_t offset, float *m, mexit_ahead_loop ahead) {  \
    NAME(winograd_product)(count, halves, inputs, t_stride, weights, low, high, offset, m, ahead);                                     \
  }
PRODUCT(1, 0) PRODUCT(2, 0) PRODUCT(1, 1) PRODUCT(2, 1)
#if VEC_REGISTERS >= 32
PRODUCT(3, 0) PRODUCT(3, 1)
#endif
#undef PRODUCT

static void (*const NAME(winograd_product_table)[2][TILE_VECTORS + 1])(int64_t, int64_t, const float *, const float *const *,
                                                                       const float *const *, int64_t, float *, mexit_ahead_loop) = {
#if VEC_REGISTERS >= 32
    {NULL, NAME(winograd_product_1_0), NAME(winograd_product_2_0), NAME(winograd_product_3_0)},
    {NULL, NAME(winograd_product_1_1), NAME(winograd_product_2_1), NAME(winograd_product_3_1)},
#else
    {NULL, NAME(winograd_product_1_0), NAME(winograd_product_2_0)},
    {NULL, NAME(winograd_product_1_1), NAME(winograd_product_2_1)},
#endif
};

/* Step 3 of one channel: m holds its first point, `stride` floats apart; y and add its plane. */
static void NAME(winograd_output)(const NAME(winograd_walk) *w, const mexit_winograd_vector *vector, const float *m, int64_t stride,
                                  float bias, float *y, const float *add) {
  vf point[6], row[4];
  UNROLL for (int p = 0; p < 6; p++) point[p] = vload(m + p * stride);
  const vf minus = vset1(-1.0f), start = w->run->accumulate ? vzero() : vset1(bias);
  const vf sum = vadd(vadd(point[1], point[2]), start), difference = vadd(vfma(minus, point[2], point[1]), start);
  const vf far = vadd(point[3], point[4]), far_difference = vfma(minus, point[4], point[3]);
  row[0] = vadd(point[0], vadd(sum, far));
  row[1] = vfma(vset1(2.0f), far_difference, difference);
  row[2] = vfma(vset1(4.0f), far, sum);
  row[3] = vfma(vset1(8.0f), far_difference, vadd(difference, point[5]));
  const bool relu = w->run->activation == MEXIT_ACTIVATION_RELU;
  const int64_t row_stride = w->conv->y.row_stride;
  for (int32_t s = vector->segment_begin; s < vector->segment_end; s++) {
    const mexit_winograd_segment segment = w->segments[s];
    UNROLL for (int r = 0; r < 4; r++) {
      if (r >= segment.rows) continue;
      float *to = y + segment.offset + r * row_stride;
      vf value = row[r];
      if (w->run->accumulate) value = vadd(value, vload_bits(vzero(), segment.lanes, to));
      if (add != NULL) value = vadd(value, vload_bits(vzero(), segment.lanes, add + segment.offset + r * row_stride));
      if (relu) value = vrelu(value);
      vstore_bits(to, segment.lanes, value);
    }
  }
}

/* Steps 2 and 3 for one block of channels and one tile: vectors first ..< last of the group's samples, one sample after the
 * other. */
static void NAME(winograd_tile)(NAME(winograd_walk) *w, const float *packed, int32_t block, int32_t first, int32_t last) {
  const int32_t per_sample = w->chunk.vector_end - w->chunk.vector_begin, count = last - first;
  const int64_t inputs = w->conv->in_channels, sample_floats = (int64_t)w->plan->entries * V;
  const float *weights = packed + w->plan->weights + block * MEXIT_WINOGRAD_POINTS * inputs * 3 * TILE_HEIGHT;
  const float *low[TILE_VECTORS], *high[TILE_VECTORS];
  for (int32_t j = 0; j < count; j++) {
    const mexit_winograd_vector *vector = w->vectors + w->chunk.vector_begin + (first + j) % per_sample;
    const float *t = w->t + (first + j) / per_sample * sample_floats;
    low[j] = t + vector->low;
    high[j] = t + vector->high;
  }
  for (int p = 0; p < MEXIT_WINOGRAD_POINTS; p++) {
    const float *point = weights + p * inputs * 3 * TILE_HEIGHT;
    NAME(winograd_product_table)[w->plan->has_halves][count](inputs, w->t_stride, point, low, high, p * inputs * w->t_stride,
                                                             w->m + p * TILE_HEIGHT * count * V,
                                                             mexit_ahead_take(&w->ahead, 3 * inputs, point));
  }
  const mexit_map *map = &w->conv->y;
  for (int32_t j = 0; j < count; j++) {
    const mexit_winograd_vector *vector = w->vectors + w->chunk.vector_begin + (first + j) % per_sample;
    const size_t sample = w->first_sample + (size_t)((first + j) / per_sample);
    for (int32_t o = 0; o < TILE_HEIGHT && block * TILE_HEIGHT + o < map->channels; o++) {
      const int32_t channel = block * TILE_HEIGHT + o;
      NAME(winograd_output)(w, vector, w->m + (o * count + j) * V, TILE_HEIGHT * count * V, packed[w->plan->biases + channel],
                            w->run->y[sample] + channel * map->channel_stride,
                            w->run->add != NULL ? w->run->add[sample] + channel * map->channel_stride : NULL);
    }
  }
}

/* Blocks [block_begin, block_end) of channels of one chunk of every sample. */
static void NAME(winograd_chunk)(NAME(winograd_walk) *w, const float *packed, int32_t block_begin, int32_t block_end) {
  const int32_t per_sample = w->chunk.vector_end - w->chunk.vector_begin, entries = w->chunk.entry_end - w->chunk.entry_begin;
  const int64_t sample_floats = (int64_t)w->plan->entries * V;
  for (w->first_sample = 0; w->first_sample < w->run->n; w->first_sample += (size_t)w->plan->samples) {
    const size_t left = w->run->n - w->first_sample;
    const int32_t samples = left < (size_t)w->plan->samples ? (int32_t)left : w->plan->samples;
    w->t_stride = samples * sample_floats;
    for (int32_t s = 0; s < samples; s++)
      for (int32_t e = 0; e < entries; e++)
        NAME(winograd_input)(w, w->run->x[w->first_sample + (size_t)s], w->entries + w->chunk.entry_begin + e, w->t + s * sample_floats + e * V);
    const int32_t all = samples * per_sample, tiles = (all + TILE_VECTORS - 1) / TILE_VECTORS;
    for (int32_t block = block_begin; block < block_end; block++)
      for (int32_t tile = 0; tile < tiles; tile++) NAME(winograd_tile)(w, packed, block, all * tile / tiles, all * (tile + 1) / tiles);
  }
}

void FUNCTION(winograd, run)(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  mexit_winograd_plan plan;
  memcpy(&plan, packed, sizeof plan);
  float *scratch = (float *)(((uintptr_t)run->scratch + 63) / 64 * 64);
  NAME(winograd_walk) w = {
      .conv = c,
      .run = run,
      .plan = &plan,
      .vectors = (const mexit_winograd_vector *)(packed + plan.vector_table),
      .entries = (const mexit_winograd_entry *)(packed + plan.entry_table),
      .segments = (const mexit_winograd_segment *)(packed + plan.segment_table),
      .t = scratch + MEXIT_WINOGRAD_POINTS * TILE_HEIGHT * TILE_VECTORS * V,
      .m = scratch,
  };
  const size_t parts = (size_t)plan.parts, blocks = (size_t)plan.blocks;
  const int64_t tiles = ((int64_t)run->n * plan.vectors + TILE_VECTORS - 1) / TILE_VECTORS * plan.blocks;
  w.ahead = mexit_ahead_make(run, tiles * MEXIT_WINOGRAD_POINTS * 3 * c->in_channels *
                                      (int64_t)(run->unit_end - run->unit_begin) / (plan.chunks * plan.parts));
  for (size_t unit = run->unit_begin; unit < run->unit_end;) {
    const size_t chunk = unit / parts, part = unit % parts;
    const size_t next = (chunk + 1) * parts < run->unit_end ? (chunk + 1) * parts : run->unit_end;
    w.chunk = ((const mexit_winograd_chunk *)(packed + plan.chunk_table))[chunk];
    NAME(winograd_chunk)(&w, packed, (int32_t)(blocks * part / parts), (int32_t)(blocks * (part + next - unit) / parts));
    unit = next;
  }
}

bool FUNCTION(winograd, supports)(const mexit_conv2d *c) { return mexit_winograd_supports(c); }
double FUNCTION(winograd, cost)(const mexit_conv2d *c) { return mexit_winograd_cost(&NAME(winograd_family), c); }
size_t FUNCTION(winograd, packed_floats)(const mexit_conv2d *c) { return mexit_winograd_packed_floats(&NAME(winograd_family), c); }
void FUNCTION(winograd, pack)(const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {
  mexit_winograd_pack(&NAME(winograd_family), c, weight, bias, packed);
}
size_t FUNCTION(winograd, units)(const mexit_conv2d *c) { return mexit_winograd_units(&NAME(winograd_family), c); }
size_t FUNCTION(winograd, scratch_floats)(const mexit_conv2d *c) { return mexit_winograd_scratch_floats(&NAME(winograd_family), c); }
