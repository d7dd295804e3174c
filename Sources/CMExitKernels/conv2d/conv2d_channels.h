#pragma once
/* Convolution with vectors over output channels: for wide layers on small maps, where vectors over pixels would be mostly
 * empty. A tile is `pixels` x `vectors` sums; each pixel's input is broadcast, weights are packed [tap][channel]. The
 * pixels of a tile may lie anywhere, even in different samples, so a batch of 2 x 2 maps fills tiles as well as one large
 * map. Any stride and dilation.
 *
 * Sums stand in scratch memory as [pixel][channel] while slices of the taps go by: a slice of the weights that fits the
 * first cache meets all pixels before the next one comes, so each weight is read from memory once. In the end squares of
 * V x V sums are turned in registers and stored as planes. */
#include "conv2d_ahead.h"
#include "conv2d_planes.h"
#include "conv2d_shape.h"

enum {
  MEXIT_CHANNELS_MAX_PIXELS = 12, /* of a tile */
  MEXIT_CHANNELS_MAX_VECTORS = 4,
  MEXIT_CHANNELS_PASS = 224,        /* pixels whose sums are in scratch memory together */
  MEXIT_CHANNELS_SLICE_BYTES = 24 << 10 /* weights of a slice: half of the first cache */
};

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
  int32_t taps, pixels, stores, blocks, chunks; /* chunks: parts of the stores, for threads */
  int64_t tap_table;              /* int32 [taps] */
  int64_t x_pixels;               /* int32 [pixels]: place of each output pixel's window in x */
  int64_t store_table, block_table;
} mexit_channels_plan;

bool mexit_channels_supports(const mexit_conv2d *);
double mexit_channels_cost(const mexit_channels_family *, const mexit_conv2d *);
size_t mexit_channels_packed_floats(const mexit_channels_family *, const mexit_conv2d *);
void mexit_channels_pack(const mexit_channels_family *, const mexit_conv2d *, const float *weight, const float *bias,
                         float *packed);
size_t mexit_channels_units(const mexit_channels_family *, const mexit_conv2d *);
size_t mexit_channels_scratch_floats(const mexit_channels_family *);

/* The arguments of one register tile. */
typedef struct mexit_channels_tile {
  const int32_t *taps; /* of one slice */
  int64_t tap_count;
  const float *start;     /* where sums start: the biases, or the sums so far */
  int64_t start_stride;   /* floats from one pixel's to the next: 0 for the biases */
  const float *weights;
  const float *const *x;  /* each pixel's window in the group's first plane */
  float *sums;            /* [pixels][vectors * lanes] */
  mexit_ahead_loop ahead;
} mexit_channels_tile;

typedef struct mexit_channels_isa {
  const mexit_channels_family *family;
  void (*compute)(int pixels, int vectors, const mexit_channels_tile *);
  void (*store)(const mexit_planes *);
} mexit_channels_isa;

/* Runs units of a packed convolution. */
void mexit_channels_run(const mexit_channels_isa *, const mexit_conv2d *, const float *packed, const mexit_conv2d_run *);
