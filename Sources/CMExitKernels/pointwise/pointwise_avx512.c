/* Pointwise functions for AVX-512. */
#if defined(__x86_64__)
#include "pointwise_isa.h"
#include "../vectors/vec_avx512.h"

#define NAME(f) f##__avx512
MEXIT_TARGET_BEGIN
#include "pointwise_template.h"
#include "linear_template.h"
MEXIT_TARGET_END

const mexit_pointwise_isa mexit_pointwise__avx512 = {NAME(scale_shift), NAME(unary),      NAME(add),   NAME(max_pool),
                                                     NAME(avg_pool),    NAME(clear_halo), NAME(linear), NAME(resize)};
#endif
