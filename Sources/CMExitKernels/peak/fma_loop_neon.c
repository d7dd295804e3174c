/* FMA loop for NEON. */
#if defined(__aarch64__)
#include "../vectors/vec_neon.h"

#define FUNCTION mexit_fma_loop_f32__neon
MEXIT_TARGET_BEGIN
#include "fma_loop_template.h"
MEXIT_TARGET_END
#endif
