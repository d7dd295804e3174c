#pragma once
/* How Winograd's places are laid along vectors: which lanes read and write what. */
#include "conv2d_winograd.h"

typedef struct mexit_winograd_grid {
  const mexit_conv2d *conv;
  int32_t lanes, strips, pitch, vectors;
  enum { MEXIT_WINOGRAD_ROW_BY_ROW, MEXIT_WINOGRAD_HALVES, MEXIT_WINOGRAD_FLAT } kind;
} mexit_winograd_grid;

mexit_winograd_grid mexit_winograd_grid_make(const mexit_winograd_family *, const mexit_conv2d *);
/* Places that the halves of vector v start at. */
int32_t mexit_winograd_low(const mexit_winograd_grid *, int32_t v);
int32_t mexit_winograd_high(const mexit_winograd_grid *, int32_t v);
/* Entries, vectors of places, that vectors [begin, end) read. */
int32_t mexit_winograd_entries(const mexit_winograd_grid *, int32_t begin, int32_t end);
/* At most this many segments come out of the two functions below for one vector: a segment per strip that it touches. */
static inline int64_t mexit_winograd_segment_bound(const mexit_winograd_grid *g) { return g->lanes / g->pitch + 2; }
/* Write the segments of x for the lanes from place `first` on, or those of y for vector v; return how many. */
int32_t mexit_winograd_x_segments(const mexit_winograd_grid *, int64_t first, mexit_winograd_segment *);
int32_t mexit_winograd_y_segments(const mexit_winograd_grid *, int32_t v, mexit_winograd_segment *);
