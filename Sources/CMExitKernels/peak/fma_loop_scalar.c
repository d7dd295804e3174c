/* FMA loop without vectors, on the same fmaf as the scalar kernels: a library call where the base CPU has no FMA. */
#include <math.h>
#include <stddef.h>

enum { CHAINS = 8 };

float mexit_fma_loop_f32__scalar(size_t rounds);
float mexit_fma_loop_f32__scalar(size_t rounds) {
  volatile float half = 0.5f, one = 1.0f;
  const float factor = half, term = one;
  float sums[CHAINS];
  for (int i = 0; i < CHAINS; i++) sums[i] = (float)i;
  for (size_t round = 0; round < rounds; round++) {
    for (int i = 0; i < CHAINS; i++) sums[i] = fmaf(sums[i], factor, term);
  }
  float sum = 0;
  for (int i = 0; i < CHAINS; i++) sum += sums[i];
  return sum;
}
