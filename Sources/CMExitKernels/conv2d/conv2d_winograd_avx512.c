/* Winograd convolution for AVX-512. */
#if defined(__x86_64__)
#include "conv2d_functions.h"
#include "conv2d_winograd.h"
#include "../vectors/vec_avx512.h"

#include <math.h>
#include <string.h>

#define NAME(f) f##__avx512
#define FUNCTION(method, f) mexit_conv2d_f32_##method##__avx512_##f
MEXIT_TARGET_BEGIN
#include "conv2d_winograd_template.h"
MEXIT_TARGET_END
#endif
