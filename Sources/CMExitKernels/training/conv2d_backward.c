/* The lists of kernels and the choice between them. */
#include "conv2d_backward.h"

#include "mexit_cpu.h"

#define NAME(direction, name, what) mexit_conv2d_backward_##direction##_##name##_##what

static const mexit_conv2d_backward_data_kernel data_kernels[] = {
#define DATA(isa, name)                                                                                     \
  {"mexit_conv2d_backward_data_" #name, MEXIT_ISA_##isa,                  NAME(data, name, supports),       \
   NAME(data, name, cost),              NAME(data, name, packed_floats),  NAME(data, name, pack),           \
   NAME(data, name, scratch_floats),    NAME(data, name, run)},
#define WEIGHTS(isa, name)
#include "conv2d_backward_kernels.h"
#undef DATA
#undef WEIGHTS
};

static const mexit_conv2d_backward_weights_kernel weights_kernels[] = {
#define DATA(isa, name)
#define WEIGHTS(isa, name)                                                                                  \
  {"mexit_conv2d_backward_weights_" #name, MEXIT_ISA_##isa,                     NAME(weights, name, supports), \
   NAME(weights, name, cost),              NAME(weights, name, scratch_floats), NAME(weights, name, run)},
#include "conv2d_backward_kernels.h"
#undef DATA
#undef WEIGHTS
};

const mexit_conv2d_backward_data_kernel *mexit_conv2d_backward_data_kernels(size_t *count) {
  *count = sizeof data_kernels / sizeof *data_kernels;
  return data_kernels;
}

const mexit_conv2d_backward_weights_kernel *mexit_conv2d_backward_weights_kernels(size_t *count) {
  *count = sizeof weights_kernels / sizeof *weights_kernels;
  return weights_kernels;
}

const mexit_conv2d_backward_data_kernel *mexit_conv2d_backward_data_choose(const mexit_conv2d *c) {
  const mexit_conv2d_backward_data_kernel *best = data_kernels;
  for (size_t i = 1; i < sizeof data_kernels / sizeof *data_kernels; i++) {
    const mexit_conv2d_backward_data_kernel *k = data_kernels + i;
    if (mexit_cpu_has(k->isa) && k->supports(c) && k->cost(c) < best->cost(c)) best = k;
  }
  return best;
}

const mexit_conv2d_backward_weights_kernel *mexit_conv2d_backward_weights_choose(const mexit_conv2d *c, int32_t losses) {
  const mexit_conv2d_backward_weights_kernel *best = weights_kernels;
  for (size_t i = 1; i < sizeof weights_kernels / sizeof *weights_kernels; i++) {
    const mexit_conv2d_backward_weights_kernel *k = weights_kernels + i;
    if (mexit_cpu_has(k->isa) && k->supports(c) && k->cost(c, losses) < best->cost(c, losses)) best = k;
  }
  return best;
}
