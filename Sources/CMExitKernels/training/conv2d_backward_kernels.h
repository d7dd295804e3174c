/* Every kernel of the convolution's gradients, the only register: DATA(isa, name) for dx, WEIGHTS(isa, name) for dweight.
 * The references stand first. A line needs the functions mexit_conv2d_backward_data_NAME_{supports, cost, ...} that
 * conv2d_backward.h names; nothing else. */
DATA(SCALAR, scalar)
DATA(SCALAR, phases)
WEIGHTS(SCALAR, scalar)
#if defined(__x86_64__)
WEIGHTS(AVX2, pixels_avx2)
WEIGHTS(AVX2, channels_avx2)
WEIGHTS(AVX512, pixels_avx512)
WEIGHTS(AVX512, channels_avx512)
#endif
