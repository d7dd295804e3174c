/* The register tiles of one instruction set for convolutions with vectors over output channels. Needs a vectors/vec_*.h,
 * NAME(f), which adds the suffix, and FUNCTION(method, f), the name of a function of the kernel for the list. */
#include "../vectors/unroll.h"
#include "conv2d_planes_template.h"

/* Tallest tile for 1, 2, 3 and 4 vectors of channels: the sums must not be
 * spilled in the innermost loop (12 x 2 on AVX-512 is: the compiler hoists all twelve broadcasts). */
#if VEC_REGISTERS >= 32
static const uint8_t NAME(max_pixels)[MEXIT_CHANNELS_MAX_VECTORS + 1] = {0, 12, 10, 7, 6};
#else
static const uint8_t NAME(max_pixels)[MEXIT_CHANNELS_MAX_VECTORS + 1] = {0, 10, 6, 3, 2};
#endif
static const mexit_channels_family NAME(channels_family) = {V, NAME(max_pixels)};

/* pixels and vectors are constants in every caller. */
ALWAYS_INLINE void NAME(channels_tile)(const int pixels, const int vectors, const mexit_channels_tile *t) {
  vf sum[MEXIT_CHANNELS_MAX_PIXELS][MEXIT_CHANNELS_MAX_VECTORS];
  const float *weights = t->weights, *x[MEXIT_CHANNELS_MAX_PIXELS];
  mexit_ahead_loop ahead = t->ahead;
  UNROLL for (int p = 0; p < pixels; p++) {
    x[p] = t->x[p];
    UNROLL for (int j = 0; j < vectors; j++) sum[p][j] = vload(t->start + p * t->start_stride + j * V);
  }
  for (const int32_t *tap = t->taps, *end = tap + t->tap_count; tap < end; tap++) {
    const int64_t offset = *tap;
    vf weight[MEXIT_CHANNELS_MAX_VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) weight[j] = vload(weights + j * V);
    weights += vectors * V;
    MEXIT_AHEAD_STEP(ahead);
    UNROLL for (int p = 0; p < pixels; p++) {
      const vf value = vset1(x[p][offset]);
      UNROLL for (int j = 0; j < vectors; j++) sum[p][j] = vfma(weight[j], value, sum[p][j]);
    }
  }
  UNROLL for (int p = 0; p < pixels; p++) {
    UNROLL for (int j = 0; j < vectors; j++) vstore(t->sums + (p * vectors + j) * V, sum[p][j]);
  }
}

#define TILE(pixels, vectors) \
  static void NAME(channels_##pixels##x##vectors)(const mexit_channels_tile *t) { NAME(channels_tile)(pixels, vectors, t); }
#include "conv2d_channels_tiles.h"
#undef TILE

static void NAME(channels_compute)(int pixels, int vectors, const mexit_channels_tile *t) {
  typedef void (*tile_function)(const mexit_channels_tile *);
#define TILE(pixels, vectors) [pixels][vectors] = NAME(channels_##pixels##x##vectors),
  static const tile_function tiles[MEXIT_CHANNELS_MAX_PIXELS + 1][MEXIT_CHANNELS_MAX_VECTORS + 1] = {
#include "conv2d_channels_tiles.h"
  };
#undef TILE
  tiles[pixels][vectors](t);
}

bool FUNCTION(channels, supports)(const mexit_conv2d *c) { return mexit_channels_supports(c); }
double FUNCTION(channels, cost)(const mexit_conv2d *c) { return mexit_channels_cost(&NAME(channels_family), c); }
size_t FUNCTION(channels, packed_floats)(const mexit_conv2d *c) {
  return mexit_channels_packed_floats(&NAME(channels_family), c);
}
void FUNCTION(channels, pack)(const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {
  mexit_channels_pack(&NAME(channels_family), c, weight, bias, packed);
}
size_t FUNCTION(channels, units)(const mexit_conv2d *c) { return mexit_channels_units(&NAME(channels_family), c); }
size_t FUNCTION(channels, scratch_floats)(const mexit_conv2d *c) {
  (void)c;
  return mexit_channels_scratch_floats(&NAME(channels_family));
}
void FUNCTION(channels, run)(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  const mexit_channels_isa isa = {&NAME(channels_family), NAME(channels_compute), NAME(planes_store)};
  mexit_channels_run(&isa, c, packed, run);
}
