/* The FMA loop of one instruction set; the including file defines FUNCTION and the vector vocabulary. */
#include "../vectors/unroll.h"

#include <stddef.h>

enum { CHAINS = VEC_REGISTERS * 3 / 4 };

float FUNCTION(size_t rounds);
float FUNCTION(size_t rounds) {
  /* Volatile: the compiler must not know that s = s / 2 + 1 tends to 2. */
  volatile float half = 0.5f, one = 1.0f;
  const vf factor = vset1(half), term = vset1(one);
  vf sums[CHAINS];
  UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = vset1((float)i);
  for (size_t round = 0; round < rounds; round++) {
    UNROLL for (int i = 0; i < CHAINS; i++) sums[i] = vfma(sums[i], factor, term);
  }
  vf total = vzero();
  UNROLL for (int i = 0; i < CHAINS; i++) total = vadd(total, sums[i]);
  float lanes[V];
  vstore(lanes, total);
  float sum = 0;
  for (int lane = 0; lane < V; lane++) sum += lanes[lane];
  return sum;
}
