/* y = W x + b with vectors over output features: a tile of SAMPLES x VECTORS sums, so that each weight that is read serves
 * several samples. Needs a vectors/vec_*.h, and NAME(f), which adds the suffix. */
#include "../vectors/unroll.h"

enum { LINEAR_SAMPLES = 4, LINEAR_VECTORS = VEC_REGISTERS >= 32 ? 4 : 2 };

typedef struct NAME(linear_args) {
  int32_t inputs, outputs;
  const float *packed;
  const float *const *x;
  float *const *y;
} NAME(linear_args);

/* samples and vectors are constants in every caller. */
ALWAYS_INLINE void NAME(linear_tile)(const int samples, const int vectors, const NAME(linear_args) * t, int32_t first) {
  const int64_t block_floats = (int64_t)MEXIT_LINEAR_BLOCK * (1 + (int64_t)t->inputs);
  const float *w[LINEAR_VECTORS];
  vf sum[LINEAR_SAMPLES][LINEAR_VECTORS];
  UNROLL for (int j = 0; j < vectors; j++) {
    const int32_t o = first + j * V;
    w[j] = t->packed + o / MEXIT_LINEAR_BLOCK * block_floats + o % MEXIT_LINEAR_BLOCK;
    UNROLL for (int s = 0; s < samples; s++) sum[s][j] = vload(w[j]);
  }
  for (int64_t i = 0; i < t->inputs; i++) {
    vf weight[LINEAR_VECTORS];
    UNROLL for (int j = 0; j < vectors; j++) weight[j] = vload(w[j] + (i + 1) * MEXIT_LINEAR_BLOCK);
    UNROLL for (int s = 0; s < samples; s++) {
      const vf x = vset1(t->x[s][i]);
      UNROLL for (int j = 0; j < vectors; j++) sum[s][j] = vfma(x, weight[j], sum[s][j]);
    }
  }
  UNROLL for (int j = 0; j < vectors; j++) {
    const int32_t left = t->outputs - (first + j * V);
    const uint32_t bits = left >= V ? (1u << V) - 1 : left > 0 ? (1u << left) - 1 : 0;
    UNROLL for (int s = 0; s < samples; s++) vstore_bits(t->y[s] + first + j * V, bits, sum[s][j]);
  }
}

static void NAME(linear_samples)(const NAME(linear_args) * t, int samples) {
  /* Whole blocks of packed weights: vectors beyond the last output compute on zeros and store nothing. */
  const int32_t padded = (t->outputs + MEXIT_LINEAR_BLOCK - 1) / MEXIT_LINEAR_BLOCK * MEXIT_LINEAR_BLOCK;
  int32_t first = 0;
  for (; first + LINEAR_VECTORS * V <= padded; first += LINEAR_VECTORS * V) {
    if (samples == LINEAR_SAMPLES) NAME(linear_tile)(LINEAR_SAMPLES, LINEAR_VECTORS, t, first);
    else NAME(linear_tile)(1, LINEAR_VECTORS, t, first);
  }
  for (; first < t->outputs; first += V) {
    if (samples == LINEAR_SAMPLES) NAME(linear_tile)(LINEAR_SAMPLES, 1, t, first);
    else NAME(linear_tile)(1, 1, t, first);
  }
}

static void NAME(linear)(int32_t in_features, int32_t out_features, const float *packed, const float *const *x,
                         float *const *y, size_t n) {
  for (size_t s = 0; s < n;) {
    const int samples = n - s >= LINEAR_SAMPLES ? LINEAR_SAMPLES : 1;
    const NAME(linear_args) t = {in_features, out_features, packed, x + s, y + s};
    NAME(linear_samples)(&t, samples);
    s += (size_t)samples;
  }
}
