/* The table of FMA loops. */
#include "mexit_fma_loop.h"

#define FMA_LOOP(isa, name, fmas) float name(size_t rounds);
#include "fma_loops.h"
#undef FMA_LOOP

#define FMA_LOOP(isa, name, fmas) {#name, isa, fmas, name},
static const mexit_fma_loop loops[] = {
#include "fma_loops.h"
};
#undef FMA_LOOP

const mexit_fma_loop *mexit_fma_loops(size_t *count) {
  *count = sizeof loops / sizeof loops[0];
  return loops;
}
