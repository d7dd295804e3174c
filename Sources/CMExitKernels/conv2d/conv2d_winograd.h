#pragma once
/* 3x3 convolution with stride 1 by Winograd's F(4, 3) along columns: four rows of output from six rows of input with six
 * products instead of twelve (Winograd 1980; Lavin and Gray, arXiv:1509.09308). Rows stay as they are: the three taps along
 * a row are three terms of the sum, pointer offsets as in the planar kernels. So the arithmetic is half that of a direct
 * kernel (in two dimensions it would be a quarter), vectors are full, nothing is shuffled, and rounding grows little.
 *
 * The output is cut into strips of four rows. Of each strip six transformed rows are made, the points; they have `pitch` =
 * width + 2 entries each, and entry e of strip s stands at place s * pitch + e:
 *   1. t[p][i][place] = sum over r of BT[p][r] * x[i][4 * strip - pad + r][e - pad]
 *   2. m[p][o][place] = sum over i, kx of weight[o][p][i][kx] * t[p][i][place + kx]
 *   3. y[o][4 * strip + a][column] = act(bias[o] + sum over p of AT[a][p] * m[p][o][strip * pitch + column])
 * Steps 1 to 3 are done for a chunk of the places at a time, so that t stays in the first or second cache, and in step 2
 * vectors of several samples go together. No value depends on its neighbours, so results do not depend on the batch.
 *
 * BT, AT and the transform of the weights are those of the points 0, 1, -1, 2, -2 and infinity. Rows below the image that a
 * last, partial strip would read count as zero. */
#include "conv2d_ahead.h"
#include "conv2d_shape.h"

enum { MEXIT_WINOGRAD_POINTS = 6, MEXIT_WINOGRAD_ROWS = 4 };

/* A register tile: output channels, and at most so many vectors of places. */
typedef struct mexit_winograd_shape {
  int32_t height, vectors;
} mexit_winograd_shape;

typedef struct mexit_winograd_family {
  int32_t lanes, shape_count;
  const mexit_winograd_shape *shapes; /* the best one where channels come out even first */
} mexit_winograd_family;

/* Lanes of a vector that lie in one strip, `rows` (1 ... 4) of which are in the image. */
typedef struct mexit_winograd_segment {
  int32_t offset; /* of lane 0 in the topmost row, in a plane of x or y */
  uint32_t lanes;
  int32_t rows;
} mexit_winograd_segment;

/* A vector of V results: its halves read t from `low` and `high` on, places counted from the chunk's first. */
typedef struct mexit_winograd_vector {
  int32_t low, high;
  int32_t segment_begin, segment_end; /* of y */
} mexit_winograd_vector;

/* A vector of V places of t. */
typedef struct mexit_winograd_entry {
  int32_t segment_begin, segment_end; /* of x */
} mexit_winograd_entry;

typedef struct mexit_winograd_chunk {
  int32_t vector_begin, vector_end, entry_begin, entry_end;
} mexit_winograd_chunk;

/* At the head of packed; the rest are places in packed, in floats. */
typedef struct mexit_winograd_plan {
  int32_t vectors, entries;  /* of one sample; at most so many entries per chunk */
  int32_t samples;           /* that are transformed together */
  int32_t height, tile_vectors; /* the register tile */
  int32_t blocks;            /* of `height` output channels; the last may be narrower and is padded with zeros */
  int32_t chunks, parts;     /* units = chunks x parts of the blocks */
  int32_t has_halves;        /* some vector's high is not low + V / 2 */
  int64_t chunk_table, vector_table, entry_table, segment_table;
  int64_t biases, weights;   /* [blocks * height]; [blocks][points][inputs][3][height] */
} mexit_winograd_plan;

bool mexit_winograd_supports(const mexit_conv2d *);
double mexit_winograd_cost(const mexit_winograd_family *, const mexit_conv2d *);
size_t mexit_winograd_packed_floats(const mexit_winograd_family *, const mexit_conv2d *);
void mexit_winograd_pack(const mexit_winograd_family *, const mexit_conv2d *, const float *weight, const float *bias,
                         float *packed);
size_t mexit_winograd_units(const mexit_winograd_family *, const mexit_conv2d *);
/* Room for t of `samples` chunks, and for m of one tile. */
size_t mexit_winograd_scratch_floats(const mexit_winograd_family *, const mexit_conv2d *);
