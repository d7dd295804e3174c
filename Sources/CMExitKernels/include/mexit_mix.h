#pragma once
/* 1x1 convolutions of stride 1 that read the same planes, all in one pass: for each segment s of outputs
 *
 *   y[s][o] (+)= sum over i of weight[s][o, i] * x[i]
 *
 * Training reads planes from far away, since a batch's values fill no cache: each vector of x comes from memory once for all
 * segments, and is asked for one tile ahead. The order of arithmetic is that of mexit_conv2d's direct kernels, to the bit: one
 * accumulator per value, from 0 or the old y, and one fused multiply-add per i, ascending. */
#include "mexit_map.h"

typedef struct mexit_mix {
  mexit_map x; /* also the layout of every y, but for the number of channels */
  int32_t segments;
  const int32_t *outputs; /* [segments] channels */
} mexit_mix;

/* Whether planes of these layouts can be mixed on this CPU. */
bool mexit_mix_supports(const mexit_map *x, const mexit_map *y);
size_t mexit_mix_packed_floats(const mexit_mix *);
/* Packs the weights from `inputs` planes of x, first_input and after, to all outputs of a segment: that from input i to output o stands
 * at weight[o * output_pitch + i * input_pitch]. Every segment and input must be packed before a run. */
void mexit_mix_pack(const mexit_mix *, int32_t segment, int32_t first_input, int32_t inputs, const float *weight,
                    int64_t output_pitch, int64_t input_pitch, float *packed);
/* x is a table of samples, y one per segment: samples first ..< first + n of every table. A segment adds to its y where accumulate
 * is set, else overwrites its interior. y must not overlap x. */
void mexit_mix_f32(const mexit_mix *, const float *packed, const float *const *x, float *const *const *y, size_t first, size_t n,
                   const bool *accumulate);
