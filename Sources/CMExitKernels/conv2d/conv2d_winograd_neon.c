/* Winograd convolution for Arm Advanced SIMD. */
#if defined(__aarch64__)
#include "conv2d_functions.h"
#include "conv2d_winograd.h"
#include "../vectors/vec_neon.h"

#include <math.h>
#include <string.h>

#define NAME(f) f##__neon
#define FUNCTION(method, f) mexit_conv2d_f32_##method##__neon_##f
MEXIT_TARGET_BEGIN
#include "conv2d_winograd_template.h"
MEXIT_TARGET_END
#endif
