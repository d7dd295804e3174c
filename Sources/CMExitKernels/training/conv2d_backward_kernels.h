/* Every kernel of the convolution's gradients, the only register: DATA(isa, name) for dx, WEIGHTS(isa, name) for dweight.
 * A kernel is called mexit_conv2d_backward_data_NAME or mexit_conv2d_backward_weights_NAME, with NAME = <type>_<method>__<isa>;
 * "phases" has no instruction set of its own, it takes the best forward kernels. The references stand first. A line needs
 * the functions that conv2d_backward.h declares; nothing else. */
DATA(SCALAR, f32_direct__scalar)
DATA(SCALAR, f32_phases)
WEIGHTS(SCALAR, f32_direct__scalar)
#if defined(__x86_64__)
DATA(AVX2, f32_quads__avx2)
DATA(AVX512, f32_quads__avx512)
WEIGHTS(AVX2, f32_pixels__avx2)
WEIGHTS(AVX2, f32_channels__avx2)
WEIGHTS(AVX2, f32_outputs__avx2)
WEIGHTS(AVX512, f32_pixels__avx512)
WEIGHTS(AVX512, f32_channels__avx512)
WEIGHTS(AVX512, f32_outputs__avx512)
#endif
