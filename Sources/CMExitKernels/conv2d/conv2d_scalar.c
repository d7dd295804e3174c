/* The convolution's specification: one loop per index, bounds checked, any halo. Every direct kernel must give these
 * bits. Weights are kept as they come, behind the biases. */
#include "conv2d_functions.h"

#include <math.h>
#include <string.h>

bool mexit_conv2d_f32_direct__scalar_supports(const mexit_conv2d *c) { return mexit_conv2d_is_consistent(c); }

/* fmaf is a library call on a CPU without FMA: about five cycles a multiply-add where the library finds it, far more
 * where it does not. */
double mexit_conv2d_f32_direct__scalar_cost(const mexit_conv2d *c) { return 2.0 * (double)mexit_conv2d_macs(c); }

size_t mexit_conv2d_f32_direct__scalar_packed_floats(const mexit_conv2d *c) {
  return (size_t)c->out_channels + (size_t)c->out_channels * (size_t)mexit_conv2d_taps(c);
}

void mexit_conv2d_f32_direct__scalar_pack(const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {
  const size_t outputs = (size_t)c->out_channels;
  for (size_t o = 0; o < outputs; o++) packed[o] = bias != NULL ? bias[o] : 0.0f;
  memcpy(packed + outputs, weight, outputs * (size_t)mexit_conv2d_taps(c) * sizeof(float));
}

size_t mexit_conv2d_f32_direct__scalar_units(const mexit_conv2d *c) { return (size_t)c->out_channels; }

size_t mexit_conv2d_f32_direct__scalar_scratch_floats(const mexit_conv2d *c) {
  (void)c;
  return 0;
}

/* Pixel (row, column) of the plane, zero outside the image. */
static float padded_pixel(const mexit_map *m, const float *plane, int64_t row, int64_t column) {
  const bool inside = row >= 0 && row < m->height && column >= 0 && column < m->width;
  return inside ? plane[row * m->row_stride + column] : 0.0f;
}

static float window_sum(const mexit_conv2d *c, const float *x, const float *weight, int64_t top, int64_t left, float sum) {
  const int32_t inputs = mexit_conv2d_group_inputs(c);
  for (int32_t i = 0; i < inputs; i++) {
    const float *plane = x + i * c->x.channel_stride;
    for (int32_t ky = 0; ky < c->kernel_h; ky++) {
      for (int32_t kx = 0; kx < c->kernel_w; kx++) {
        const int64_t row = top + (int64_t)ky * c->dilation_h, column = left + (int64_t)kx * c->dilation_w;
        sum = fmaf(*weight++, padded_pixel(&c->x, plane, row, column), sum);
      }
    }
  }
  return sum;
}

static void run_channel(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run, size_t sample, int32_t o) {
  const int32_t group = o / mexit_conv2d_group_outputs(c);
  const float *x = run->x[sample] + (int64_t)group * mexit_conv2d_group_inputs(c) * c->x.channel_stride;
  const float *weight = packed + c->out_channels + o * mexit_conv2d_taps(c);
  for (int32_t h = 0; h < c->y.height; h++) {
    for (int32_t w = 0; w < c->y.width; w++) {
      const int64_t place = o * c->y.channel_stride + h * c->y.row_stride + w;
      const int64_t top = (int64_t)h * c->stride_h - c->pad_h, left = (int64_t)w * c->stride_w - c->pad_w;
      float v = run->accumulate ? run->y[sample][place] : packed[o];
      v = window_sum(c, x, weight, top, left, v);
      if (run->add != NULL) v += run->add[sample][place];
      run->y[sample][place] = mexit_activate(v, run->activation);
    }
  }
}

void mexit_conv2d_f32_direct__scalar_run(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  for (size_t sample = 0; sample < run->n; sample++)
    for (size_t o = run->unit_begin; o < run->unit_end; o++) run_channel(c, packed, run, sample, (int32_t)o);
}
