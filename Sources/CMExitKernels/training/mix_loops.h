#pragma once
/* The tiles of mix_tiles.h over the lanes of lanes_*.h. */
#include "../vectors/unroll.h"
#include "mix_tiles.h"

#define TILES                                                                                                  \
  TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(2, 4) TILE(3, 1) TILE(3, 2) \
  TILE(3, 3) TILE(4, 1) TILE(4, 2) TILE(4, 3) WIDE_TILES
/* Sums, a row of x and a weight or two must fit the registers. */
#if LANES == 16
#define WIDE_TILES                                                                                              \
  TILE(1, 5) TILE(1, 6) TILE(2, 5) TILE(2, 6) TILE(3, 4) TILE(3, 5) TILE(3, 6) TILE(4, 4) TILE(4, 5) TILE(6, 1) TILE(6, 2) \
  TILE(6, 3) TILE(6, 4) TILE(8, 1) TILE(8, 2) TILE(8, 3) TILE(12, 1) TILE(12, 2)
static const uint8_t mix_widest[MEXIT_MIX_MAX_HEIGHT + 1] = {0, 6, 6, 6, 5, 0, 4, 0, 3, 0, 0, 0, 2};
#else
#define WIDE_TILES TILE(6, 1) TILE(6, 2)
static const uint8_t mix_widest[MEXIT_MIX_MAX_HEIGHT + 1] = {0, 4, 4, 3, 3, 0, 2};
#endif

/* height, vectors and ahead are constants in every caller. */
ALWAYS_INLINE void mix_tile(const int height, const int vectors, const int ahead, const bool halves, const mexit_mix_tile *t) {
  V sum[MEXIT_MIX_MAX_HEIGHT][MEXIT_MIX_MAX_VECTORS];
  UNROLL for (int o = 0; o < height; o++)
    UNROLL for (int j = 0; j < vectors; j++)
      sum[o][j] = !t->accumulate ? v_set1(0)
                  : halves       ? v_load_halves(t->y + o * t->stride + 2 * j * t->gap, t->gap)
                                 : v_load(t->y + o * t->stride + j * LANES, t->left - j * LANES);
  const float *x = t->x, *next = t->next, *weights = t->weights, *next_y = t->next_y;
#define STEP                                                                           \
  V a[MEXIT_MIX_MAX_VECTORS];                                                          \
  UNROLL for (int j = 0; j < vectors; j++)                                             \
    a[j] = halves ? v_load_halves(x + 2 * j * t->gap, t->gap) : v_load(x + j * LANES, LANES); \
  UNROLL for (int j = 0; j < ahead; j++) __builtin_prefetch(next + j * LANES, 0, 2);    \
  UNROLL for (int o = 0; o < height; o++) {                                            \
    const V w = v_set1(weights[o]);                                                    \
    UNROLL for (int j = 0; j < vectors; j++) sum[o][j] = v_fma(w, a[j], sum[o][j]);     \
  }                                                                                    \
  x += t->stride, next += t->stride, weights += height;
  int64_t i = 0;
  for (const int64_t end = t->inputs < t->next_rows ? t->inputs : t->next_rows; i < end; i++, next_y += t->stride) {
    UNROLL for (int j = 0; j < vectors + halves; j++) __builtin_prefetch(next_y + j * LANES, 1, 2);
    STEP
  }
  for (; i < t->inputs; i++) {
    STEP
  }
#undef STEP
  UNROLL for (int j = 0; j < vectors; j++)
    UNROLL for (int o = 0; o < height; o++) {
      if (halves) {
        v_store_halves(t->y + o * t->stride + 2 * j * t->gap, t->gap, sum[o][j]);
        continue;
      }
      const V v = t->bits ? v_keep(t->bits, j * LANES, sum[o][j]) : sum[o][j];
      v_store(t->y + o * t->stride + j * LANES, v, t->left - j * LANES);
    }
}

#define FETCHING(height, vectors, halves)                           \
  switch (t->next_vectors) {                                        \
    case 0: mix_tile(height, vectors, 0, halves, t); break;         \
    case 1: mix_tile(height, vectors, 1, halves, t); break;         \
    case 2: mix_tile(height, vectors, 2, halves, t); break;         \
    default: mix_tile(height, vectors, 4, halves, t);               \
  }
#define TILE(height, vectors) \
  static void mix_##height##x##vectors(const mexit_mix_tile *t) { FETCHING(height, vectors, false) }
TILES
#undef TILE
#define TILE(height, vectors) \
  static void mix_halves_##height##x##vectors(const mexit_mix_tile *t) { FETCHING(height, vectors, true) }
TILES
#undef TILE
#undef FETCHING

static void mix_compute(int height, int vectors, const mexit_mix_tile *t) {
  typedef void (*tile_function)(const mexit_mix_tile *);
#define TILE(height, vectors) [height][vectors] = mix_##height##x##vectors,
  static const tile_function tiles[MEXIT_MIX_MAX_HEIGHT + 1][MEXIT_MIX_MAX_VECTORS + 1] = {TILES};
#undef TILE
#define TILE(height, vectors) [height][vectors] = mix_halves_##height##x##vectors,
  static const tile_function halves[MEXIT_MIX_MAX_HEIGHT + 1][MEXIT_MIX_MAX_VECTORS + 1] = {TILES};
#undef TILE
  (t->gap != 0 ? halves : tiles)[height][vectors](t);
}

const mexit_mix_family LANES_NAME(mexit_mix_family) = {LANES, mix_widest, mix_compute};
#undef TILES
#undef WIDE_TILES
