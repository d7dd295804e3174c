#pragma once
/* The "outputs" kernel of the weights' gradient. See weights_outputs_plan.h. */
#include "../vectors/unroll.h"
#include "mexit_training.h"
#include "weights_outputs_plan.h"
#include "weights_turn.h"

#if LANES == 16
enum { OUTPUTS_MAX_HEIGHT = 12, OUTPUTS_WIDEST = 4 };
/* Rows of a tile, by vectors: sums, vectors of dy and a value of x fill the registers. */
static const uint8_t outputs_heights[OUTPUTS_WIDEST + 1] = {0, 12, 12, 8, 6};
#define OUTPUTS_TILES TILE(12, 1) TILE(12, 2) TILE(8, 3) TILE(6, 4)
#else
enum { OUTPUTS_MAX_HEIGHT = 10, OUTPUTS_WIDEST = 2 };
static const uint8_t outputs_heights[OUTPUTS_WIDEST + 1] = {0, 10, 6};
#define OUTPUTS_TILES TILE(10, 1) TILE(6, 2)
#endif

/* What the tiles of one block of samples read. */
typedef struct {
  const mexit_conv2d *conv;
  const float *const *x; /* [samples] */
  const float *dy;       /* [samples][pixel][pitch] */
  int64_t dy_sample, pitch;
  int32_t samples;
  /* Planes of each sample that the next tile is the first to read, asked for meanwhile, line by line: floats to the first. */
  int64_t ahead;
  int32_t ahead_planes;
} outputs_block;

/* sums[count][pitch] += x (outer) dy, for `height` rows whose x stands at off[], of which `count` are wanted, and `vectors` vectors of
 * outputs. */
ALWAYS_INLINE void outputs_tile(const int height, const int vectors, const outputs_block *b, const int64_t *off, const float *dy,
                                float *sums, int count) {
  const mexit_conv2d *c = b->conv;
  V acc[OUTPUTS_MAX_HEIGHT][OUTPUTS_WIDEST];
  UNROLL for (int i = 0; i < height; i++)
    UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = v_set1(0);
  for (int32_t k = 0; k < b->samples; k++) {
    const float *q = dy + k * b->dy_sample, *p[OUTPUTS_MAX_HEIGHT];
    UNROLL for (int i = 0; i < height; i++) p[i] = b->x[k] + off[i];
    const float *ahead = b->x[k] + b->ahead;
    int64_t fetched = 0;
    for (int32_t r = 0; r < c->y.height; r++) {
      if (b->ahead_planes > 0)
        for (; fetched < (r + 1) * c->stride_h * c->x.row_stride; fetched += 16)
          for (int32_t i = 0; i < b->ahead_planes; i++) __builtin_prefetch(ahead + i * c->x.channel_stride + fetched, 0, 2);
      for (int64_t at = 0, end = (int64_t)c->y.width * c->stride_w; at < end; at += c->stride_w, q += b->pitch) {
        V g[OUTPUTS_WIDEST];
        UNROLL for (int j = 0; j < vectors; j++) g[j] = v_load(q + j * LANES, LANES);
        UNROLL for (int i = 0; i < height; i++) {
          const V v = v_set1(p[i][at]);
          UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = v_fma(v, g[j], acc[i][j]);
        }
      }
      UNROLL for (int i = 0; i < height; i++) p[i] += c->stride_h * c->x.row_stride;
    }
  }
  UNROLL for (int i = 0; i < height; i++) {
    /* Rows beyond are copies of the first; what they add nothing to is read and written once more. */
    float *to = sums + (i < count ? i : 0) * b->pitch;
    UNROLL for (int j = 0; j < vectors; j++)
      v_store(to + j * LANES, v_add(v_load(to + j * LANES, LANES), i < count ? acc[i][j] : v_set1(0)), LANES);
  }
}

