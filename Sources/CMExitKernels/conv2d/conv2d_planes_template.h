/* Sums to planes (conv2d_planes.h) for one instruction set. Needs a vectors/vec_*.h and NAME(f), which adds the suffix. */
#include "../vectors/unroll.h"

/* Row i next to row i + V / 2, interleaved. */
ALWAYS_INLINE void NAME(planes_interleave)(vf row[V]) {
  vf next[V];
  UNROLL for (int i = 0; i < V / 2; i++) {
    next[2 * i] = vzip_low(row[i], row[i + V / 2]);
    next[2 * i + 1] = vzip_high(row[i], row[i + V / 2]);
  }
  UNROLL for (int i = 0; i < V; i++) row[i] = next[i];
}

/* V vectors of V values become their transpose: log2(V) times, one bit of a row's number becomes one of the lane's, and the
 * other way round. */
ALWAYS_INLINE void NAME(planes_transpose)(vf row[V]) {
  NAME(planes_interleave)(row);
  NAME(planes_interleave)(row);
  if (V >= 8) NAME(planes_interleave)(row);
  if (V >= 16) NAME(planes_interleave)(row);
}

static void NAME(planes_store)(const mexit_planes *p) {
  const uint32_t lanes = (uint32_t)p->lanes;
  for (int32_t first = 0; first < p->outputs; first += V) {
    /* Lanes that are no pixel take the sums of the next one, and are not stored. */
    vf row[V];
    const float *sums = p->sums + first;
    UNROLL for (int lane = 0; lane < V; lane++) {
      row[lane] = vload(sums);
      sums += (lanes >> lane & 1) * (uint32_t)p->width;
    }
    NAME(planes_transpose)(row);
    const int32_t left = p->outputs - first < V ? p->outputs - first : V;
    float *y = p->y + first * p->channel_stride;
    const float *add = p->add != NULL ? p->add + first * p->channel_stride : NULL;
    UNROLL for (int o = 0; o < V; o++) {
      if (o >= left) continue;
      vf v = row[o];
      if (add != NULL) v = vadd(v, vload_bits(vzero(), lanes, add + o * p->channel_stride));
      if (p->relu) v = vrelu(v);
      vstore_bits(y + o * p->channel_stride, lanes, v);
    }
  }
}
