#pragma once
/* Planar convolution: vectors over the output's pixels, weights broadcast, one matrix product
 *     y[o][position] = sum over taps t of weight[o][t] * x[position + offset[t]]
 * with t = (i, ky, kx). Nothing is copied: the zero halo is the padding, and a tap is a pointer offset.
 *
 * How the output's pixels lie along vectors (mexit_planar_grid), whichever takes the fewest:
 *  - run (stride 1): the plane is one run of positions, row after row with x's row stride; the positions between rows
 *    compute garbage and are not stored. A 7 x 7 map with a halo of 1 fills 49 of 64 lanes.
 *  - rows (stride 1): whole vectors of one row. Every lane of a 32 x 32 map is of use, and a vector is stored at once.
 *  - halves (stride 1): a vector is two halves of V/2 pixels, each from one row: 8 x 8 maps with vectors of 16.
 *  - pairs (stride 2 along a row): two halves again; V floats of x hold the V/2 inputs of a half at even places.
 *
 * Order of work: pixels go by in spans, such that the inputs of a span stay in the first-level cache while all blocks of
 * output channels read them. Weights are read once per span; they are a small part of what is read, and in order.
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

typedef enum mexit_planar_grid { MEXIT_PLANAR_RUN, MEXIT_PLANAR_ROWS, MEXIT_PLANAR_HALVES, MEXIT_PLANAR_PAIRS } mexit_planar_grid;

/* Where one vector of outputs reads (relative to x) and which segments it stores. */
typedef struct mexit_planar_vector {
  int32_t x_low, x_high; /* the same but where a vector is two halves */
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
  int32_t grid; /* a mexit_planar_grid */
  int32_t taps, vectors, blocks, chunks; /* chunks: parts of the pixels, for threads; unit = chunk * blocks + block */
  int32_t span;                          /* most vectors in a span */
  int32_t wave;                          /* blocks whose weights stay in the second-level cache together */
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
