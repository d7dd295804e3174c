/* Pointwise functions for Arm Advanced SIMD. */
#if defined(__aarch64__)
#include "pointwise_isa.h"
#include "../vectors/vec_neon.h"

#define NAME(f) f##__neon
MEXIT_TARGET_BEGIN
#include "pointwise_template.h"
#include "linear_template.h"
MEXIT_TARGET_END

const mexit_pointwise_isa mexit_pointwise__neon = {NAME(scale_shift), NAME(unary),      NAME(add),   NAME(max_pool),
                                                   NAME(avg_pool),    NAME(clear_halo), NAME(linear), NAME(resize)};
#endif
