#pragma once
/* Sixteen lanes of AVX-512; see lanes_scalar.h. */
#define LANES 16
#define LANES_NAME(name) name##__avx512
typedef __m512 V;
typedef struct { __m512d lo, hi; } D;
static inline __mmask16 v_mask(int64_t n) { return n >= LANES ? 0xffff : (__mmask16)((1u << n) - 1); }
static inline V v_set1(float a) { return _mm512_set1_ps(a); }
static inline V v_load(const float *p, int64_t n) {
  return n >= LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(v_mask(n), p);
}
static inline void v_store(float *p, V a, int64_t n) {
  if (n >= LANES) _mm512_storeu_ps(p, a);
  else _mm512_mask_storeu_ps(p, v_mask(n), a);
}
/* Two half vectors, `gap` floats from one to the other. */
static inline V v_load_halves(const float *p, int64_t gap) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(p)), _mm256_loadu_ps(p + gap), 1);
}
static inline void v_store_halves(float *p, int64_t gap, V a) {
  _mm256_storeu_ps(p, _mm512_castps512_ps256(a));
  _mm256_storeu_ps(p + gap, _mm512_extractf32x8_ps(a, 1));
}
static inline V v_add(V a, V b) { return _mm512_add_ps(a, b); }
static inline V v_sub(V a, V b) { return _mm512_sub_ps(a, b); }
static inline V v_mul(V a, V b) { return _mm512_mul_ps(a, b); }
static inline V v_fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
static inline V v_fused(V a, V b, V c) { return v_fma(a, b, c); }
static inline V v_max(V v, V least) { return _mm512_max_ps(least, v); }
static inline V v_where_positive(V k, V a) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(k, _mm512_setzero_ps(), _CMP_GT_OQ), a);
}
static inline V v_first(V a, int64_t n) { return _mm512_maskz_mov_ps(v_mask(n), a); }
static inline V v_keep(const uint8_t *bits, int64_t i, V a) {
  uint16_t own;
  __builtin_memcpy(&own, bits + i / 8, sizeof own);
  return _mm512_maskz_mov_ps(own, a);
}
static inline float v_sum(V a) { return _mm512_reduce_add_ps(a); }
static inline D d_zero(void) { return (D){_mm512_setzero_pd(), _mm512_setzero_pd()}; }
static inline __m512d d_lo(V a) { return _mm512_cvtps_pd(_mm512_castps512_ps256(a)); }
static inline __m512d d_hi(V a) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)); }
static inline D d_add(D s, V a) { return (D){_mm512_add_pd(s.lo, d_lo(a)), _mm512_add_pd(s.hi, d_hi(a))}; }
static inline D d_fma(D s, V a, V b) {
  return (D){_mm512_fmadd_pd(d_lo(a), d_lo(b), s.lo), _mm512_fmadd_pd(d_hi(a), d_hi(b), s.hi)};
}
static inline double d_sum(D s) { return _mm512_reduce_add_pd(_mm512_add_pd(s.lo, s.hi)); }
/* The sums of four vectors. */
static inline __m128 v_sum4(V a, V b, V c, V d) {
  V ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  V cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
  V s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
  s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
  s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
  return _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, s));
}
/* The even floats of 2 * LANES neighbours. */
static inline V v_even(V a, V b) {
  const __m512i at = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_ps(a, at, b);
}
/* The first and the last LANES floats of a[0] b[0] a[1] b[1] ... */
static inline V v_woven_first(V a, V b) {
  const __m512i at = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return _mm512_permutex2var_ps(a, at, b);
}
static inline V v_woven_last(V a, V b) {
  const __m512i at = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return _mm512_permutex2var_ps(a, at, b);
}
