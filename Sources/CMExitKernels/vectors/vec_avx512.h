#pragma once
/* The vector vocabulary of the kernel templates, for AVX-512: `vf` is a vector of V floats, and a set of lanes is the bit
 * mask `bits`. Macros, not functions: they take on the target of the function that uses them. */
#include <immintrin.h>

#define MEXIT_TARGET_BEGIN \
  _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512dq,avx512vl,avx2,fma\"))), apply_to = function)")
#define MEXIT_TARGET_END _Pragma("clang attribute pop")

#define V 16
#define VEC_REGISTERS 32
typedef __m512 vf;
#define vzero() _mm512_setzero_ps()
#define vset1(value) _mm512_set1_ps(value)
#define vload(p) _mm512_loadu_ps(p)
/* Lower half from one place, upper half from another. */
#define vload_halves(low, high) \
  _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high), 1)
#define vstore(p, v) _mm512_storeu_ps(p, v)
#define vstore_halves(low, high, v) (_mm256_storeu_ps(low, _mm512_castps512_ps256(v)), _mm256_storeu_ps(high, _mm512_extractf32x8_ps(v, 1)))
/* Lanes outside `bits` keep `old`, and their memory is not touched. */
#define vload_bits(old, bits, p) _mm512_mask_loadu_ps(old, (__mmask16)(bits), p)
#define vstore_bits(p, bits, v) _mm512_mask_storeu_ps(p, (__mmask16)(bits), v)
#define vadd(a, b) _mm512_add_ps(a, b)
#define vsub(a, b) _mm512_sub_ps(a, b)
/* a - b; lanes outside `bits` keep a. */
#define vsub_bits(a, bits, b) _mm512_mask_sub_ps(a, (__mmask16)(bits), a, b)
#define vfma(a, b, c) _mm512_fmadd_ps(a, b, c)
/* v < 0 ? 0 : v, so that NaN stays NaN: max returns its second operand when the two do not compare. */
#define vrelu(v) _mm512_max_ps(_mm512_setzero_ps(), v)
/* v < least ? least : v, likewise. */
#define vatleast(v, least) _mm512_max_ps(least, v)
/* Elements 0, 2, 4 ... of the 2V floats a, b. */
#define veven(a, b) \
  _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b)
/* The lower, and the upper, halves of a and b, interleaved: a b a b ... */
#define vzip_low(a, b) \
  _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), b)
#define vzip_high(a, b) \
  _mm512_permutex2var_ps(a, _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), b)
/* For each four lanes, element 2 of each of four vectors. */
#define vthirds(a, b, c, d) _mm512_shuffle_ps(_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d), 0x44)
