/* The Winograd convolution of one instruction set. Needs a vectors/vec_*.h, NAME(f), which adds the suffix, and
 * FUNCTION(method, f), the name of a function of the kernel for the list. */
#include "../vectors/unroll.h"

/* The register tiles, SHAPE(output channels, most vectors of places). */
#if VEC_REGISTERS >= 32
#define WINOGRAD_SHAPES SHAPE(8, 3) SHAPE(12, 2) SHAPE(6, 4)
#else
#define WINOGRAD_SHAPES SHAPE(4, 2)
#endif
enum { TILE_HEIGHT = 12, TILE_VECTORS = 4 }; /* of the highest and of the widest */
#define SHAPE(height, vectors) {height, vectors},
static const mexit_winograd_shape NAME(winograd_shapes)[] = {WINOGRAD_SHAPES};
#undef SHAPE
static const mexit_winograd_family NAME(winograd_family) = {V, sizeof NAME(winograd_shapes) / sizeof NAME(winograd_shapes)[0],
                                                            NAME(winograd_shapes)};

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

/* The arguments of step 2 for one point. */
typedef struct NAME(winograd_factors) {
  int64_t inputs, t_stride;
  const float *weights;
  const float *const *low, *const *high; /* of each vector, in t of the first point */
  int64_t offset;                        /* from there to this point */
  float *m;
  mexit_ahead_loop ahead;
} NAME(winograd_factors);

/* Step 2 for one point and `count` vectors, whole in registers: height, count and halves are constants in every caller. */
ALWAYS_INLINE void NAME(winograd_product)(const int height, const int count, const bool halves, const NAME(winograd_factors) * f) {
  vf sum[TILE_HEIGHT][TILE_VECTORS];
  const float *from[TILE_VECTORS], *from_high[TILE_VECTORS], *weights = f->weights;
  mexit_ahead_loop ahead = f->ahead;
  UNROLL for (int j = 0; j < count; j++) {
    from[j] = f->low[j] + f->offset;
    from_high[j] = f->high[j] + f->offset;
    UNROLL for (int o = 0; o < height; o++) sum[o][j] = vzero();
  }
  for (int64_t i = 0; i < f->inputs; i++) {
    UNROLL for (int kx = 0; kx < 3; kx++, weights += height) {
      vf x[TILE_VECTORS];
      MEXIT_AHEAD_STEP(ahead);
      UNROLL for (int j = 0; j < count; j++) x[j] = halves ? vload_halves(from[j] + kx, from_high[j] + kx) : vload(from[j] + kx);
      UNROLL for (int o = 0; o < height; o++) {
        const vf weight = vset1(weights[o]);
        UNROLL for (int j = 0; j < count; j++) sum[o][j] = vfma(weight, x[j], sum[o][j]);
      }
    }
    UNROLL for (int j = 0; j < count; j++) {
      from[j] += f->t_stride;
      from_high[j] += f->t_stride;
    }
  }
  UNROLL for (int o = 0; o < height; o++)
    UNROLL for (int j = 0; j < count; j++) vstore(f->m + (o * count + j) * V, sum[o][j]);
}

#define SHAPE(height, vectors)                                                                                       \
  static void NAME(winograd_product_##height)(int count, bool halves, const NAME(winograd_factors) * f) {            \
    if (count == 1) halves ? NAME(winograd_product)(height, 1, true, f) : NAME(winograd_product)(height, 1, false, f); \
    if (count == 2) halves ? NAME(winograd_product)(height, 2, true, f) : NAME(winograd_product)(height, 2, false, f); \
    if (count == 3 && vectors >= 3)                                                                                  \
      halves ? NAME(winograd_product)(height, 3, true, f) : NAME(winograd_product)(height, 3, false, f);             \
    if (count == 4 && vectors >= 4)                                                                                  \
      halves ? NAME(winograd_product)(height, 4, true, f) : NAME(winograd_product)(height, 4, false, f);             \
  }
