#pragma once
/* 3x3 convolution with stride 2, four outputs of a square of 2 x 2 together, with 25 products instead of 36.
 *
 * Along one axis, two outputs y0, y1 read five inputs e0 o0 e1 o1 e2: y0 = w0 e0 + w1 o0 + w2 e1, y1 = w0 e1 + w1 o1 + w2 e2.
 * The even inputs with w0 and w2 are a convolution of two taps with stride 1, for which three products do instead of four
 * (Winograd 1980, F(2, 2)), and those of the odd inputs join the sums that they belong to:
 *   A = w0 (e0 - e1) + w1 o0      B = (w0 + w2) e1      C = w2 (e2 - e1) + w1 o1      y0 = A + B      y1 = C + B
 * Five products instead of six; along both axes, 25 instead of 36, into nine sums.
 *
 * Vectors run over output channels, as in `channels`, and the inputs are broadcast:
 *  1. The five rows of a square become five rows of points, a = e0 - e1, o0, e1, c = e2 - e1 and o1, and each row's five columns
 *     its points in turn, for a group of V / 4 squares at once (mexit_squares_inputs).
 *  2. A tile, a group of squares by some vectors of channels, takes the sums of A's, then B's, then C's rows in registers.
 *     Weights are those of the direct kernel; w0 + w2 are added as they are loaded, since what limits a large layer on a
 *     small map is reading them.
 *  3. The nine sums of a square become its four outputs, those go to scratch memory as [pixel][channel], and to planes.
 *
 * No value depends on other squares, so results do not depend on the batch. */
#include "conv2d_ahead.h"
#include "conv2d_planes.h"
#include "conv2d_shape.h"

enum {
  MEXIT_SQUARES_MAX_VECTORS = 2,        /* of channels, in a tile */
  MEXIT_SQUARES_SUMS = 9,
  MEXIT_SQUARES_POINTS = 7,             /* vectors of points of a group in one input channel */
  MEXIT_SQUARES_STEPS = 10,             /* of fetching ahead, per tile and input channel */
  MEXIT_SQUARES_SLICE_BYTES = 24 << 10  /* weights that meet all groups of a batch before the next: half of the first cache */
};

typedef struct mexit_squares_family {
  int32_t lanes;
} mexit_squares_family;

/* Whole rows of squares, for threads. */
typedef struct mexit_squares_chunk {
  int32_t first_row, rows, groups; /* of squares */
  int32_t store_begin, store_end;
} mexit_squares_chunk;

/* At the head of packed; the rest are places in packed, in floats. */
typedef struct mexit_squares_plan {
  int32_t squares;        /* in a row */
  int32_t chunks, blocks; /* unit = chunk * blocks + block; a block is two vectors of channels, the last may be one */
  int32_t pixels;         /* of the largest chunk */
  int32_t samples;        /* whose sums are in scratch memory together */
  int32_t batch;          /* groups whose points are in scratch memory together */
  int64_t chunk_table, store_table;
  int64_t biases, weights; /* [outputs], padded to vectors; per block [input][ky][kx][vectors * V] */
} mexit_squares_plan;

bool mexit_squares_supports(const mexit_conv2d *);
double mexit_squares_cost(const mexit_squares_family *, const mexit_conv2d *);
size_t mexit_squares_packed_floats(const mexit_squares_family *, const mexit_conv2d *);
void mexit_squares_pack(const mexit_squares_family *, const mexit_conv2d *, const float *weight, const float *bias, float *packed);
size_t mexit_squares_units(const mexit_squares_family *, const mexit_conv2d *);
size_t mexit_squares_scratch_floats(const mexit_squares_family *, const mexit_conv2d *);

/* Step 1 for one group and all input channels. Of each channel, a vector [square][a o0 e1 o1] for each row of points, then the
 * points c of rows a, o0, c and o1, [square][row], then those of row e1, at [square][2]. */
typedef struct mexit_squares_inputs {
  const float *low, *high; /* windows of the first squares of the group's halves, in the first plane */
  int64_t row_stride, channel_stride, channels;
  float *points; /* [channels][MEXIT_SQUARES_POINTS * V] */
} mexit_squares_inputs;

/* Step 2 for one group, a slice of the input channels and one block. */
typedef struct mexit_squares_tile {
  const float *points, *weights;
  int64_t channels;
  float *sums; /* [9][V / 4 squares][vectors * V] */
  bool first;  /* sums start at zero */
  mexit_ahead_loop ahead;
} mexit_squares_tile;

/* Step 3 for one square. */
typedef struct mexit_squares_outputs {
  const float *sums;   /* of the square: its first of nine */
  int64_t sums_stride; /* floats from one of the nine to the next */
  const float *bias;   /* NULL where the pixels hold what is added */
  float *pixels;       /* of the upper left one: sums of a block */
  int64_t row;         /* floats from the pixel to the one below */
} mexit_squares_outputs;

typedef struct mexit_squares_isa {
  const mexit_squares_family *family;
  void (*transform)(bool halves, const mexit_squares_inputs *);
  void (*compute)(int vectors, const mexit_squares_tile *);
  void (*combine)(int vectors, const mexit_squares_outputs *);
  void (*store)(const mexit_planes *);
} mexit_squares_isa;

/* Runs units of a packed convolution. */
void mexit_squares_run(const mexit_squares_isa *, const mexit_conv2d *, const float *packed, const mexit_conv2d_run *);
