#pragma once
/* For register tiles: an array of vectors stays in registers only if every loop over it is unrolled, and that needs the
 * bounds to be constants in the caller that the tile is inlined into. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")
