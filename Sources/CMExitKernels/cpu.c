/* Which instruction sets this CPU runs. This file has no target attribute: it must run on any CPU. */
#include "mexit_cpu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum { ISA_COUNT = MEXIT_ISA_AVX512 + 1, NAME_MAX_LENGTH = 63 };

static const char *const isa_names[ISA_COUNT] = {"scalar", "neon", "avx2", "avx512"};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool available[ISA_COUNT];
static char unknown_name[NAME_MAX_LENGTH + 1]; /* empty: none */

#if defined(__x86_64__)
/* The register state that the operating system saves on a context switch: without it the instructions fault, or worse,
 * another process's values show through. */
static unsigned enabled_state(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static void detect(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  const unsigned osxsave = 1u << 27, fma = 1u << 12, avx = 1u << 28;
  if ((c & (osxsave | fma | avx)) != (osxsave | fma | avx)) return;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  const unsigned state = enabled_state();
  const unsigned ymm_state = 0x06, zmm_state = 0xe6; /* XMM, YMM; and mask registers, both halves of ZMM */
  const unsigned avx2 = 1u << 5;
  const unsigned avx512 = 1u << 16 /* F */ | 1u << 17 /* DQ */ | 1u << 30 /* BW */ | 1u << 31 /* VL */;
  available[MEXIT_ISA_AVX2] = (b & avx2) && (state & ymm_state) == ymm_state;
  available[MEXIT_ISA_AVX512] =
      available[MEXIT_ISA_AVX2] && (b & avx512) == avx512 && (state & zmm_state) == zmm_state;
}
#elif defined(__aarch64__)
static void detect(void) { available[MEXIT_ISA_NEON] = true; /* part of the base architecture */ }
#else
static void detect(void) {}
#endif

static void disable(const char *name, size_t length) {
  for (int isa = MEXIT_ISA_NEON; isa < ISA_COUNT; isa++) {
    if (strlen(isa_names[isa]) == length && memcmp(isa_names[isa], name, length) == 0) {
      available[isa] = false;
      return;
    }
  }
  if (unknown_name[0] == '\0') {
    if (length > NAME_MAX_LENGTH) length = NAME_MAX_LENGTH;
    memcpy(unknown_name, name, length);
    unknown_name[length] = '\0';
  }
}

static void initialise(void) {
  detect();
  available[MEXIT_ISA_SCALAR] = true;
  const char *list = getenv("MEXIT_CPU_DISABLE");
  while (list != NULL && *list != '\0') {
    const size_t length = strcspn(list, ",");
    if (length > 0) disable(list, length);
    list += length;
    if (*list == ',') list++;
  }
}

bool mexit_cpu_has(mexit_isa isa) {
  pthread_once(&once, initialise);
  return (unsigned)isa < ISA_COUNT && available[isa];
}

mexit_isa mexit_cpu_best(void) {
  for (int isa = ISA_COUNT - 1; isa > MEXIT_ISA_SCALAR; isa--)
    if (mexit_cpu_has((mexit_isa)isa)) return (mexit_isa)isa;
  return MEXIT_ISA_SCALAR;
}

const char *mexit_isa_name(mexit_isa isa) { return (unsigned)isa < ISA_COUNT ? isa_names[isa] : "unknown"; }

const char *mexit_cpu_disable_error(void) {
  pthread_once(&once, initialise);
  return unknown_name[0] == '\0' ? NULL : unknown_name;
}
