#pragma once
/* The "pixels" kernel of the weights' gradient: lanes are pixels, partial sums until a tile ends. See
 * weights_pixels_plan.h for how any convolution becomes runs of equal layout.
 *
 * A tile is TILE_O output channels x 4 weights (input channel, tap) of each: TILE_O + 4 loads for 4 * TILE_O multiply-adds,
 * with as many accumulators as the registers hold. */
#include "weights_pixels_plan.h"

/* Copies one plane of x into its phases, zero where a tap reads beyond the image. `to` is cleared once per call: every
 * sample writes the same pixels. */
static void split_row(float *to, const float *from, int32_t count, int32_t stride) {
  if (stride == 2)
    for (int32_t i = 0; i < count; i += LANES) {
      int32_t left = 2 * (count - i) - 1; /* floats from the first one needed to the last */
      V a = v_load(from + 2 * i, left), b = left > LANES ? v_load(from + 2 * i + LANES, left - LANES) : v_set1(0);
      v_store(to + i, v_even(a, b), count - i);
    }
  else if (stride == 1)
    for (int32_t i = 0; i < count; i += LANES) v_store(to + i, v_load(from + i, count - i), count - i);
  else
    for (int32_t i = 0; i < count; i++) to[i] = from[(int64_t)i * stride];
}

static int32_t steps(int32_t size, int32_t phase, int32_t stride) { /* pixels phase, phase + stride, ... < size */
  return size > phase ? (size - phase - 1) / stride + 1 : 0;
}

static void copy_x(const mexit_conv2d *c, const pixels_plan *p, const float *x, float *to) {
  for (int32_t i = 0; i < c->in_channels; i++)
    for (int32_t f = 0; f < p->phases; f++, to += p->plane) {
      const float *from = x + i * c->x.channel_stride + p->phase_y[f] * c->x.row_stride + p->phase_x[f];
      int32_t h = steps(c->x.height, p->phase_y[f], c->stride_h), w = steps(c->x.width, p->phase_x[f], c->stride_w);
      int32_t top = p->first_a > 0 ? p->first_a : 0, left = p->first_b > 0 ? p->first_b : 0;
      if (h > p->rows + p->first_a) h = p->rows + p->first_a;
      if (w > p->columns + p->first_b) w = p->columns + p->first_b;
      for (int32_t r = top; r < h; r++)
        split_row(to + (int64_t)(r - p->first_a) * p->rs + left - p->first_b,
                  from + (int64_t)r * c->stride_h * c->x.row_stride + (int64_t)left * c->stride_w, w - left, c->stride_w);
    }
}

static void copy_dy(const mexit_conv2d *c, const pixels_plan *p, const float *dy, float *to) {
  for (int32_t o = 0; o < c->out_channels; o++, to += p->plane)
    for (int32_t r = 0; r < c->y.height; r++)
      split_row(to + (int64_t)r * p->rs, dy + o * c->y.channel_stride + r * c->y.row_stride, c->y.width, 1);
}

/* What the tiles of one block of samples read. */
typedef struct {
  const float *const *x, *const *dy; /* [n], pixel (0, 0) of the group's first channel */
  int64_t x_at, dy_at;               /* added to each */
  size_t n;
  int64_t run, dy_channel;
  int64_t ahead; /* from x to what the next tile reads, which is asked for meanwhile */
} pixels_block;

/* dweight[o][0 ..< count] += ... for `m` output channels and the four weights whose x stands at off[0 ..< 4]. */
static inline __attribute__((always_inline)) void tile(const int m, const pixels_block *b, int64_t o, const int64_t *off,
                                                       float *dweight, int64_t row, int count) {
  V acc[TILE_O][4];
#pragma clang loop unroll(full)
  for (int i = 0; i < m; i++)
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) acc[i][j] = v_set1(0);
  for (size_t k = 0; k < b->n; k++) {
    const float *dy = b->dy[k] + b->dy_at + o * b->dy_channel, *x = b->x[k] + b->x_at;
    const float *x0 = x + off[0], *x1 = x + off[1], *x2 = x + off[2], *x3 = x + off[3];
#define STEP(n)                                                                                                        \
  do {                                                                                                                 \
    V g[TILE_O];                                                                                                       \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) g[i] = v_load(dy + i * b->dy_channel + at, n);      \
    __builtin_prefetch(x0 + at + b->ahead, 0, 2);                                                                      \
    __builtin_prefetch(x1 + at + b->ahead, 0, 2);                                                                      \
    __builtin_prefetch(x2 + at + b->ahead, 0, 2);                                                                      \
    __builtin_prefetch(x3 + at + b->ahead, 0, 2);                                                                      \
    V v = v_load(x0 + at, n);                                                                                          \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) acc[i][0] = v_fma(g[i], v, acc[i][0]);              \
    v = v_load(x1 + at, n);                                                                                            \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) acc[i][1] = v_fma(g[i], v, acc[i][1]);              \
    v = v_load(x2 + at, n);                                                                                            \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) acc[i][2] = v_fma(g[i], v, acc[i][2]);              \
    v = v_load(x3 + at, n);                                                                                            \
    _Pragma("clang loop unroll(full)") for (int i = 0; i < m; i++) acc[i][3] = v_fma(g[i], v, acc[i][3]);              \
  } while (0)
    int64_t at = 0;
    for (; at + LANES <= b->run; at += LANES) STEP(LANES);
    if (at < b->run) STEP(b->run - at);
