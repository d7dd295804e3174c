#pragma once
/* How element-wise loops walk a plane: in one long row, halo between the rows included, where the layouts allow that. Then nearly all
 * vectors are whole and aligned, and planes narrower than a vector cost no more than others. */
#include <string.h>

#include "mexit_map.h"

typedef struct mexit_walk {
  int32_t h, w;        /* rows and their length */
  const uint8_t *bits; /* of one long row: which positions are pixels; NULL: all, or nobody asked */
} mexit_walk;

/* Longer planes have long rows, too. */
enum { MEXIT_WALK_POSITIONS = 8192 };
typedef struct mexit_pixel_bits { uint64_t words[MEXIT_WALK_POSITIONS / 64 + 1]; } mexit_pixel_bits;

static inline bool mexit_is_dense(const mexit_map *m) { return m->height == 1 || m->row_stride == m->width; }

/* Sets bits first ..< end. */
static inline void mexit_set_bits(uint64_t *words, int64_t first, int64_t end) {
  for (int64_t i = first; i < end;) {
    int64_t in_word = i % 64, count = end - i < 64 - in_word ? end - i : 64 - in_word;
    words[i / 64] |= (count == 64 ? ~0ull : (1ull << count) - 1) << in_word;
    i += count;
  }
}

/* b and c may be NULL. `room` takes the bits; NULL where pixels need not be told from halo. */
static inline mexit_walk mexit_walk_of(const mexit_map *a, const mexit_map *b, const mexit_map *c, mexit_pixel_bits *room) {
  const mexit_map *maps[] = {a, b ? b : a, c ? c : a};
  bool all_dense = true, all_equal = true;
  for (int i = 0; i < 3; i++) {
    const mexit_map *m = maps[i];
    all_dense = all_dense && mexit_is_dense(m);
    all_equal = all_equal && m->row_stride == a->row_stride && m->row_stride == (int64_t)m->width + m->halo;
  }
  if (all_dense) return (mexit_walk){1, a->height * a->width, NULL};
  int64_t run = (a->height - 1) * a->row_stride + a->width;
  /* More halo than pixels is not worth it. */
  if (!all_equal || a->halo > a->width || run > MEXIT_WALK_POSITIONS) return (mexit_walk){a->height, a->width, NULL};
  if (room == NULL) return (mexit_walk){1, (int32_t)run, NULL};
  memset(room->words, 0, (size_t)(run / 64 + 1) * sizeof room->words[0]);
  for (int32_t r = 0; r < a->height; r++) mexit_set_bits(room->words, r * a->row_stride, r * a->row_stride + a->width);
  return (mexit_walk){1, (int32_t)run, (const uint8_t *)room->words};
}
