/* The vectorised part of mexit_training.h: takes the loops of the best instruction set. */
#include <string.h>

#include "mexit_cpu.h"
#include "plane_walk.h"
#include "training_table.h"

const mexit_training_table *mexit_training_table_best(void) {
#if defined(__x86_64__)
  if (mexit_cpu_has(MEXIT_ISA_AVX512)) return &mexit_training_table__avx512;
  if (mexit_cpu_has(MEXIT_ISA_AVX2)) return &mexit_training_table__avx2;
#endif
  return &mexit_training_table__scalar;
}

void mexit_batch_norm_statistics_f32(const mexit_map *xm, const float *const *x, size_t n, const float *shift,
                                     double *sum, double *sum_squares) {
  mexit_pixel_bits room;
  mexit_walk r = mexit_walk_of(xm, NULL, NULL, &room);
  mexit_training_table_best()->statistics(r.h, r.w, r.bits, xm, x, n, shift, sum, sum_squares);
}

void mexit_batch_norm_normalize_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n,
                                    const float *scale, const float *shift, mexit_activation activation) {
  mexit_pixel_bits room;
  mexit_walk r = mexit_walk_of(xm, ym, NULL, &room);
  mexit_training_table_best()->normalize(r.h, r.w, r.bits, xm, ym, x, y, n, scale, shift,
                                         activation == MEXIT_ACTIVATION_RELU);
}

void mexit_batch_norm_backward_reduce_f32(const mexit_map *xm, const mexit_map *dym, const float *const *x,
                                          const float *const *const *dy, int32_t losses, const float *scale,
                                          const float *shift, size_t first, size_t n, const float *mean,
                                          const float *inv_std, double *sums) {
  mexit_walk r = mexit_walk_of(xm, dym, NULL, NULL);
  mexit_training_table_best()->reduce(r.h, r.w, xm, dym, x, dy, losses, scale, shift, first, n, mean, inv_std, sums);
}

void mexit_batch_norm_backward_apply_f32(const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                                         const float *const *x, const float *const *const *dy, int32_t losses,
                                         const float *scale, const float *shift, float *const *const *dx, size_t first,
                                         size_t n, const float *mean, const float *abd, const bool *accumulate) {
  mexit_pixel_bits room;
  mexit_walk r = mexit_walk_of(xm, dym, dxm, &room);
  mexit_training_table_best()->apply(r.h, r.w, r.bits, xm, dym, dxm, x, dy, losses, scale, shift, dx, first, n, mean, abd,
                                     accumulate);
}

void mexit_copy_f32(const mexit_map *dym, const mexit_map *dxm, const float *const *dy, float *const *dx, size_t n,
                    bool accumulate) {
  mexit_walk r = mexit_walk_of(dxm, dym, NULL, NULL);
  mexit_training_table_best()->copy(r.h, r.w, dym, dxm, dy, dx, n, accumulate);
}

void mexit_unflatten_f32(const mexit_map *dxm, const float *const *dy, float *const *dx, size_t n, bool accumulate) {
  mexit_map dense = {dxm->channels, dxm->height, dxm->width, 0, dxm->width, (int64_t)dxm->height * dxm->width};
  mexit_copy_f32(&dense, dxm, dy, dx, n, accumulate);
}

void mexit_bias_backward_f32(const mexit_map *dym, const float *const *dy, size_t n, float *dbias) {
  mexit_walk r = mexit_walk_of(dym, NULL, NULL, NULL);
  const mexit_training_table *table = mexit_training_table_best();
  for (int32_t c = 0; c < dym->channels; c++) {
    mexit_map plane = *dym;
    plane.channels = 1;
    double sum = 0;
    for (size_t k = 0; k < n; k++) {
      const float *from = dy[k] + c * dym->channel_stride;
      table->statistics(r.h, r.w, NULL, &plane, &from, 1, NULL, &sum, NULL);
    }
    dbias[c] += (float)sum;
  }
}

void mexit_zero_f32(float *x, size_t count) { memset(x, 0, count * sizeof *x); }
double mexit_dot_f64(const float *a, const float *b, size_t count) { return mexit_training_table_best()->dot(a, b, count); }
void mexit_axpy_f32(float alpha, const float *x, float *y, size_t count) {
  mexit_training_table_best()->axpy(alpha, x, y, count);
}
void mexit_scale_f32(float alpha, float *y, size_t count) { mexit_training_table_best()->scale(alpha, y, count); }
void mexit_sgd_step_f32(float *w, float *v, const float *g, size_t count, float lr, float momentum, float weight_decay,
                        bool nesterov) {
  mexit_training_table_best()->sgd(w, v, g, count, lr, momentum, weight_decay, nesterov);
}
bool mexit_all_finite_f32(const float *x, size_t count) { return mexit_training_table_best()->all_finite(x, count); }

void mexit_linear_backward_data_f32(int32_t in_features, int32_t out_features, const float *weight,
                                    const float *const *dy, float *const *dx, size_t n, bool accumulate) {
  const mexit_training_table *table = mexit_training_table_best();
  for (size_t k = 0; k < n; k++) {
    if (!accumulate) mexit_zero_f32(dx[k], (size_t)in_features);
    for (int32_t o = 0; o < out_features; o++)
      table->axpy(dy[k][o], weight + (int64_t)o * in_features, dx[k], (size_t)in_features);
  }
}

void mexit_linear_backward_weights_f32(int32_t in_features, int32_t out_features, const float *const *x,
                                       const float *const *dy, size_t n, float *dweight, float *dbias) {
  const mexit_training_table *table = mexit_training_table_best();
  for (int32_t o = 0; o < out_features; o++)
    for (size_t k = 0; k < n; k++) {
      table->axpy(dy[k][o], x[k], dweight + (int64_t)o * in_features, (size_t)in_features);
      if (dbias) dbias[o] += dy[k][o];
    }
}