#undef STEP
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < m; i++) {
    float *to = dweight + i * row;
    __m128 sum = v_sum4(acc[i][0], acc[i][1], acc[i][2], acc[i][3]);
    if (count == 4) {
      _mm_storeu_ps(to, _mm_add_ps(_mm_loadu_ps(to), sum));
    } else {
      float each[4];
      _mm_storeu_ps(each, sum);
      for (int j = 0; j < count; j++) to[j] += each[j];
    }
  }
}

#define TILE(m)                                                                                                        \
  static __attribute__((noinline)) void tile##m(const pixels_block *b, int64_t o, const int64_t *off, float *dweight,  \
                                                int64_t row, int count) {                                              \
    tile(m, b, o, off, dweight, row, count);                                                                           \
  }
TILE(1) TILE(2) TILE(3)
#if TILE_O > 3
TILE(4) TILE(5) TILE(6)
#endif
typedef void (*tile_function)(const pixels_block *, int64_t, const int64_t *, float *, int64_t, int);
static const tile_function tiles[] = {NULL, tile1, tile2, tile3,
#if TILE_O > 3
                                      tile4, tile5, tile6
#endif
};

static void run_block(const mexit_conv2d *c, const pixels_plan *p, pixels_block *b, float *dweight, int64_t row) {
  int32_t taps = c->kernel_h * c->kernel_w, ci = c->in_channels / c->groups, co = c->out_channels / c->groups;
  int32_t parts = (co + TILE_O - 1) / TILE_O;
  for (int32_t g = 0; g < c->groups; g++) {
    /* With one tap, every tile of the first outputs reads four planes of x that nobody has read before. */
    b->ahead = taps == 1 ? 4 * p->x_channel : 0;
    b->x_at = p->x_origin + (int64_t)g * ci * p->x_channel;
    b->dy_at = (int64_t)g * co * p->dy_channel;
    /* dy's few planes stay in the first-level cache while x streams by; tiles are evenly sized. */
    for (int32_t q = 0; q < parts; q++) {
      int32_t o = (int32_t)((int64_t)co * q / parts), m = (int32_t)((int64_t)co * (q + 1) / parts) - o;
      int64_t channel = 0;
      int32_t t = 0;
      for (int64_t k = 0; k < (int64_t)ci * taps; k += 4) {
        int64_t off[4];
        int count = 0;
        for (; count < 4 && k + count < (int64_t)ci * taps; count++) {
          off[count] = channel + p->tap[t];
          if (++t == taps) t = 0, channel += p->x_channel;
        }
        for (int j = count; j < 4; j++) off[j] = off[0];
        tiles[m](b, o, off, dweight + ((int64_t)g * co + o) * row + k, row, count);
      }
    }
  }
}

void LANES_NAME(mexit_weights_pixels)(const mexit_conv2d *c, const float *const *x, const float *const *const *dy, int32_t losses,
                                      size_t first, size_t n, float *dweight, int64_t row, float *scratch) {
  pixels_plan p = mexit_weights_pixels_plan(c);
  size_t block = (size_t)p.block;
  float *x_copy = scratch, *dy_copy = scratch + p.x_sample * (int64_t)p.block;
  int64_t filled = n < block ? (int64_t)n : (int64_t)block;
  if (!p.x_direct) mexit_zero_f32(x_copy, (size_t)(p.x_sample * filled));
  if (!p.dy_direct) mexit_zero_f32(dy_copy, (size_t)(p.dy_sample * filled));
  for (size_t k = first; k < first + n; k += block) {
    const float *xs[MEXIT_PIXELS_BLOCK], *dys[MEXIT_PIXELS_BLOCK];
    pixels_block b = {xs, dys, 0, 0, first + n - k < block ? first + n - k : block, p.run, p.dy_channel, 0};
    for (size_t i = 0; i < b.n; i++) {
      xs[i] = p.x_direct ? x[k + i] : x_copy + (int64_t)i * p.x_sample;
      if (!p.x_direct) copy_x(c, &p, x[k + i], x_copy + (int64_t)i * p.x_sample);
    }
    for (int32_t l = 0; l < losses; l++) {
      for (size_t i = 0; i < b.n; i++) {
        dys[i] = p.dy_direct ? dy[l][k + i] : dy_copy + (int64_t)i * p.dy_sample;
        if (!p.dy_direct) copy_dy(c, &p, dy[l][k + i], dy_copy + (int64_t)i * p.dy_sample);
      }
      run_block(c, &p, &b, dweight + l * c->out_channels * row, row);
    }
  }
}
