#pragma once
/* The "quads" kernel of the input's gradient over the lanes of lanes_*.h. See quads_plan.h. */
#include "../vectors/unroll.h"
#include "quads_plan.h"

/* Where positions stand in dx. Two vectors of them, left and right pixels of squares, come woven as 2 * LANES floats, which are
 * `pieces` pieces of neighbours in dx. */
typedef struct {
  const mexit_conv2d *conv;
  int32_t pieces;
  float *const *to; /* [vectors][pieces]: upper left pixel of the piece's first square in the first channel; NULL: none */
  bool accumulate;
} quads_place;

ALWAYS_INLINE void quads_copy(const int count, float *to, const float *from, bool accumulate) {
  for (int i = 0; i < count; i++) to[i] = accumulate ? to[i] + from[i] : from[i];
}

/* One row of the squares of vector v. */
ALWAYS_INLINE void quads_store(const quads_place *p, int64_t offset, int64_t v, V left, V right) {
  float *const *to = p->to + v * p->pieces;
  V woven[2] = {v_woven_first(left, right), v_woven_last(left, right)};
  if (p->pieces == 2) {
    UNROLL for (int i = 0; i < 2; i++) {
      if (to[i] == NULL) continue;
      float *at = to[i] + offset;
      v_store(at, p->accumulate ? v_add(woven[i], v_load(at, LANES)) : woven[i], LANES);
    }
    return;
  }
  float floats[2 * LANES];
  v_store(floats, woven[0], LANES);
  v_store(floats + LANES, woven[1], LANES);
  const int32_t count = 2 * LANES / p->pieces;
  for (int32_t i = 0; i < p->pieces; i++) {
    if (to[i] == NULL) continue;
    if (count == 8) quads_copy(8, to[i] + offset, floats + i * 8, p->accumulate);
    else quads_copy(4, to[i] + offset, floats + i * 4, p->accumulate);
  }
}

/* The first channel and vector of a tile. */
typedef struct { int32_t channel; int64_t v; } quads_corner;

/* Asks for what a tile will write: memory that nobody has touched for long. */
ALWAYS_INLINE void quads_fetch(const quads_place *p, quads_corner next, const int height, const int vectors) {
  if (next.channel >= p->conv->in_channels) return;
  float *const *to = p->to + next.v * p->pieces;
  const int64_t offset = next.channel * p->conv->x.channel_stride;
  for (int32_t i = 0; i < vectors * p->pieces && to[i] != NULL; i++)
    UNROLL for (int h = 0; h < height; h++) {
      const float *at = to[i] + offset + h * p->conv->x.channel_stride;
      __builtin_prefetch(at, 1, 2);
      __builtin_prefetch(at + p->conv->x.row_stride, 1, 2);
    }
}

/* height input channels, `vectors` vectors of positions; both are constants in every caller. */
ALWAYS_INLINE void quads_tile(const int height, const int vectors, const quads_place *place, quads_corner at, quads_corner next,
                              const float *spread, int64_t positions, const float *weights) {
  V sum[4][3][4];
  UNROLL for (int q = 0; q < 4; q++)
    UNROLL for (int h = 0; h < height; h++)
      UNROLL for (int j = 0; j < vectors; j++) sum[q][h][j] = v_set1(0);
  spread += at.v * LANES;
  quads_fetch(place, next, height, vectors);
#define NEIGHBOUR(n)                                                       \
  UNROLL for (int j = 0; j < vectors; j++) g[j] = v_load(spread + (n) * positions + j * LANES, LANES);
#define TAP(t, q)                                                          \
  UNROLL for (int h = 0; h < height; h++) {                                \
    const V w = v_set1(weights[(t) * height + h]);                         \
    UNROLL for (int j = 0; j < vectors; j++) sum[q][h][j] = v_fma(w, g[j], sum[q][h][j]); \
  }
  for (int32_t o = 0; o < place->conv->out_channels; o++, spread += 4 * positions, weights += 9 * height) {
    V g[4];
    NEIGHBOUR(0) TAP(0, 0) TAP(1, 1) TAP(2, 2) TAP(3, 3)
    NEIGHBOUR(1) TAP(4, 1) TAP(5, 3)
    NEIGHBOUR(2) TAP(6, 2) TAP(7, 3)
    NEIGHBOUR(3) TAP(8, 3)
  }
#undef NEIGHBOUR
#undef TAP
  UNROLL for (int h = 0; h < height; h++)
    UNROLL for (int j = 0; j < vectors; j++) {
      const int64_t offset = (at.channel + h) * place->conv->x.channel_stride;
      quads_store(place, offset, at.v + j, sum[0][h][j], sum[1][h][j]);
      quads_store(place, offset + place->conv->x.row_stride, at.v + j, sum[2][h][j], sum[3][h][j]);
    }
}

