#pragma once
/* What the kernels of the weights' gradient that want channels side by side share: turning planes, and turning sums back. */
#include <immintrin.h>

#include "mexit_map.h"

/* to[pixel][channel] = from[channel][pixel], `pitch` floats from pixel to pixel. Planes are read in the order in which they lie in memory,
 * and asked for 4 KB ahead. */
static void turn(const mexit_map *m, const float *from, float *to, int64_t pitch) {
  int32_t c = 0;
  for (; c + 4 <= m->channels; c += 4, from += 4 * m->channel_stride)
    for (int32_t r = 0; r < m->height; r++) {
      const float *p = from + r * m->row_stride;
      float *q = to + (int64_t)r * m->width * pitch + c;
      for (int32_t j = 0; j < 4; j++) __builtin_prefetch(p + j * m->channel_stride + 1024, 0, 2);
      int32_t i = 0;
      for (; i + 4 <= m->width; i += 4) {
        __m128 a0 = _mm_loadu_ps(p + i), a1 = _mm_loadu_ps(p + m->channel_stride + i);
        __m128 a2 = _mm_loadu_ps(p + 2 * m->channel_stride + i), a3 = _mm_loadu_ps(p + 3 * m->channel_stride + i);
        _MM_TRANSPOSE4_PS(a0, a1, a2, a3);
        _mm_storeu_ps(q + i * pitch, a0);
        _mm_storeu_ps(q + (i + 1) * pitch, a1);
        _mm_storeu_ps(q + (i + 2) * pitch, a2);
        _mm_storeu_ps(q + (i + 3) * pitch, a3);
      }
      for (; i < m->width; i++)
        for (int32_t j = 0; j < 4; j++) q[i * pitch + j] = p[j * m->channel_stride + i];
    }
  for (; c < m->channels; c++, from += m->channel_stride)
    for (int32_t r = 0; r < m->height; r++)
      for (int32_t i = 0; i < m->width; i++) to[((int64_t)r * m->width + i) * pitch + c] = from[r * m->row_stride + i];
}

/* dweight[channel][tap] += sums[tap][channel], with `pitch` floats from tap to tap of the sums and `row` from channel to channel of dweight: four by
 * four, turned in registers. */
static void add_sums(const float *sums, int64_t pitch, int32_t channels, int32_t taps, float *dweight,
                     int64_t row) {
  int32_t t = 0;
  for (; t + 4 <= taps; t += 4, sums += 4 * pitch) {
    int32_t i = 0;
    for (; i + 4 <= channels; i += 4) {
      __m128 a[4] = {_mm_loadu_ps(sums + i), _mm_loadu_ps(sums + pitch + i), _mm_loadu_ps(sums + 2 * pitch + i),
                     _mm_loadu_ps(sums + 3 * pitch + i)};
      _MM_TRANSPOSE4_PS(a[0], a[1], a[2], a[3]);
      for (int j = 0; j < 4; j++) {
        float *to = dweight + (i + j) * row + t;
        _mm_storeu_ps(to, _mm_add_ps(_mm_loadu_ps(to), a[j]));
      }
    }
    for (; i < channels; i++)
      for (int j = 0; j < 4; j++) dweight[i * row + t + j] += sums[j * pitch + i];
  }
  for (; t < taps; t++, sums += pitch)
    for (int32_t i = 0; i < channels; i++) dweight[i * row + t] += sums[i];
}
