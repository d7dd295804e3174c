/* The register of forward convolution kernels: KERNEL(isa, name, reorders). The including file defines KERNEL.
 * A name is mexit_<operation>_<type>_<method>__<isa>. The scalar reference stands first. */
KERNEL(MEXIT_ISA_SCALAR, mexit_conv2d_f32_direct__scalar, false)
