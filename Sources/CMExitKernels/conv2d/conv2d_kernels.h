/* The register of forward convolution kernels: KERNEL(isa, name, reorders, fetches). The including file defines KERNEL.
 * A name is mexit_<operation>_<type>_<method>__<isa>. The scalar reference stands first. */
KERNEL(MEXIT_ISA_SCALAR, mexit_conv2d_f32_direct__scalar, false, 0)
#if defined(__x86_64__)
KERNEL(MEXIT_ISA_AVX2, mexit_conv2d_f32_flat__avx2, false, 0)
KERNEL(MEXIT_ISA_AVX2, mexit_conv2d_f32_pair__avx2, false, 0)
KERNEL(MEXIT_ISA_AVX2, mexit_conv2d_f32_channels__avx2, false, 160)
KERNEL(MEXIT_ISA_AVX2, mexit_conv2d_f32_winograd__avx2, true, 80)
KERNEL(MEXIT_ISA_AVX512, mexit_conv2d_f32_flat__avx512, false, 0)
KERNEL(MEXIT_ISA_AVX512, mexit_conv2d_f32_pair__avx512, false, 0)
KERNEL(MEXIT_ISA_AVX512, mexit_conv2d_f32_channels__avx512, false, 80)
KERNEL(MEXIT_ISA_AVX512, mexit_conv2d_f32_winograd__avx512, true, 40)
KERNEL(MEXIT_ISA_AVX512, mexit_conv2d_f32_squares__avx512, true, 69)
#elif defined(__aarch64__)
KERNEL(MEXIT_ISA_NEON, mexit_conv2d_f32_flat__neon, false, 0)
KERNEL(MEXIT_ISA_NEON, mexit_conv2d_f32_pair__neon, false, 0)
KERNEL(MEXIT_ISA_NEON, mexit_conv2d_f32_channels__neon, false, 160)
KERNEL(MEXIT_ISA_NEON, mexit_conv2d_f32_winograd__neon, true, 80)
#endif
