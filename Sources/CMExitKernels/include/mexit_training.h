#pragma once
/* What training needs beside the convolution gradients. Same conventions as mexit_pointwise.h. `+=` in a comment means
 * that the function adds to what is there. All are deterministic: the same input gives the same bits, and sums over
 * samples run in the order of the pointers given. */
#include "mexit_pointwise.h"

/* ---- batch norm, training mode ---------------------------------------------------------------------------------- */
/* sum[c] += sum of x, sum_squares[c] += sum of (x - shift[c])^2 over n samples and all pixels, in double.
 * Call once with shift = NULL (only sum is used), then with shift = the mean, for a two-pass variance. Either sum may
 * be NULL. */
void mexit_batch_norm_statistics_f32(const mexit_map *xm, const float *const *x, size_t n, const float *shift,
                                     double *sum, double *sum_squares);
/* y = act(fma(scale[c], x, shift[c])), the bits of mexit_scale_shift_f32, with scale = gamma / sqrt(var + eps), shift = beta - mean *
 * scale. */
void mexit_batch_norm_normalize_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n,
                                    const float *scale, const float *shift, mexit_activation activation);
/* Backward goes through all losses at once, because they share x and the ReLU's mask: dy and dx hold one table of samples per loss, and
 * samples first ..< first + n of every table are worked on.
 * First pass, per loss l: sums[l][0][c] += sum of dy', sums[l][1][c] += sum of dy' * (x - mean[c]) * inv_std[c], sixteen products
 * a lane in single precision, those in double; sums being [losses, 2, C], with dy' = dy where the output
 * fma(scale, x, shift) > 0, else 0, if scale and shift are given (a ReLU behind the norm), else dy. The output itself need not be read. */
void mexit_batch_norm_backward_reduce_f32(const mexit_map *xm, const mexit_map *dym, const float *const *x,
                                          const float *const *const *dy, int32_t losses, const float *scale,
                                          const float *shift, size_t first, size_t n, const float *mean,
                                          const float *inv_std, double *sums);
/* Second pass: dx[l] = a[c] * dy' + b[c] * (x - mean[c]) + d[c] with abd being [losses, 3, C]; the caller computes
 * a = gamma * inv_std, b = -gamma * inv_std^2 * sum_dy_xhat / M, d = -gamma * inv_std * sum_dy / M with M = samples x pixels
 * of the batch. Adds to dx[l] when accumulate[l] is set. A dx may be its dy in place (same layout, no accumulate). */
void mexit_batch_norm_backward_apply_f32(const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                                         const float *const *x, const float *const *const *dy, int32_t losses,
                                         const float *scale, const float *shift, float *const *const *dx, size_t first,
                                         size_t n, const float *mean, const float *abd, const bool *accumulate);

/* ---- backward of the rest; dx (+)= ... as `accumulate` says -------------------------------------------------------- */
/* op must not be IDENTITY; takes the op's input x. */
void mexit_unary_backward_f32(mexit_unary op, float parameter, const mexit_map *xm, const mexit_map *dym,
                              const mexit_map *dxm, const float *const *x, const float *const *dy, float *const *dx,
                              size_t n, bool accumulate);
/* dx (+)= dy between layouts (backward of add, concat, and of copies). */
void mexit_copy_f32(const mexit_map *dym, const mexit_map *dxm, const float *const *dy, float *const *dx, size_t n,
                    bool accumulate);
/* Backward of mexit_flatten_f32. */
void mexit_unflatten_f32(const mexit_map *dxm, const float *const *dy, float *const *dx, size_t n, bool accumulate);
void mexit_upsample_nearest_backward_f32(const mexit_map *dxm, const mexit_map *dym, const float *const *dy,
                                         float *const *dx, size_t n, bool accumulate);
void mexit_resize_bilinear_backward_f32(const mexit_map *dxm, const mexit_map *dym, bool align_corners,
                                        const float *const *dy, float *const *dx, size_t n, bool accumulate);
/* pool.x is the layout of dx, pool.y of dy. argmax as written by the forward pass. */
void mexit_max_pool2d_backward_f32(const mexit_pool2d *, const float *const *dy, const int32_t *const *argmax,
                                   float *const *dx, size_t n, bool accumulate);
void mexit_avg_pool2d_backward_f32(const mexit_pool2d *, const float *const *dy, float *const *dx, size_t n, bool accumulate);
void mexit_global_avg_pool_backward_f32(const mexit_map *dxm, const mexit_map *dym, const float *const *dy,
                                        float *const *dx, size_t n, bool accumulate);
/* dx[i] (+)= sum over o of weight[o, i] * dy[o]; weight [O, I] not packed. */
void mexit_linear_backward_data_f32(int32_t in_features, int32_t out_features, const float *weight,
                                    const float *const *dy, float *const *dx, size_t n, bool accumulate);
/* dweight[o, i] += dy[o] * x[i], dbias[o] += dy[o] (dbias may be NULL), summed over samples in order. */
void mexit_linear_backward_weights_f32(int32_t in_features, int32_t out_features, const float *const *x,
                                       const float *const *dy, size_t n, float *dweight, float *dbias);
/* dbias[c] += sum over samples and pixels of dy. */
void mexit_bias_backward_f32(const mexit_map *dym, const float *const *dy, size_t n, float *dbias);

/* ---- dense vectors ------------------------------------------------------------------------------------------------- */
void mexit_zero_f32(float *x, size_t count);
/* Sum of a[i] * b[i], accumulated in double. */
double mexit_dot_f64(const float *a, const float *b, size_t count);
/* y += alpha * x */
void mexit_axpy_f32(float alpha, const float *x, float *y, size_t count);
/* y *= alpha */
void mexit_scale_f32(float alpha, float *y, size_t count);
/* SGD as PyTorch defines it: g' = g + weight_decay * w; v = momentum * v + g'; w -= lr * (nesterov ? g' + momentum * v : v). */
void mexit_sgd_step_f32(float *w, float *v, const float *g, size_t count, float lr, float momentum, float weight_decay,
                        bool nesterov);
/* True when every value is finite. */
bool mexit_all_finite_f32(const float *x, size_t count);
