#pragma once
/* How the "quads" kernels see the data gradient of a 3 x 3 convolution with stride 2 and padding 1 on even maps.
 *
 * Every pixel of dy belongs to a square of 2 x 2 pixels of dx, which takes nine products: of dy here, one to the right, one below,
 * and one below to the right, four times, twice, twice and once. Those four are copied to scratch first, as dense runs of positions
 * [output channel][neighbour][sample, row, column], so that vectors are full on the smallest map and every load is aligned. A tile
 * keeps the sums of all four pixels of the squares in registers; two of them woven are pixels side by side in dx. */
#include "conv2d_backward.h"

typedef struct quads_plan {
  int64_t pixels;    /* of dy */
  int32_t block;     /* samples in scratch at a time */
  int64_t positions; /* of so many samples, rounded up to whole vectors */
} quads_plan;

bool mexit_quads_supports(const mexit_conv2d *);
quads_plan mexit_quads_plan(const mexit_conv2d *, int32_t lanes);
size_t mexit_quads_scratch(const mexit_conv2d *, int32_t lanes);
/* Input channels that a tile takes when so many are left. */
int32_t mexit_quads_height(int32_t channels);
double mexit_quads_cost(const mexit_conv2d *, int32_t lanes);
void mexit_quads_pack(const mexit_conv2d *, const float *weight, float *packed);
/* Copies samples of dy to scratch. */
void mexit_quads_spread(const mexit_conv2d *, const quads_plan *, const float *const *dy, int32_t samples, float *spread);
