#pragma once
/* The vector vocabulary of the kernel templates (see vec_avx512.h) for AVX2 and FMA. */
#include <immintrin.h>

#define MEXIT_TARGET_BEGIN \
  _Pragma("clang attribute push(__attribute__((target(\"avx2,fma\"))), apply_to = function)")
#define MEXIT_TARGET_END _Pragma("clang attribute pop")

#define V 8
#define VEC_REGISTERS 16
typedef __m256 vf;
#define vzero() _mm256_setzero_ps()
#define vset1(value) _mm256_set1_ps(value)
#define vload(p) _mm256_loadu_ps(p)
#define vload_halves(low, high) _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high), 1)
#define vstore(p, v) _mm256_storeu_ps(p, v)
#define vstore_halves(low, high, v) (_mm_storeu_ps(low, _mm256_castps256_ps128(v)), _mm_storeu_ps(high, _mm256_extractf128_ps(v, 1)))
#define VEC_LANE_BITS _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128)
#define vec_mask(bits) \
  _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)(bits)), VEC_LANE_BITS), VEC_LANE_BITS)
#define vec_blend(a, bits, b) _mm256_blendv_ps(a, b, _mm256_castsi256_ps(vec_mask(bits)))
#define vload_bits(old, bits, p) vec_blend(old, bits, _mm256_maskload_ps(p, vec_mask(bits)))
/* Masked stores are slow on some CPUs; most vectors are whole. */
#define vstore_bits(p, bits, v) \
  ((bits) == 0xff ? _mm256_storeu_ps(p, v) : _mm256_maskstore_ps(p, vec_mask(bits), v))
#define vadd(a, b) _mm256_add_ps(a, b)
#define vfma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vrelu(v) _mm256_max_ps(_mm256_setzero_ps(), v)
#define vatleast(v, least) _mm256_max_ps(least, v)
/* shuffle leaves the quarters in the order a b a b. */
#define veven(a, b) \
  _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xd8))
#define vzip_low(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20)
#define vzip_high(a, b) _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31)
