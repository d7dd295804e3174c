#pragma once
/* Convolution with vectors over output channels: for wide layers on small maps, where vectors over pixels would be mostly
 * empty. A tile is `pixels` x `vectors` sums; each pixel's input is broadcast, weights are packed [tap][channel]. The
 * pixels of a tile may lie anywhere, even in different samples, so a batch of 2 x 2 maps fills tiles as well as one large
 * map. Sums leave through a small buffer that turns them into planes. Any stride and dilation. */
#include "conv2d_shape.h"

enum { MEXIT_CHANNELS_MAX_PIXELS = 12, MEXIT_CHANNELS_MAX_VECTORS = 4, MEXIT_CHANNELS_TILE_FLOATS = 12 * 4 * 16 };

typedef struct mexit_channels_family {
  int32_t lanes;
  const uint8_t *max_pixels; /* [MEXIT_CHANNELS_MAX_VECTORS + 1]: tallest tile for so many vectors of channels */
} mexit_channels_family;

/* Output channels that are computed together: whole vectors, the last of which may be partly padding. */
typedef struct mexit_channels_block {
  int32_t first_output, outputs, vectors;
  int64_t x_offset; /* of the group's first plane */
  int64_t weights;  /* place in packed: vectors of biases, then [taps] vectors of weights */
} mexit_channels_block;

/* At the head of packed; the rest are places of tables, in floats. */
typedef struct mexit_channels_plan {
  int32_t taps, pixels, blocks, chunks;
  int64_t tap_table;              /* int32 [taps] */
  int64_t x_pixels, y_pixels;     /* int32 [pixels]: place of each output pixel's window in x, and of the pixel in y */
  int64_t block_table;
} mexit_channels_plan;

bool mexit_channels_supports(const mexit_conv2d *);
double mexit_channels_cost(const mexit_channels_family *, const mexit_conv2d *);
size_t mexit_channels_packed_floats(const mexit_channels_family *, const mexit_conv2d *);
void mexit_channels_pack(const mexit_channels_family *, const mexit_conv2d *, const float *weight, const float *bias,
                         float *packed);
size_t mexit_channels_units(const mexit_channels_family *, const mexit_conv2d *);

/* The arguments of one register tile, and the way of its sums to y. */
typedef struct mexit_channels_tile {
  const int32_t *taps;
  int64_t tap_count;
  const float *weights;
  const float *x[MEXIT_CHANNELS_MAX_PIXELS];   /* each pixel's window in the group's first plane */
  float *y[MEXIT_CHANNELS_MAX_PIXELS];         /* each pixel in the block's first plane */
  const float *add[MEXIT_CHANNELS_MAX_PIXELS]; /* likewise, or NULL */
  bool accumulate;
  float *sums; /* [pixels][vectors * lanes] */
} mexit_channels_tile;

/* Runs units of a packed convolution; `compute` runs one tile: sums from the biases or, with accumulate, from `sums`. */
void mexit_channels_run(const mexit_channels_family *, const mexit_conv2d *, const float *packed, const mexit_conv2d_run *,
                        void (*compute)(int pixels, int vectors, const mexit_channels_tile *));
