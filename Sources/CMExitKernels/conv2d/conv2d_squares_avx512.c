/* Convolution in squares of 2 x 2 outputs, for AVX-512. */
#if defined(__x86_64__)
#include "conv2d_squares.h"
#include "conv2d_functions.h"
#include "../vectors/vec_avx512.h"

#define NAME(f) f##__avx512
#define FUNCTION(method, f) mexit_conv2d_f32_##method##__avx512_##f
MEXIT_TARGET_BEGIN
#include "conv2d_planes_template.h"
#include "conv2d_squares_template.h"
MEXIT_TARGET_END
#endif
