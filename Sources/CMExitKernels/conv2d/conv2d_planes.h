#pragma once
/* The way between sums in scratch memory, [pixel][channel], and the planes of y: kernels with vectors over output channels
 * end with it. Squares of V x V sums are turned in registers. */
#include "conv2d_shape.h"

/* A vector of places in a plane of y: the lanes that are pixels, which follow each other. */
typedef struct mexit_planes_store {
  int32_t first_pixel, pixels, y_offset; /* y_offset: of lane 0 */
  uint32_t lanes;
} mexit_planes_store;

/* Writes the vectors of places that hold a pixel of rows begin ..< end, at multiples of the lanes, and returns how many they
 * are; `to` may be NULL to count. Pixels are counted from the map's first. */
int32_t mexit_planes_fill(int32_t lanes, const mexit_map *, int32_t begin, int32_t end, mexit_planes_store *to);

/* The way of the sums of one store to the planes of a block of channels. */
typedef struct mexit_planes {
  const float *sums; /* of the store's first pixel; one more pixel may be read beyond the last, and is ignored */
  int32_t width;     /* floats from one pixel's sums to the next */
  int32_t outputs, lanes;
  float *y;          /* lane 0 in the block's first plane */
  const float *add;  /* likewise, or NULL */
  int64_t channel_stride;
  bool relu;
} mexit_planes;

/* The channels of a block, and some of the stores of every one of its planes. */
typedef struct mexit_planes_part {
  int32_t first_output, outputs, width; /* width: floats from one pixel's sums to the next */
  const mexit_planes_store *begin, *end;
} mexit_planes_part;

/* Sums of one sample from its y; returns where the next sample's start. */
float *mexit_planes_gather(const mexit_conv2d *, const mexit_conv2d_run *, const mexit_planes_part *, size_t sample, float *sums);
/* And to it, with the addend and the activation. */
const float *mexit_planes_scatter(const mexit_conv2d *, const mexit_conv2d_run *, const mexit_planes_part *, size_t sample,
                                  const float *sums, void (*store)(const mexit_planes *));
