#pragma once
/* How the "outputs" kernels of the weights' gradient see a convolution.
 *
 * Lanes are output channels, those of all losses side by side, so that only dy is turned to channels-last. x stays where it is: one of
 * its values is broadcast for each product, and padding is its halo. A row is a pair of input channel and tap; a tile, the outer product
 * of some rows with some vectors of outputs, summed over the pixels of a few samples. The sums of all samples gather in scratch as
 * [row][loss, output channel] and are added to dweight once, at the end. For 1x1 convolutions of many channels to a few on small maps,
 * where turning x would cost half as much as the products. */
#include "conv2d_backward.h"

typedef struct weights_outputs_plan {
  int32_t rows;        /* input channels x taps */
  int32_t outputs;     /* of all losses, rounded up to whole vectors */
  int64_t dy_sample, sums; /* floats */
  int32_t block;       /* samples in scratch at a time */
} weights_outputs_plan;

bool mexit_weights_outputs_supports(const mexit_conv2d *);
weights_outputs_plan mexit_weights_outputs_plan(const mexit_conv2d *, int32_t losses, int32_t lanes);
size_t mexit_weights_outputs_scratch(const weights_outputs_plan *);
/* Predicted nanoseconds of a sample and so many losses, for tiles of at most `widest` vectors and heights[vectors] rows. */
double mexit_weights_outputs_cost(const mexit_conv2d *, int32_t losses, int32_t lanes, const uint8_t *heights, int32_t widest);
