#pragma once
/* Loops of fused multiply-adds that touch no memory: run long enough, they tell the most multiply-adds per second that an
 * instruction set reaches on this machine, at the clock that it allows. Every kernel is measured against that. */
#include "mexit_cpu.h"

#include <stddef.h>

typedef struct mexit_fma_loop {
  const char *name;
  mexit_isa isa;
  size_t fmas; /* multiply-adds of one round, every lane counted */
  /* The result depends on every multiply-add, so that none can be left out. */
  float (*run)(size_t rounds);
} mexit_fma_loop;

/* One loop per instruction set compiled into this library, scalar first. */
const mexit_fma_loop *mexit_fma_loops(size_t *count);
