#if defined(__x86_64__)
#include <immintrin.h>

#include "mix_tiles.h"
#include "training_table.h"
/* Behind the includes: only what follows may use these instructions. */
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#include "lanes_avx512.h"
#include "training_loops.h"
#include "mix_loops.h"
#pragma clang attribute pop
#endif