WINOGRAD_SHAPES
#undef SHAPE

static void NAME(winograd_products)(int height, int count, bool halves, const NAME(winograd_factors) * f) {
#define SHAPE(tile_height, vectors) \
  if (height == tile_height) NAME(winograd_product_##tile_height)(count, halves, f);
  WINOGRAD_SHAPES
#undef SHAPE
}

/* What step 3 of one vector needs. */
typedef struct NAME(winograd_results) {
  const float *m;                                 /* of the first channel and point */
  int64_t m_stride, m_channel_stride;             /* from point to point and from channel to channel */
  const float *biases;
  float *y;
  const float *add;                               /* or NULL */
  int32_t channels;
  int64_t row_stride, channel_stride;             /* of y */
  const mexit_winograd_segment *segments, *end;
  bool accumulate, relu;
} NAME(winograd_results);

/* How a vector is stored: PARTS takes every case; the others no mask, in whole strips, with nothing to add. */
enum { NAME(PARTS), NAME(WHOLE), NAME(HALVES) };

/* kind is a constant in every caller. */
ALWAYS_INLINE void NAME(winograd_store)(const int kind, const NAME(winograd_results) * r) {
  const vf least = vset1(r->relu ? 0.0f : -INFINITY), minus = vset1(-1.0f);
  const mexit_winograd_segment *const segments = r->segments, *const end = r->end;
  const int64_t m_stride = r->m_stride, row_stride = r->row_stride, low = segments[0].offset;
  const int64_t high = kind == NAME(HALVES) ? segments[1].offset + V / 2 : 0;
  const bool accumulate = kind == NAME(PARTS) && r->accumulate;
  const float *m = r->m, *add = kind == NAME(PARTS) ? r->add : NULL;
  float *y = r->y;
  for (int32_t o = 0; o < r->channels; o++, m += r->m_channel_stride, y += r->channel_stride) {
    vf point[6], row[4];
    UNROLL for (int p = 0; p < 6; p++) point[p] = vload(m + p * m_stride);
    const vf start = accumulate ? vzero() : vset1(r->biases[o]);
    const vf sum = vadd(vadd(point[1], point[2]), start), difference = vadd(vfma(minus, point[2], point[1]), start);
    const vf far = vadd(point[3], point[4]), far_difference = vfma(minus, point[4], point[3]);
    row[0] = vadd(point[0], vadd(sum, far));
    row[1] = vfma(vset1(2.0f), far_difference, difference);
    row[2] = vfma(vset1(4.0f), far, sum);
    row[3] = vfma(vset1(8.0f), far_difference, vadd(difference, point[5]));
    if (kind == NAME(WHOLE)) {
      UNROLL for (int i = 0; i < 4; i++) vstore(y + low + i * row_stride, vatleast(row[i], least));
    } else if (kind == NAME(HALVES)) {
      UNROLL for (int i = 0; i < 4; i++)
        vstore_halves(y + low + i * row_stride, y + high + i * row_stride, vatleast(row[i], least));
    } else {
      for (const mexit_winograd_segment *s = segments; s < end; s++) {
        UNROLL for (int i = 0; i < 4; i++) {
          if (i >= s->rows) continue;
          const int64_t place = s->offset + i * row_stride;
          vf value = row[i];
          if (accumulate) value = vadd(value, vload_bits(vzero(), s->lanes, y + place));
          if (add != NULL) value = vadd(value, vload_bits(vzero(), s->lanes, add + place));
          vstore_bits(y + place, s->lanes, vatleast(value, least));
        }
      }
      if (add != NULL) add += r->channel_stride;
    }
  }
}

/* Step 3 of one vector. */
static void NAME(winograd_output)(const NAME(winograd_results) * r) {
  const uint32_t all = (uint32_t)(((uint64_t)1 << V) - 1), half = ((uint32_t)1 << V / 2) - 1;
  const mexit_winograd_segment *s = r->segments;
  const int64_t count = r->end - s;
  const bool plain = r->add == NULL && !r->accumulate && count > 0 && s[0].rows == MEXIT_WINOGRAD_ROWS;
  if (plain && count == 1 && s[0].lanes == all) NAME(winograd_store)(NAME(WHOLE), r);
  else if (plain && count == 2 && s[0].lanes == half && s[1].lanes == (all & ~half) && s[1].rows == MEXIT_WINOGRAD_ROWS)
    NAME(winograd_store)(NAME(HALVES), r);
  else NAME(winograd_store)(NAME(PARTS), r);
}

/* Steps 2 and 3 for one block of channels and one tile: vectors first ..< last of the group's samples, one sample after the
 * other. */
static void NAME(winograd_tile)(NAME(winograd_walk) *w, const float *packed, int32_t block, int32_t first, int32_t last) {
  const int32_t per_sample = w->chunk.vector_end - w->chunk.vector_begin, count = last - first, height = w->plan->height;
  const int64_t inputs = w->conv->in_channels, sample_floats = (int64_t)w->plan->entries * V;
  const float *weights = packed + w->plan->weights + block * MEXIT_WINOGRAD_POINTS * inputs * 3 * height;
  const float *low[TILE_VECTORS], *high[TILE_VECTORS];
  for (int32_t j = 0; j < count; j++) {
    const mexit_winograd_vector *vector = w->vectors + w->chunk.vector_begin + (first + j) % per_sample;
    const float *t = w->t + (first + j) / per_sample * sample_floats;
    low[j] = t + vector->low;
    high[j] = t + vector->high;
  }
  NAME(winograd_factors) factors = {.inputs = inputs, .t_stride = w->t_stride, .low = low, .high = high};
  for (int p = 0; p < MEXIT_WINOGRAD_POINTS; p++) {
    factors.weights = weights + p * inputs * 3 * height;
    factors.offset = p * inputs * w->t_stride;
    factors.m = w->m + p * height * count * V;
    factors.ahead = mexit_ahead_take(&w->ahead, 3 * inputs, factors.weights);
    NAME(winograd_products)(height, count, w->plan->has_halves, &factors);
  }
  const mexit_map *map = &w->conv->y;
  const int32_t channel = block * height;
  NAME(winograd_results) results = {.m_stride = height * count * V,
                                    .m_channel_stride = count * V,
                                    .biases = packed + w->plan->biases + channel,
                                    .channels = map->channels - channel < height ? map->channels - channel : height,
                                    .row_stride = map->row_stride,
                                    .channel_stride = map->channel_stride,
                                    .accumulate = w->run->accumulate,
                                    .relu = w->run->activation == MEXIT_ACTIVATION_RELU};
  for (int32_t j = 0; j < count; j++) {
    const mexit_winograd_vector *vector = w->vectors + w->chunk.vector_begin + (first + j) % per_sample;
    const size_t sample = w->first_sample + (size_t)((first + j) / per_sample);
    results.m = w->m + j * V;
    results.y = w->run->y[sample] + channel * map->channel_stride;
    results.add = w->run->add != NULL ? w->run->add[sample] + channel * map->channel_stride : NULL;
    results.segments = w->segments + vector->segment_begin;
    results.end = w->segments + vector->segment_end;
    NAME(winograd_output)(&results);
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
    const int32_t all = samples * per_sample, widest = w->plan->tile_vectors, tiles = (all + widest - 1) / widest;
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
      .t = scratch + MEXIT_WINOGRAD_POINTS * plan.height * plan.tile_vectors * V,
      .m = scratch,
  };
  const size_t parts = (size_t)plan.parts, blocks = (size_t)plan.blocks;
  const int64_t tiles = ((int64_t)run->n * plan.vectors + plan.tile_vectors - 1) / plan.tile_vectors * plan.blocks;
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
