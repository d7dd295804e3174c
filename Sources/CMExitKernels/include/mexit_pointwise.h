#pragma once
/* Everything of a forward pass that is not a convolution. All functions choose the instruction set inside.
 * Maps are as in mexit_map.h; x and y are arrays of n pointers to pixel (0,0,0), one per sample. Only interior pixels are
 * written. Where it says "in place", y[i] may equal x[i] when both layouts are the same. */
#include "mexit_conv2d.h"

/* y = scale[c] * x + bias[c], then the activation. In place. Used for a batch norm that could not be folded. */
void mexit_scale_shift_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n,
                           const float *scale, const float *bias, mexit_activation activation);

typedef enum mexit_unary {
  MEXIT_UNARY_IDENTITY = 0, /* copies between layouts; also flattens: see mexit_flatten_f32 */
  MEXIT_UNARY_RELU, MEXIT_UNARY_RELU6, MEXIT_UNARY_LEAKY_RELU /* slope = parameter */, MEXIT_UNARY_SIGMOID,
  MEXIT_UNARY_TANH, MEXIT_UNARY_SILU, MEXIT_UNARY_HARD_SWISH, MEXIT_UNARY_GELU /* exact, with erf */
} mexit_unary;
/* In place. */
void mexit_unary_f32(mexit_unary op, float parameter, const mexit_map *xm, const mexit_map *ym, const float *const *x,
                     float *const *y, size_t n);

/* y = act(a + b). In place on either. */
void mexit_add_f32(const mexit_map *am, const mexit_map *bm, const mexit_map *ym, const float *const *a,
                   const float *const *b, float *const *y, size_t n, mexit_activation activation);

/* Zeroes the halo of every plane; interior pixels stay. For memory that was used in another layout before. */
void mexit_clear_halo_f32(const mexit_map *ym, float *const *y, size_t n);

/* [C, H, W] planes to a dense vector of C*H*W floats in that order (ym is 1 x 1 with C*H*W channels). */
void mexit_flatten_f32(const mexit_map *xm, const float *const *x, float *const *y, size_t n);

/* Nearest-neighbour upsampling by whole factors ym.height / xm.height and ym.width / xm.width. */
void mexit_upsample_nearest_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n);

/* Bilinear interpolation from xm's height and width to ym's. Positions: MExitIR's Resize. First along rows, then between
 * two rows, each as fma(weight, b - a, a) with the weight rounded once. */
void mexit_resize_bilinear_f32(const mexit_map *xm, const mexit_map *ym, bool align_corners, const float *const *x,
                               float *const *y, size_t n);

typedef struct mexit_pool2d {
  int32_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
  bool count_include_pad; /* average only: divide by kernel_h * kernel_w even where the window hangs over the edge */
  mexit_map x, y;
} mexit_pool2d;
/* Maximum over the part of the window inside the image. argmax: NULL, or n pointers to [C, H, W] of y (dense) that receive
 * the index h * width + w of the first maximum in x, for the backward pass. */
void mexit_max_pool2d_f32(const mexit_pool2d *, const float *const *x, float *const *y, int32_t *const *argmax, size_t n);
void mexit_avg_pool2d_f32(const mexit_pool2d *, const float *const *x, float *const *y, size_t n);
/* Mean over all pixels of a plane; y is a 1 x 1 map. */
void mexit_global_avg_pool_f32(const mexit_map *xm, const mexit_map *ym, const float *const *x, float *const *y, size_t n);

/* y[o] = bias[o] + sum over i of weight[o, i] * x[i], one fused multiply-add per i in order (as a 1x1 convolution of 1x1
 * maps), so that it does not depend on batch or instruction set. x and y are dense vectors; weight comes packed. */
size_t mexit_linear_packed_floats(int32_t in_features, int32_t out_features);
void mexit_linear_pack_f32(int32_t in_features, int32_t out_features, const float *weight /* [O, I] */,
                           const float *bias /* or NULL */, float *packed);
void mexit_linear_f32(int32_t in_features, int32_t out_features, const float *packed, const float *const *x,
                      float *const *y, size_t n);