/* Sums, vectors of dy and a weight must fit the registers. */
#if LANES == 16
#define QUADS_TILES TILE(1, 1) TILE(1, 2) TILE(1, 3) TILE(1, 4) TILE(2, 1) TILE(2, 2) TILE(2, 3) TILE(3, 1) TILE(3, 2)
static const uint8_t quads_widest[4] = {0, 4, 3, 2};
#else
#define QUADS_TILES TILE(1, 1) TILE(1, 2) TILE(2, 1) TILE(3, 1)
static const uint8_t quads_widest[4] = {0, 2, 1, 1};
#endif
typedef void (*quads_function)(const quads_place *, quads_corner, quads_corner, const float *, int64_t, const float *);
#define TILE(height, vectors)                                                                                            \
  static void quads_##height##x##vectors(const quads_place *place, quads_corner at, quads_corner next, const float *spread, \
                                         int64_t positions, const float *weights) {                                       \
    quads_tile(height, vectors, place, at, next, spread, positions, weights);                                            \
  }
QUADS_TILES
#undef TILE
#define TILE(height, vectors) [height][vectors] = quads_##height##x##vectors,
static const quads_function quads_tiles[4][5] = {QUADS_TILES};
#undef TILE
#undef QUADS_TILES

/* Fills place->to for some samples. */
static void quads_find(const mexit_conv2d *c, const quads_plan *p, float *const *dx, int32_t samples, int32_t piece, float **to) {
  float **end = to + 2 * p->positions / (2 * piece);
  for (int32_t k = 0; k < samples; k++)
    for (int32_t r = 0; r < c->y.height; r++)
      for (int32_t j = 0; j < c->y.width; j += piece) *to++ = dx[k] + 2 * r * c->x.row_stride + 2 * j;
  while (to < end) *to++ = NULL;
}

void LANES_NAME(mexit_quads)(const mexit_conv2d *c, const float *packed, const float *const *dy, float *const *dx, size_t n,
                             bool accumulate, float *scratch) {
  const quads_plan p = mexit_quads_plan(c, LANES);
  const int32_t piece = c->y.width < LANES / 2 ? c->y.width : LANES / 2; /* squares */
  float **to = (float **)(((uintptr_t)scratch + 63) / 64 * 64), *spread = (float *)(to + p.positions / piece);
  for (size_t k = 0; k < n; k += (size_t)p.block) {
    const int32_t samples = n - k < (size_t)p.block ? (int32_t)(n - k) : p.block;
    mexit_quads_spread(c, &p, dy + k, samples, spread);
    quads_find(c, &p, dx + k, samples, piece, to);
    const quads_place place = {c, LANES / piece, to, accumulate};
    const int32_t vectors = (int32_t)((p.pixels * samples + LANES - 1) / LANES);
    const float *weights = packed;
    for (int32_t i = 0, height; i < c->in_channels; i += height, weights += (int64_t)9 * height * c->out_channels) {
      height = mexit_quads_height(c->in_channels - i);
      const int32_t widest = quads_widest[height], tiles = (vectors + widest - 1) / widest;
      for (int32_t tile = 0; tile < tiles; tile++) {
        const int32_t v = (int32_t)((int64_t)vectors * tile / tiles), end = (int32_t)((int64_t)vectors * (tile + 1) / tiles);
        const quads_corner next = tile + 1 < tiles ? (quads_corner){i, end} : (quads_corner){i + height, 0};
        quads_tiles[height][end - v](&place, (quads_corner){i, v}, next, spread, p.positions, weights);
      }
    }
  }
}