#define TILE(height, vectors)                                                                                                  \
  static __attribute__((noinline)) void outputs_##height##x##vectors(const outputs_block *b, const int64_t *off, const float *dy, \
                                                                     float *sums, int count) {                                 \
    outputs_tile(height, vectors, b, off, dy, sums, count);                                                                     \
  }
OUTPUTS_TILES
#undef TILE
typedef void (*outputs_function)(const outputs_block *, const int64_t *, const float *, float *, int);
#define TILE(height, vectors) [vectors] = outputs_##height##x##vectors,
static const outputs_function outputs_tiles[OUTPUTS_WIDEST + 1] = {OUTPUTS_TILES};
#undef TILE
#undef OUTPUTS_TILES

static void outputs_run_block(const weights_outputs_plan *p, outputs_block *b, float *sums) {
  const mexit_conv2d *c = b->conv;
  const int32_t taps = c->kernel_h * c->kernel_w, vectors = p->outputs / LANES, parts = (vectors + OUTPUTS_WIDEST - 1) / OUTPUTS_WIDEST;
  const int64_t corner = -(int64_t)c->pad_h * c->x.row_stride - c->pad_w;
  for (int32_t part = 0; part < parts; part++) { /* dy of these outputs stays in the first-level cache */
    const int32_t first = (int32_t)((int64_t)vectors * part / parts), v = (int32_t)((int64_t)vectors * (part + 1) / parts) - first;
    const int32_t height = outputs_heights[v];
    int32_t channel = 0, ky = 0, kx = 0;
    for (int32_t row = 0; row < p->rows; row += height) {
      const int count = p->rows - row < height ? p->rows - row : height;
      int64_t off[OUTPUTS_MAX_HEIGHT];
      for (int i = 0; i < height; i++) {
        if (i >= count) {
          off[i] = off[0];
          continue;
        }
        off[i] = channel * c->x.channel_stride + ky * c->dilation_h * c->x.row_stride + (int64_t)kx * c->dilation_w + corner;
        if (++kx < c->kernel_w) continue;
        kx = 0;
        if (++ky < c->kernel_h) continue;
        ky = 0;
        channel++;
      }
      /* Tiles of the first outputs read planes of x that nobody has read before. */
      const int32_t next = row + 2 * height < p->rows ? (row + 2 * height - 1) / taps : c->in_channels - 1;
      const int32_t last = (row + count - 1) / taps;
      b->ahead = (last + 1) * c->x.channel_stride;
      b->ahead_planes = part > 0 ? 0 : next - last;
      outputs_tiles[v](b, off, b->dy + first * LANES, sums + (int64_t)row * p->outputs + first * LANES, count);
    }
  }
}

void LANES_NAME(mexit_weights_outputs)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses,
                                       size_t first, size_t n, float *dweight, int64_t row, float *scratch) {
  const weights_outputs_plan p = mexit_weights_outputs_plan(c, losses, LANES);
  float *sums = scratch, *dys = sums + p.sums;
  mexit_zero_f32(sums, (size_t)p.sums);
  const size_t filled = n < (size_t)p.block ? n : (size_t)p.block;
  if (p.outputs > c->out_channels * losses) mexit_zero_f32(dys, filled * (size_t)p.dy_sample); /* the outputs of rounding up */
  for (size_t k = 0; k < n; k += (size_t)p.block) {
    const int32_t samples = n - k < (size_t)p.block ? (int32_t)(n - k) : p.block;
    for (int32_t i = 0; i < samples; i++)
      for (int32_t l = 0; l < losses; l++)
        turn(&c->y, dy[l][first + k + (size_t)i], dys + i * p.dy_sample + l * c->out_channels, p.outputs);
    outputs_block b = {c, x + first + k, dys, p.dy_sample, p.outputs, samples, 0, 0};
    outputs_run_block(&p, &b, sums);
  }
  add_sums(sums, p.outputs, c->out_channels * losses, p.rows, dweight, row);
}
