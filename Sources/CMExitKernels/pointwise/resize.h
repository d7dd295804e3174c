#pragma once
/* Where the pixels of a resized map come from. */
#include "mexit_map.h"

/* Between pixels `low` and `high` of the input, `weight` of the way. Forward and backward use both even where one has no
 * weight or they are the same pixel. */
typedef struct mexit_resize_tap {
  int32_t low, high;
  float weight;
} mexit_resize_tap;

/* The position is a fraction of integers, so that weights are the same on every CPU, and exact where they can be. */
static inline mexit_resize_tap mexit_resize_tap_of(int32_t i, int32_t from, int32_t to, bool align_corners) {
  int64_t numerator, denominator;
  if (align_corners) {
    numerator = to > 1 ? (int64_t)i * (from - 1) : 0;
    denominator = to > 1 ? to - 1 : 1;
  } else {
    numerator = (2 * (int64_t)i + 1) * from - to;
    denominator = 2 * (int64_t)to;
    if (numerator < 0) numerator = 0;
  }
  const int64_t low = numerator / denominator, rest = numerator - low * denominator;
  return (mexit_resize_tap){(int32_t)low, (int32_t)(low + 1 < from ? low + 1 : from - 1), (float)((double)rest / (double)denominator)};
}

/* Columns that are worked on together: two rows of them stay on the stack. */
enum { MEXIT_RESIZE_STRIP = 256 };

typedef struct mexit_resize_strip {
  mexit_map x, y; /* the whole maps */
  bool align_corners;
  int32_t first, count; /* columns of y */
  /* Their taps. */
  int32_t low[MEXIT_RESIZE_STRIP], high[MEXIT_RESIZE_STRIP];
  float weight[MEXIT_RESIZE_STRIP];
} mexit_resize_strip;

/* The next strip, from column `first` on. */
static inline void mexit_resize_strip_start(mexit_resize_strip *strip, int32_t first) {
  const int32_t left = strip->y.width - first;
  strip->first = first;
  strip->count = left < MEXIT_RESIZE_STRIP ? left : MEXIT_RESIZE_STRIP;
  for (int32_t i = 0; i < strip->count; i++) {
    const mexit_resize_tap tap = mexit_resize_tap_of(first + i, strip->x.width, strip->y.width, strip->align_corners);
    strip->low[i] = tap.low;
    strip->high[i] = tap.high;
    strip->weight[i] = tap.weight;
  }
}
