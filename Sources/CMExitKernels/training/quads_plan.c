#include "quads_plan.h"

#include <string.h>

bool mexit_quads_supports(const mexit_conv2d *c) {
  return mexit_conv2d_is_consistent(c) && c->groups == 1 && c->kernel_h == 3 && c->kernel_w == 3 && c->stride_h == 2 && c->stride_w == 2 &&
         c->pad_h == 1 && c->pad_w == 1 && c->dilation_h == 1 && c->dilation_w == 1 && c->x.height == 2 * c->y.height &&
         c->x.width == 2 * c->y.width && c->y.halo >= 1 &&
         (c->y.width == 2 || c->y.width == 4 || c->y.width % 8 == 0);
}

quads_plan mexit_quads_plan(const mexit_conv2d *c, int32_t lanes) {
  quads_plan p = {.pixels = (int64_t)c->y.height * c->y.width, .block = 1};
  /* As many samples as leave room for weights in the second-level cache. */
  const int64_t floats = 4 * c->out_channels * p.pixels;
  if (floats < 64 << 10) p.block = (int32_t)((64 << 10) / floats);
  if (p.block > 64) p.block = 64;
  p.positions = (p.pixels * p.block + lanes - 1) / lanes * lanes;
  return p;
}

size_t mexit_quads_scratch(const mexit_conv2d *c, int32_t lanes) {
  /* Neighbours, a pointer for at least every two positions, and what aligning them takes. */
  const int64_t positions = mexit_quads_plan(c, lanes).positions;
  return (size_t)(4 * c->out_channels * positions + positions / 2 * (int64_t)(sizeof(float *) / sizeof(float)) + 16);
}

int32_t mexit_quads_height(int32_t channels) { return channels == 1 ? 1 : channels == 2 || channels == 4 ? 2 : 3; }

double mexit_quads_cost(const mexit_conv2d *c, int32_t lanes) {
  const quads_plan p = mexit_quads_plan(c, lanes);
  const double vectors = (double)p.positions / lanes / p.block;
  /* Two multiply-adds a cycle, 9 per vector and pair of channels; weaving and storing; copying. */
  const double cycles = vectors * c->in_channels * (4.7 * c->out_channels + 14) + 0.25 * 4 * (double)p.pixels * c->out_channels;
  return 20 + cycles * 0.3;
}

/* By neighbour, its taps: [phase of dx] = tap. */
void mexit_quads_pack(const mexit_conv2d *c, const float *weight, float *packed) {
  /* here: taps 4, 5, 7, 8 for the pixels (0, 0), (0, 1), (1, 0), (1, 1) of a square; right: 3, 6 for (0, 1), (1, 1); below: 1, 2 for
   * (1, 0), (1, 1); both: 0 for (1, 1). */
  static const int8_t taps[9] = {4, 5, 7, 8, 3, 6, 1, 2, 0};
  /* Some tiles' channels at a time, whose weights are neighbours; the next ones are asked for, as no processor foresees so many
   * streams. */
  enum { SOME = 4 };
  for (int32_t i = 0; i < c->in_channels;) {
    int32_t first[SOME], height[SOME], tiles = 0;
    float *to[SOME];
    for (; tiles < SOME && i < c->in_channels; i += height[tiles++]) {
      first[tiles] = i;
      height[tiles] = mexit_quads_height(c->in_channels - i);
      to[tiles] = packed + (int64_t)9 * i * c->out_channels;
    }
    for (int32_t o = 0; o < c->out_channels; o++)
      for (int32_t tile = 0; tile < tiles; tile++) {
        const float *from = weight + ((int64_t)o * c->in_channels + first[tile]) * 9;
        for (int32_t line = 0; line < 2; line++) __builtin_prefetch(from + 9 * 3 * SOME + 16 * line);
        for (int32_t t = 0; t < 9; t++)
          for (int32_t h = 0; h < height[tile]; h++) *to[tile]++ = from[h * 9 + taps[t]];
      }
  }
}

static inline __attribute__((always_inline)) void copy_rows(const mexit_map *m, const float *from, int32_t width, float *to) {
  for (int32_t r = 0; r < m->height; r++) memcpy(to + (int64_t)r * width, from + r * m->row_stride, (size_t)width * sizeof *to);
}

void mexit_quads_spread(const mexit_conv2d *c, const quads_plan *p, const float *const *dy, int32_t samples, float *spread) {
  const mexit_map *m = &c->y;
  const int64_t end = p->pixels * samples;
  for (int32_t o = 0; o < c->out_channels; o++)
    for (int32_t neighbour = 0; neighbour < 4; neighbour++, spread += p->positions) {
      const int64_t place = o * m->channel_stride + (neighbour >> 1) * m->row_stride + (neighbour & 1);
      for (int32_t k = 0; k < samples; k++) {
        float *to = spread + k * p->pixels;
        /* Widths that the compiler knows become loads and stores. */
        switch (m->width) {
          case 2: copy_rows(m, dy[k] + place, 2, to); break;
          case 4: copy_rows(m, dy[k] + place, 4, to); break;
          case 8: copy_rows(m, dy[k] + place, 8, to); break;
          case 16: copy_rows(m, dy[k] + place, 16, to); break;
          default: copy_rows(m, dy[k] + place, m->width, to);
        }
      }
      if (end < p->positions) memset(spread + end, 0, (size_t)(p->positions - end) * sizeof *spread);
    }
}
