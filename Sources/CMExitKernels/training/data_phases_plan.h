#pragma once
/* How the "phases" kernel of the input's gradient sees a convolution.
 *
 * The gradient of the input is a convolution of dy with the weights turned by 180 degrees and with input and output
 * channels exchanged. With a stride s, the pixels of dx fall into s * s phases (row mod s, column mod s), and each phase is
 * a convolution of stride 1 with those taps that reach it: of a 3 x 3 kernel with stride 2 the phases have 1, 2, 2 and 4 taps.
 * Nothing is multiplied by inserted zeros. The forward kernels do the work. */
#include "conv2d_backward.h"

enum { MEXIT_DATA_PHASES = 16 };

/* The plan stands at the head of the packed weights, as far as its phases go. */
/* The taps of one phase along one axis: tap `last - j * step` reads dy at row + first + j * dilation, j in 0 ..< count. */
typedef struct { int32_t count, last, step, first, dilation, outputs; } mexit_phase_axis;

typedef struct {
  mexit_phase_axis h, w;
  int32_t row, column;     /* of the phase in dx */
  mexit_conv2d conv;       /* dy to this phase */
  const mexit_conv2d_kernel *forward;
  size_t units;            /* of forward: to count them is as long as a small convolution */
  int64_t shift;           /* from pixel (0, 0) of dy to that of conv.x */
  size_t packed;           /* where its packed weights start */
  int64_t output;          /* where a sample's result starts in scratch */
} mexit_data_phase;

typedef struct {
  bool supported, dy_direct, dx_direct;
  int32_t count;                             /* phases that have taps; the others are zero */
  mexit_map dy;                              /* as the phases read it: conv.y, or a copy with a wide enough halo */
  size_t packed_floats, turned;              /* `turned`: where the packing puts turned weights before packing them */
  int64_t dy_sample, output_sample;          /* floats of scratch for a sample */
  int64_t output_row;                        /* floats from row to row of every phase's result */
  size_t forward_scratch;
  int32_t block;                             /* samples in scratch at a time */
  mexit_data_phase phases[MEXIT_DATA_PHASES];
} mexit_data_plan;

void mexit_data_phases_plan_make(const mexit_conv2d *, mexit_data_plan *);

/* Bytes of a plan with so many phases. */
static inline size_t mexit_data_plan_bytes(int32_t count) {
  return offsetof(mexit_data_plan, phases) + (size_t)count * sizeof(mexit_data_phase);
}
