/* Sums in scratch memory from and to planes. */
#include "conv2d_planes.h"

#include <string.h>

int32_t mexit_planes_fill(int32_t lanes, const mexit_map *m, int32_t begin, int32_t end, mexit_planes_store *to) {
  int32_t count = 0, pixel = begin * m->width;
  int64_t covered = 0; /* end of the last store */
  mexit_planes_store store = {0};
  for (int32_t h = begin; h < end; h++) {
    for (int32_t w = 0; w < m->width; w++, pixel++) {
      const int64_t place = h * m->row_stride + w;
      if (place >= covered) {
        covered = place / lanes * lanes + lanes;
        store = (mexit_planes_store){.first_pixel = pixel, .y_offset = (int32_t)(covered - lanes)};
        count++;
      }
      store.pixels++;
      store.lanes |= 1u << (place - store.y_offset);
      if (to != NULL) memcpy(to + count - 1, &store, sizeof store);
    }
  }
  return count;
}

float *mexit_planes_gather(const mexit_conv2d *c, const mexit_conv2d_run *run, const mexit_planes_part *part, size_t sample,
                           float *sums) {
  const int64_t stride = c->y.channel_stride;
  const float *plane = run->y[sample] + part->first_output * stride;
  for (const mexit_planes_store *store = part->begin; store < part->end; store++) {
    for (uint32_t lanes = store->lanes; lanes != 0; lanes &= lanes - 1, sums += part->width) {
      const float *y = plane + store->y_offset + __builtin_ctz(lanes);
      for (int32_t o = 0; o < part->width; o++) sums[o] = o < part->outputs ? y[o * stride] : 0.0f;
    }
  }
  return sums;
}

const float *mexit_planes_scatter(const mexit_conv2d *c, const mexit_conv2d_run *run, const mexit_planes_part *part, size_t sample,
                                  const float *sums, void (*store_sums)(const mexit_planes *)) {
  const int64_t stride = c->y.channel_stride, first = part->first_output * stride;
  mexit_planes planes = {.sums = sums,
                         .width = part->width,
                         .outputs = part->outputs,
                         .channel_stride = stride,
                         .relu = run->activation == MEXIT_ACTIVATION_RELU};
  for (const mexit_planes_store *store = part->begin; store < part->end; store++) {
    planes.lanes = (int32_t)store->lanes;
    planes.y = run->y[sample] + first + store->y_offset;
    planes.add = run->add != NULL ? run->add[sample] + first + store->y_offset : NULL;
    store_sums(&planes);
    planes.sums += store->pixels * part->width;
  }
  return planes.sums;
}
