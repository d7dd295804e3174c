#pragma once
/* How the planar kernels lay the output's pixels along vectors. */
#include "conv2d_planar.h"

mexit_planar_grid mexit_planar_grid_of(const mexit_planar_family *, const mexit_conv2d *);
int32_t mexit_planar_vector_count(const mexit_planar_family *, const mexit_conv2d *);

/* At most this many segments come out of mexit_planar_fill_vectors: one per row that a vector touches. */
static inline int64_t mexit_planar_segment_bound(const mexit_planar_family *f, const mexit_conv2d *c) {
  const int64_t vectors = mexit_planar_vector_count(f, c);
  return mexit_planar_grid_of(f, c) == MEXIT_PLANAR_RUN ? vectors + c->y.height : 2 * vectors;
}

/* Writes every vector and its segments; returns the number of segments. */
int32_t mexit_planar_fill_vectors(const mexit_planar_family *, const mexit_conv2d *, mexit_planar_vector *vectors,
                                  mexit_planar_segment *segments);
