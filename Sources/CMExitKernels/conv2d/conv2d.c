/* The table of convolution kernels, and the choice among them. */
#include "conv2d_functions.h"

#define KERNEL(isa, name, reorders, fetches)                                                                        \
  {#name,       isa,          reorders, fetches, name##_supports, name##_cost, name##_packed_floats, name##_pack, name##_units, \
   name##_scratch_floats, name##_run},
static const mexit_conv2d_kernel kernels[] = {
#include "conv2d_kernels.h"
};
#undef KERNEL

enum { KERNEL_COUNT = sizeof kernels / sizeof kernels[0] };

const mexit_conv2d_kernel *mexit_conv2d_kernels(size_t *count) {
  *count = KERNEL_COUNT;
  return kernels;
}

static const mexit_conv2d_kernel *choose(const mexit_conv2d *c, bool may_reorder) {
  const mexit_conv2d_kernel *best = &kernels[0];
  if (!best->supports(c)) return best;
  double least = best->cost(c);
  for (size_t k = 1; k < KERNEL_COUNT; k++) {
    if (kernels[k].reorders && !may_reorder) continue;
    if (!mexit_cpu_has(kernels[k].isa) || !kernels[k].supports(c)) continue;
    const double cost = kernels[k].cost(c);
    if (cost < least) {
      least = cost;
      best = &kernels[k];
    }
  }
  return best;
}

const mexit_conv2d_kernel *mexit_conv2d_choose(const mexit_conv2d *c) { return choose(c, false); }
const mexit_conv2d_kernel *mexit_conv2d_choose_any(const mexit_conv2d *c) { return choose(c, true); }
