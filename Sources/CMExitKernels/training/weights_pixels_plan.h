#pragma once
/* How the "pixels" kernels of the weights' gradient see a convolution.
 *
 * A gradient of one weight is the inner product of a plane of dy with a plane of x, shifted by the tap. When rows of both
 * planes lie equally far apart, the whole plane is one run of floats: between the rows dy's halo is zero and takes the
 * products away, so no row has an end of its own. A stride s splits x into s * s planes (even and odd rows and columns for
 * s = 2), each of which a tap reads with stride 1. So every case becomes: runs of equal layout, and one offset per tap.
 * x is used where it stands if its layout allows it ("direct"), else copied into scratch; so is dy. */
#include "conv2d_backward.h"

enum { MEXIT_PIXELS_TAPS = 128, MEXIT_PIXELS_PHASES = 16, MEXIT_PIXELS_BLOCK = 64 };

typedef struct pixels_plan {
  bool supported, x_direct, dy_direct;
  int32_t rs;               /* floats from row to row of either run */
  int64_t run;              /* floats of a plane of dy from the first pixel to the last */
  int32_t first_a, first_b; /* least row and column that a tap reads, in strides */
  int32_t rows;             /* of a copied plane of x */
  int32_t columns;
  int64_t plane;            /* floats of a copied plane, of x or dy */
  int32_t phases;           /* planes that a plane of x is split into */
  int32_t phase_y[MEXIT_PIXELS_PHASES], phase_x[MEXIT_PIXELS_PHASES];
  int64_t tap[MEXIT_PIXELS_TAPS]; /* offset of a tap from the pixel (0, 0) of a channel */
  int64_t x_channel, dy_channel;  /* floats from channel to channel */
  int64_t x_sample, dy_sample;    /* floats of a sample's copy; 0 when direct */
  int64_t x_origin;               /* of a copied x: floats before its pixel (0, 0) */
  int32_t block;                  /* samples that share one pass over the weights */
} pixels_plan;

pixels_plan mexit_weights_pixels_plan(const mexit_conv2d *);
/* Floats of scratch. */
size_t mexit_weights_pixels_scratch(const pixels_plan *);
/* Predicted nanoseconds of a sample and so many losses, for vectors of `lanes` and tiles of `tile` output channels. */
double mexit_weights_pixels_cost(const mexit_conv2d *, int32_t losses, int32_t lanes, int32_t tile);
