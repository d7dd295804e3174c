#pragma once
/* How the "channels" kernels of the weights' gradient see a convolution.
 *
 * On a 4 x 4 map a vector over pixels is mostly empty, but there are a hundred channels. So x and dy are turned to
 * channels-last in scratch, and a tile is an outer product: vectors of input channels times broadcast values of dy, summed
 * over the pixels that a tap sees. No halo is read, and no sum crosses lanes. The sums of all samples gather in scratch as
 * [loss][tap][output channel][input channel] and are added to dweight once, at the end. */
#include "conv2d_backward.h"

typedef struct weights_channels_plan {
  int32_t padded;      /* input channels, rounded up to whole vectors */
  int32_t outputs;     /* output channels, rounded up to whole tiles: the sums have room for all of a tile */
  int64_t x_sample, dy_sample, sums; /* floats */
  int32_t block;       /* samples in scratch at a time */
} weights_channels_plan;

weights_channels_plan mexit_weights_channels_plan(const mexit_conv2d *, int32_t lanes, int32_t tile);
size_t mexit_weights_channels_scratch(const weights_channels_plan *, int32_t losses);
/* Predicted nanoseconds of a sample and so many losses, for vectors of `lanes` and tiles of `tile` output channels x `vectors`. */
double mexit_weights_channels_cost(const mexit_conv2d *, int32_t losses, int32_t lanes, int32_t tile, int32_t vectors);
