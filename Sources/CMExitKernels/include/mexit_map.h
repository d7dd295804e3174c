#pragma once
/* The layout that every kernel of this library shares.
 *
 * A map is a stack of planes, one per channel: pixel (c, y, x) of a map stands at
 *     data[c * channel_stride + y * row_stride + x]
 * where `data` points to pixel (0, 0, 0), not to the halo. Around each plane lies a halo of `halo` pixels that hold
 * zero, so that a convolution reads its padding as ordinary memory. Neighbouring rows share it: the zeros to the right
 * of row y are the zeros to the left of row y + 1, so row_stride = width + halo.
 *
 * Contract of every kernel:
 *  - it writes interior pixels only; the owner of the memory zeroes the halo once, and it stays zero;
 *  - it may read the halo, and up to MEXIT_READ_SLACK floats before the first plane's halo and after the last plane's
 *    (values there never reach a result, they need not be finite);
 *  - nothing need be aligned.
 * A vector (features, logits) is a map with height = width = 1, halo = 0, channel_stride = 1.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Floats that a kernel may read, and ignores, beyond either end of a map's planes. */
#define MEXIT_READ_SLACK 64

typedef struct mexit_map {
  int32_t channels, height, width;
  int32_t halo;           /* pixels of zero on each side */
  int64_t row_stride;     /* floats from one row to the next */
  int64_t channel_stride; /* floats from one plane to the next */
} mexit_map;

/* Floats from the start of a plane's memory to its pixel (0, 0). */
static inline int64_t mexit_map_origin(const mexit_map *m) {
  return (int64_t)m->halo * m->row_stride + m->halo;
}

/* The usual layout for C x H x W pixels with a halo: shared halo columns, planes padded to 16 floats.
 * A 1 x 1 map with no halo is a dense vector. */
static inline mexit_map mexit_map_make(int32_t channels, int32_t height, int32_t width, int32_t halo) {
  mexit_map m = {channels, height, width, halo, (int64_t)width + halo, 0};
  int64_t plane = ((int64_t)height + 2 * halo) * m.row_stride + halo;
  m.channel_stride = (height == 1 && width == 1 && halo == 0) ? 1 : (plane + 15) / 16 * 16;
  return m;
}

/* Floats of memory for all planes of a map, halos included, slack excluded. */
static inline int64_t mexit_map_floats(const mexit_map *m) { return m->channels * m->channel_stride; }
