#pragma once
/* Eight lanes of AVX2 and FMA; see lanes_scalar.h. */
#define LANES 8
#define LANES_NAME(name) name##__avx2
typedef __m256 V;
typedef struct { __m256d lo, hi; } D;
static inline __m256i v_mask(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline V v_set1(float a) { return _mm256_set1_ps(a); }
static inline V v_load(const float *p, int64_t n) {
  return n >= LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, v_mask(n));
}
static inline void v_store(float *p, V a, int64_t n) {
  if (n >= LANES) _mm256_storeu_ps(p, a);
  else _mm256_maskstore_ps(p, v_mask(n), a);
}
/* Two half vectors, `gap` floats from one to the other. */
static inline V v_load_halves(const float *p, int64_t gap) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + gap), 1);
}
static inline void v_store_halves(float *p, int64_t gap, V a) {
  _mm_storeu_ps(p, _mm256_castps256_ps128(a));
  _mm_storeu_ps(p + gap, _mm256_extractf128_ps(a, 1));
}
static inline V v_add(V a, V b) { return _mm256_add_ps(a, b); }
static inline V v_sub(V a, V b) { return _mm256_sub_ps(a, b); }
static inline V v_mul(V a, V b) { return _mm256_mul_ps(a, b); }
static inline V v_fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
static inline V v_fused(V a, V b, V c) { return v_fma(a, b, c); }
static inline V v_max(V v, V least) { return _mm256_max_ps(least, v); }
static inline V v_where_positive(V k, V a) {
  return _mm256_and_ps(_mm256_cmp_ps(k, _mm256_setzero_ps(), _CMP_GT_OQ), a);
}
static inline V v_first(V a, int64_t n) {
  return n >= LANES ? a : _mm256_and_ps(a, _mm256_castsi256_ps(v_mask(n)));
}
static inline V v_keep(const uint8_t *bits, int64_t i, V a) {
  const __m256i each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(bits[i / 8]), each), each)));
}
static inline float v_sum(V a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
static inline D d_zero(void) { return (D){_mm256_setzero_pd(), _mm256_setzero_pd()}; }
static inline __m256d d_lo(V a) { return _mm256_cvtps_pd(_mm256_castps256_ps128(a)); }
static inline __m256d d_hi(V a) { return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)); }
static inline D d_add(D s, V a) { return (D){_mm256_add_pd(s.lo, d_lo(a)), _mm256_add_pd(s.hi, d_hi(a))}; }
static inline D d_fma(D s, V a, V b) {
  return (D){_mm256_fmadd_pd(d_lo(a), d_lo(b), s.lo), _mm256_fmadd_pd(d_hi(a), d_hi(b), s.hi)};
}
static inline double d_sum(D s) {
  __m256d t = _mm256_add_pd(s.lo, s.hi);
  __m128d u = _mm_add_pd(_mm256_castpd256_pd128(t), _mm256_extractf128_pd(t, 1));
  return _mm_cvtsd_f64(_mm_add_sd(u, _mm_unpackhi_pd(u, u)));
}
/* The sums of four vectors. */
static inline __m128 v_sum4(V a, V b, V c, V d) {
  __m256 t = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
  return _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
}
/* The even floats of 2 * LANES neighbours. */
static inline V v_even(V a, V b) {
  return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xd8));
}
/* The first and the last LANES floats of a[0] b[0] a[1] b[1] ... */
static inline V v_woven_first(V a, V b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}
static inline V v_woven_last(V a, V b) {
  return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}
