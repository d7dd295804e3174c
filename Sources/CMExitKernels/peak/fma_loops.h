/* The register of FMA loops: FMA_LOOP(isa, name, fmas). The including file defines FMA_LOOP.
 * 3 of 4 registers are chains: enough to hide the latency of an FMA behind the others (8 to 16 in flight on known CPUs),
 * and nothing is spilled. */
FMA_LOOP(MEXIT_ISA_SCALAR, mexit_fma_loop_f32__scalar, 8)
#if defined(__x86_64__)
FMA_LOOP(MEXIT_ISA_AVX2, mexit_fma_loop_f32__avx2, 12 * 8)
FMA_LOOP(MEXIT_ISA_AVX512, mexit_fma_loop_f32__avx512, 24 * 16)
#elif defined(__aarch64__)
FMA_LOOP(MEXIT_ISA_NEON, mexit_fma_loop_f32__neon, 24 * 4)
#endif
