/* The pointwise functions: loops over samples and channels around the plane functions of the best instruction set. */
#include "pointwise_isa.h"

#include <math.h>
#include <string.h>

static mexit_plane plane_between(const mexit_map *xm, const mexit_map *ym) {
  return (mexit_plane){xm->height, xm->width, xm->row_stride, ym->row_stride};
}

void mexit_scale_shift_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n,
                           const float *scale, const float *bias, mexit_activation activation) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  const mexit_plane plane = plane_between(xm, ym);
  for (size_t s = 0; s < n; s++)
    for (int32_t c = 0; c < xm->channels; c++)
      isa->scale_shift(&plane, x[s] + c * xm->channel_stride, y[s] + c * ym->channel_stride, scale[c], bias[c],
                       activation == MEXIT_ACTIVATION_RELU);
}

/* The ops whose price is that of expf, tanhf or erff. */
static float transcendental(mexit_unary op, float v) {
  switch (op) {
  case MEXIT_UNARY_SIGMOID: return 1.0f / (1.0f + expf(-v));
  case MEXIT_UNARY_TANH: return tanhf(v);
  case MEXIT_UNARY_SILU: return v / (1.0f + expf(-v));
  default: return 0.5f * v * (1.0f + erff(v * 0.70710678118654752f)); /* GELU */
  }
}

static void transcendental_plane(const mexit_plane *p, mexit_unary op, float parameter, const float *x, float *y) {
  (void)parameter;
  for (int32_t row = 0; row < p->height; row++, x += p->x_stride, y += p->y_stride)
    for (int32_t i = 0; i < p->width; i++) y[i] = transcendental(op, x[i]);
}

void mexit_unary_f32(mexit_unary op, float parameter, const mexit_map *xm, const mexit_map *ym, const float *const *x,
                     float *const *y, size_t n) {
  const bool by_library = op == MEXIT_UNARY_SIGMOID || op == MEXIT_UNARY_TANH || op == MEXIT_UNARY_SILU ||
                          op == MEXIT_UNARY_GELU;
  void (*run)(const mexit_plane *, mexit_unary, float, const float *, float *) =
      by_library ? transcendental_plane : mexit_pointwise_best()->unary;
  const mexit_plane plane = plane_between(xm, ym);
  for (size_t s = 0; s < n; s++)
    for (int32_t c = 0; c < xm->channels; c++)
      run(&plane, op, parameter, x[s] + c * xm->channel_stride, y[s] + c * ym->channel_stride);
}

void mexit_add_f32(const mexit_map *am, const mexit_map *bm, const mexit_map *ym, const float *const *a,
                   const float *const *b, float *const *y, size_t n, mexit_activation activation) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  const mexit_plane plane = plane_between(am, ym);
  for (size_t s = 0; s < n; s++)
    for (int32_t c = 0; c < am->channels; c++)
      isa->add(&plane, a[s] + c * am->channel_stride, b[s] + c * bm->channel_stride, bm->row_stride,
               y[s] + c * ym->channel_stride, activation == MEXIT_ACTIVATION_RELU);
}

void mexit_flatten_f32(const mexit_map *xm, const float *const *x, float *const *y, size_t n) {
  for (size_t s = 0; s < n; s++) {
    float *to = y[s];
    for (int32_t c = 0; c < xm->channels; c++) {
      const float *from = x[s] + c * xm->channel_stride;
      for (int32_t row = 0; row < xm->height; row++, from += xm->row_stride, to += xm->width)
        memcpy(to, from, (size_t)xm->width * sizeof(float));
    }
  }
}

void mexit_clear_halo_f32(const mexit_map *ym, float *const *y, size_t n) {
  const mexit_pointwise_isa *isa = mexit_pointwise_best();
  if (ym->halo == 0) return;
  for (size_t s = 0; s < n; s++) isa->clear_halo(ym, y[s]);
}

static void upsample_plane(const mexit_map *xm, const mexit_map *ym, const float *x, float *y) {
  const int32_t rows = ym->height / xm->height, columns = ym->width / xm->width;
  for (int32_t h = 0; h < ym->height; h++) {
    const float *from = x + h / rows * xm->row_stride;
    float *to = y + h * ym->row_stride;
    for (int32_t w = 0; w < xm->width; w++)
      for (int32_t repeat = 0; repeat < columns; repeat++) *to++ = from[w];
  }
}

void mexit_upsample_nearest_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n) {
  for (size_t s = 0; s < n; s++)
    for (int32_t c = 0; c < xm->channels; c++)
      upsample_plane(xm, ym, x[s] + c * xm->channel_stride, y[s] + c * ym->channel_stride);
}

size_t mexit_linear_packed_floats(int32_t in_features, int32_t out_features) {
  const size_t blocks = ((size_t)out_features + MEXIT_LINEAR_BLOCK - 1) / MEXIT_LINEAR_BLOCK;
  return blocks * MEXIT_LINEAR_BLOCK * (1 + (size_t)in_features);
}

void mexit_linear_pack_f32(int32_t in_features, int32_t out_features, const float *weight, const float *bias,
                           float *packed) {
  for (int32_t first = 0; first < out_features; first += MEXIT_LINEAR_BLOCK) {
    for (int32_t i = -1; i < in_features; i++) {
      for (int32_t o = first; o < first + MEXIT_LINEAR_BLOCK; o++) {
        float v = 0.0f;
        if (o < out_features) v = i >= 0 ? weight[(int64_t)o * in_features + i] : bias != NULL ? bias[o] : 0.0f;
        *packed++ = v;
      }
    }
  }
}

void mexit_linear_f32(int32_t in_features, int32_t out_features, const float *packed, const float *const *x,
                      float *const *y, size_t n) {
  mexit_pointwise_best()->linear(in_features, out_features, packed, x, y, n);
}
