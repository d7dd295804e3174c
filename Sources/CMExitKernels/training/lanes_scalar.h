#pragma once
/* One lane: the loops of training_loops.h in plain C, their reference. The three lanes_*.h files define the same names:
 * V, a vector of LANES floats, and D, a sum of LANES doubles. `n` is the number of floats left in the row; lanes beyond
 * it read as zero and are not stored. */
#define LANES 1
#define LANES_NAME(name) name##__scalar
typedef float V;
typedef double D;
static inline V v_set1(float a) { return a; }
static inline V v_load(const float *p, int64_t n) { return (void)n, *p; }
static inline void v_store(float *p, V a, int64_t n) { (void)n, *p = a; }
static inline V v_add(V a, V b) { return a + b; }
static inline V v_sub(V a, V b) { return a - b; }
static inline V v_mul(V a, V b) { return a * b; }
static inline V v_fma(V a, V b, V c) { return a * b + c; }
/* a * b + c with one rounding, everywhere. */
static inline V v_fused(V a, V b, V c) { return __builtin_fmaf(a, b, c); }
/* least where v < least, else v: NaN stays. */
static inline V v_max(V v, V least) { return v < least ? least : v; }
/* a where k > 0, else 0. */
static inline V v_where_positive(V k, V a) { return k > 0 ? a : 0; }
/* a in the first n lanes, else 0. */
static inline V v_first(V a, int64_t n) { return (void)n, a; }
/* a in the lanes whose bits are set, lane 0 being bit i, a multiple of LANES; else 0. */
static inline V v_keep(const uint8_t *bits, int64_t i, V a) { return bits[i / 8] >> i % 8 & 1 ? a : 0; }
static inline float v_sum(V a) { return a; }
static inline D d_zero(void) { return 0; }
static inline D d_add(D s, V a) { return s + a; }
static inline D d_fma(D s, V a, V b) { return s + (double)a * b; }
static inline double d_sum(D s) { return s; }
/* The first and the last LANES floats of a[0] b[0] a[1] b[1] ... */
static inline V v_woven_first(V a, V b) { return (void)b, a; }
static inline V v_woven_last(V a, V b) { return (void)a, b; }
