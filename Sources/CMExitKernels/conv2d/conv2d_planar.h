#pragma once
/* Planar convolution: vectors over the output's pixels, weights broadcast, one matrix product
 *     y[o][position] = sum over taps t of weight[o][t] * x[position + offset[t]]
 * with t = (i, ky, kx). Nothing is copied: the zero halo is the padding, and a tap is a pointer offset.
 *
 * Two ways to lay the output's pixels along vectors:
 *  - flat (stride 1): the plane is one run of positions, row after row with x's row stride; the positions between rows
 *    compute garbage and are not stored. An 8 x 8 map with a halo of 1 fills 64 of 80 lanes.
 *  - pairs (stride 2 along a row): a vector is two halves of V/2 pixels, each from one row; V floats of x hold the V/2
 *    inputs of a half at even places.
 *
 * A plan is everything that can be computed before the run, and stands at the head of the packed weights. */
#include "conv2d_shape.h"

/* What differs between the planar kernels. */
typedef struct mexit_planar_family {
  int32_t lanes; /* floats in a vector */
  bool pairs;
  const uint8_t *max_vectors; /* [MEXIT_PLANAR_MAX_HEIGHT + 1]: widest tile for so many output channels, 0 for none */
} mexit_planar_family;

enum { MEXIT_PLANAR_MAX_HEIGHT = 12, MEXIT_PLANAR_MAX_VECTORS = 8 };

/* Where one vector of outputs reads (relative to x) and which segments it stores. */
typedef struct mexit_planar_vector {
  int32_t x_low, x_high; /* flat: both the same */
  int32_t segment_begin, segment_end;
} mexit_planar_vector;

/* Lanes of a vector that lie in y at y_offset + lane. */
typedef struct mexit_planar_segment {
  int32_t y_offset;
  uint32_t lanes;
} mexit_planar_segment;

/* Output channels that are computed together. */
typedef struct mexit_planar_block {
  int32_t first_output, height; /* height = number of channels */
  int64_t x_offset;             /* of the group's first plane */
  int64_t weights;              /* place in packed: `height` biases, then [taps][height] */
} mexit_planar_block;

typedef struct mexit_planar_plan {
  int32_t taps, vectors, blocks, chunks; /* chunks: parts of the pixels, for threads; units = blocks * chunks */
  /* Places of the tables in packed, in floats. */
  int64_t tap_table, vector_table, segment_table, block_table;
} mexit_planar_plan;

bool mexit_planar_supports(const mexit_planar_family *, const mexit_conv2d *);
double mexit_planar_cost(const mexit_planar_family *, const mexit_conv2d *);
size_t mexit_planar_packed_floats(const mexit_planar_family *, const mexit_conv2d *);
void mexit_planar_pack(const mexit_planar_family *, const mexit_conv2d *, const float *weight, const float *bias,
                       float *packed);
size_t mexit_planar_units(const mexit_planar_family *, const mexit_conv2d *);

/* The arguments of one register tile. */
typedef struct mexit_planar_tile {
  const float *x;       /* the group's first plane */
  const int32_t *taps;  /* [tap_count] offsets */
  int64_t tap_count;
  const float *weights; /* the block's biases and weights */
  const mexit_planar_vector *vectors; /* of this tile */
  const mexit_planar_segment *segments;
  float *y;             /* the block's first plane */
  const float *add;     /* the same place of the map to add, or NULL */
  int64_t y_channel_stride;
  bool accumulate, relu;
} mexit_planar_tile;
