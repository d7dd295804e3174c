#pragma once
/* The "channels" kernel of the weights' gradient: lanes are input channels. See weights_channels_plan.h. */
#include "weights_channels_plan.h"
#include "weights_turn.h"

/* What the tiles of one tap read. */
typedef struct {
  const float *x, *dy;   /* channels-last, first sample: the pixels that the tap's first output joins */
  int64_t x_sample, dy_sample, x_row, dy_row, x_pixel, dy_pixel; /* floats from one to the next, x in strides */
  int32_t samples, rows, columns;
} channels_tap;

/* sums[TILE_O][pitch] += dy (outer) x over all pixels of the tap, for `v` vectors of input channels. */
static inline __attribute__((always_inline)) void tile(const int v, const channels_tap *t, const float *x,
                                                       const float *dy, float *sums, int64_t pitch) {
  V acc[TILE_O][TILE_V];
#pragma clang loop unroll(full)
  for (int o = 0; o < TILE_O; o++)
#pragma clang loop unroll(full)
    for (int j = 0; j < v; j++) acc[o][j] = v_set1(0);
  for (int32_t k = 0; k < t->samples; k++)
    for (int32_t r = 0; r < t->rows; r++) {
      const float *p = x + k * t->x_sample + r * t->x_row, *q = dy + k * t->dy_sample + r * t->dy_row;
      for (int32_t i = 0; i < t->columns; i++, p += t->x_pixel, q += t->dy_pixel) {
        V a[TILE_V];
#pragma clang loop unroll(full)
        for (int j = 0; j < v; j++) a[j] = v_load(p + j * LANES, LANES);
#pragma clang loop unroll(full)
        for (int o = 0; o < TILE_O; o++) {
          V g = v_set1(q[o]);
#pragma clang loop unroll(full)
          for (int j = 0; j < v; j++) acc[o][j] = v_fma(g, a[j], acc[o][j]);
        }
      }
    }
#pragma clang loop unroll(full)
  for (int o = 0; o < TILE_O; o++)
#pragma clang loop unroll(full)
    for (int j = 0; j < v; j++) {
      float *to = sums + o * pitch + j * LANES;
      v_store(to, v_add(v_load(to, LANES), acc[o][j]), LANES);
    }
}

#define TILE(v)                                                                                              \
  static __attribute__((noinline)) void tile##v(const channels_tap *t, const float *x, const float *dy,      \
                                                float *sums, int64_t pitch) {                                \
    tile(v, t, x, dy, sums, pitch);                                                                          \
  }
TILE(1) TILE(2)
#if TILE_V > 2
TILE(3) TILE(4)
#endif
typedef void (*tile_function)(const channels_tap *, const float *, const float *, float *, int64_t);
static const tile_function tiles[] = {NULL, tile1, tile2,
#if TILE_V > 2
                                      tile3, tile4
#endif
};

static void run_tap(const weights_channels_plan *p, const channels_tap *t, float *sums) {
  int32_t columns = p->padded / LANES, parts = (columns + TILE_V - 1) / TILE_V;
  for (int32_t part = 0; part < parts; part++) { /* the pixels of these channels stay in the first-level cache */
    int32_t v = (int32_t)((int64_t)columns * part / parts), count = (int32_t)((int64_t)columns * (part + 1) / parts) - v;
    for (int32_t o = 0; o < p->outputs; o += TILE_O)
      tiles[count](t, t->x + v * LANES, t->dy + o, sums + (int64_t)o * p->padded + v * LANES, p->padded);
  }
}

/* One loss on the samples in scratch. */
static void run_taps(const mexit_conv2d *c, const weights_channels_plan *p, const float *xs, const float *dys, int32_t samples,
                     float *sums) {
  int32_t taps = c->kernel_h * c->kernel_w;
  for (int32_t tap = 0; tap < taps; tap++) {
    int32_t sy = tap / c->kernel_w * c->dilation_h - c->pad_h, sx = tap % c->kernel_w * c->dilation_w - c->pad_w;
    mexit_span h = mexit_outputs_inside(c->y.height, c->stride_h, sy, c->x.height);
    mexit_span w = mexit_outputs_inside(c->y.width, c->stride_w, sx, c->x.width);
    if (h.first >= h.last || w.first >= w.last) continue;
    int64_t iy = (int64_t)h.first * c->stride_h + sy, ix = (int64_t)w.first * c->stride_w + sx;
    channels_tap t = {.x = xs + (iy * c->x.width + ix) * p->padded,
                      .dy = dys + ((int64_t)h.first * c->y.width + w.first) * p->outputs,
                      .x_sample = p->x_sample,
                      .dy_sample = p->dy_sample,
                      .x_row = (int64_t)c->stride_h * c->x.width * p->padded,
                      .dy_row = (int64_t)c->y.width * p->outputs,
                      .x_pixel = (int64_t)c->stride_w * p->padded,
                      .dy_pixel = p->outputs,
                      .samples = samples,
                      .rows = h.last - h.first,
                      .columns = w.last - w.first};
    run_tap(p, &t, sums + (int64_t)tap * p->outputs * p->padded);
  }
}

void LANES_NAME(mexit_weights_channels)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy,
                                        int32_t losses, size_t first, size_t n, float *dweight, int64_t row,
                                        float *scratch) {
  weights_channels_plan p = mexit_weights_channels_plan(c, LANES, TILE_O);
  int32_t taps = c->kernel_h * c->kernel_w;
  float *sums = scratch, *xs = sums + p.sums * losses, *dys = xs + p.x_sample * p.block;
  mexit_zero_f32(sums, (size_t)(p.sums * losses));
  size_t filled = n < (size_t)p.block ? n : (size_t)p.block;
  if (p.padded > c->in_channels) mexit_zero_f32(xs, filled * (size_t)p.x_sample); /* the channels of rounding up */
  if (p.outputs > c->out_channels) mexit_zero_f32(dys, filled * (size_t)p.dy_sample);
  for (size_t k = 0; k < n; k += (size_t)p.block) {
    int32_t samples = n - k < (size_t)p.block ? (int32_t)(n - k) : p.block;
    for (int32_t i = 0; i < samples; i++) turn(&c->x, x[first + k + (size_t)i], xs + i * p.x_sample, p.padded);
    for (int32_t l = 0; l < losses; l++) {
      for (int32_t i = 0; i < samples; i++) turn(&c->y, dy[l][first + k + (size_t)i], dys + i * p.dy_sample, p.outputs);
      run_taps(c, &p, xs, dys, samples, sums + p.sums * l);
    }
  }
  for (int32_t l = 0; l < losses; l++, sums += p.sums)
    for (int32_t o = 0; o < c->out_channels; o++, dweight += row)
      add_sums(sums + (int64_t)o * p.padded, (int64_t)p.outputs * p.padded, c->in_channels, taps, dweight, taps);
}
