/* Every kernel of the convolution's gradients, the only register: DATA(isa, name) for dx, WEIGHTS(isa, name) for dweight.
 * The references stand first. A line needs the functions mexit_conv2d_backward_data_NAME_{supports, cost, ...} that
 * conv2d_backward.c names; nothing else. */
DATA(SCALAR, scalar)
WEIGHTS(SCALAR, scalar)
