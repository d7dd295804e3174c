/* FMA loop for AVX-512. */
#if defined(__x86_64__)
#include "../vectors/vec_avx512.h"

#define FUNCTION mexit_fma_loop_f32__avx512
MEXIT_TARGET_BEGIN
#include "fma_loop_template.h"
MEXIT_TARGET_END
#endif
