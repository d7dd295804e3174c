#pragma once
/* The vector vocabulary of the kernel templates (see vec_avx512.h) for Arm Advanced SIMD. */
#include <arm_neon.h>

#define MEXIT_TARGET_BEGIN
#define MEXIT_TARGET_END

#define V 4
#define VEC_REGISTERS 32
typedef float32x4_t vf;
#define vzero() vdupq_n_f32(0.0f)
#define vset1(value) vdupq_n_f32(value)
#define vload(p) vld1q_f32(p)
#define vload_halves(low, high) vcombine_f32(vld1_f32(low), vld1_f32(high))
#define vstore(p, v) vst1q_f32(p, v)
#define vstore_halves(low, high, v) (vst1_f32(low, vget_low_f32(v)), vst1_f32(high, vget_high_f32(v)))
static inline float32x4_t vload_bits(float32x4_t old, uint32_t bits, const float *p) {
  if (bits & 1) old = vsetq_lane_f32(p[0], old, 0);
  if (bits & 2) old = vsetq_lane_f32(p[1], old, 1);
  if (bits & 4) old = vsetq_lane_f32(p[2], old, 2);
  if (bits & 8) old = vsetq_lane_f32(p[3], old, 3);
  return old;
}
static inline void vstore_bits(float *p, uint32_t bits, float32x4_t v) {
  if (bits == 15) {
    vst1q_f32(p, v);
    return;
  }
  if (bits & 1) p[0] = vgetq_lane_f32(v, 0);
  if (bits & 2) p[1] = vgetq_lane_f32(v, 1);
  if (bits & 4) p[2] = vgetq_lane_f32(v, 2);
  if (bits & 8) p[3] = vgetq_lane_f32(v, 3);
}
#define vadd(a, b) vaddq_f32(a, b)
#define vfma(a, b, c) vfmaq_f32(c, a, b)
/* v < 0 ? 0 : v; vmaxq would turn -0 into 0. */
#define vrelu(v) vbslq_f32(vcltq_f32(v, vdupq_n_f32(0.0f)), vdupq_n_f32(0.0f), v)
/* v < least ? least : v. */
#define vatleast(v, least) vbslq_f32(vcltq_f32(v, least), least, v)
#define veven(a, b) vuzp1q_f32(a, b)
#define vzip_low(a, b) vzip1q_f32(a, b)
#define vzip_high(a, b) vzip2q_f32(a, b)
