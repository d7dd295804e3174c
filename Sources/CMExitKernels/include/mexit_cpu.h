#pragma once
/* What this CPU can run, found once from CPUID and XCR0 (x86) or known at compile time (Arm).
 * The environment variable MEXIT_CPU_DISABLE=avx512,avx2,neon masks features; an unknown name is an error. */
#include <stdbool.h>

typedef enum mexit_isa {
  MEXIT_ISA_SCALAR = 0,
  MEXIT_ISA_NEON = 1,
  MEXIT_ISA_AVX2 = 2,   /* AVX2 and FMA */
  MEXIT_ISA_AVX512 = 3, /* AVX-512 F, BW, DQ, VL */
} mexit_isa;

/* True when kernels of this ISA may run here and are not disabled. Scalar always may. */
bool mexit_cpu_has(mexit_isa isa);
/* The best ISA that may run here. */
mexit_isa mexit_cpu_best(void);
/* "scalar", "neon", "avx2", "avx512". */
const char *mexit_isa_name(mexit_isa isa);
/* NULL when MEXIT_CPU_DISABLE is unset or understood, else the first name in it that is not known. */
const char *mexit_cpu_disable_error(void);
