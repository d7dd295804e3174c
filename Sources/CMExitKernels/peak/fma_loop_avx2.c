/* FMA loop for AVX2. */
#if defined(__x86_64__)
#include "../vectors/vec_avx2.h"

#define FUNCTION mexit_fma_loop_f32__avx2
MEXIT_TARGET_BEGIN
#include "fma_loop_template.h"
MEXIT_TARGET_END
#endif
