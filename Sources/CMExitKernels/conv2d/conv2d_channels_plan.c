/* Plans a convolution with vectors over output channels, and predicts its time. */
#include "conv2d_channels.h"
#include "conv2d_packed.h"

#include <math.h>
#include <string.h>

/* Cycles per tap. Each pixel costs a broadcast and, as there are more pixels than free address registers, a pointer. */
static double tile_cycles(int32_t pixels, int32_t vectors) {
  const double arithmetic = pixels * vectors / 2.0, loads = (2 * pixels + vectors) / 2.0, latency = 4.0;
  const double issue = (pixels * vectors + 2 * pixels + vectors + 3) / 6.0;
  return fmax(fmax(arithmetic, loads), fmax(latency, issue));
}

/* Cycles of one block of channels over all pixels of a sample. */
static double block_cycles(const mexit_channels_family *f, int64_t taps, int32_t pixels, int32_t stores, int32_t vectors) {
  const int32_t tallest = f->max_pixels[vectors], tiles = (pixels + tallest - 1) / tallest;
  const int32_t small = pixels / tiles, large_tiles = pixels % tiles;
  const double per_slice = 25.0, per_store = 60.0 + 5.0 * f->lanes; /* call, sums in and out; a square to its planes */
  const double bytes = 4.0 * (double)taps * vectors * f->lanes, slices = tiles == 1 ? 1.0 : ceil(bytes / MEXIT_CHANNELS_SLICE_BYTES);
  return slices * tiles * per_slice + per_store * stores * vectors +
         (double)taps * (large_tiles * tile_cycles(small + 1, vectors) + (tiles - large_tiles) * tile_cycles(small, vectors));
}

typedef struct layout {
  mexit_channels_plan plan;
  int32_t vectors, group_blocks; /* of one group */
  double cycles;
  int64_t weights, floats;
} layout;

/* Vectors of block i of a group: all blocks as even as can be. */
static int32_t block_vectors(const layout *l, int32_t i) {
  const int64_t vectors = l->vectors;
  return (int32_t)(vectors * (i + 1) / l->group_blocks - vectors * i / l->group_blocks);
}

static layout lay_out(const mexit_channels_family *f, const mexit_conv2d *c) {
  layout l = {0};
  mexit_channels_plan *p = &l.plan;
  p->taps = (int32_t)mexit_conv2d_taps(c);
  p->pixels = c->y.height * c->y.width;
  p->stores = mexit_planes_fill(f->lanes, &c->y, 0, c->y.height, NULL);
  l.vectors = (mexit_conv2d_group_outputs(c) + f->lanes - 1) / f->lanes;
  l.group_blocks = (l.vectors + MEXIT_CHANNELS_MAX_VECTORS - 1) / MEXIT_CHANNELS_MAX_VECTORS;
  p->blocks = c->groups * l.group_blocks;
  for (int32_t i = 0; i < l.group_blocks; i++)
    l.cycles += c->groups * block_cycles(f, p->taps, p->pixels, p->stores, block_vectors(&l, i));
  const double worthwhile = l.cycles / p->blocks / 8000.0;
  p->chunks = worthwhile < 1 ? 1 : worthwhile < p->stores ? (int32_t)worthwhile : p->stores;
  int64_t end = 0;
  mexit_packed_place(&end, FLOATS_OF(mexit_channels_plan, 1));
  p->tap_table = mexit_packed_place(&end, p->taps);
  p->x_pixels = mexit_packed_place(&end, p->pixels);
  p->store_table = mexit_packed_place(&end, FLOATS_OF(mexit_planes_store, p->stores));
  p->block_table = mexit_packed_place(&end, FLOATS_OF(mexit_channels_block, p->blocks));
  l.weights = end;
  l.floats = end + (int64_t)c->groups * ((l.vectors * f->lanes * (1 + (int64_t)p->taps) + 15 * l.group_blocks + 15) / 16 * 16);
  return l;
}

bool mexit_channels_supports(const mexit_conv2d *c) { return mexit_conv2d_fits_halo(c); }

double mexit_channels_cost(const mexit_channels_family *f, const mexit_conv2d *c) {
  const double nanoseconds_per_cycle = 1.0 / 3.0, per_call = 20.0;
  return per_call + nanoseconds_per_cycle * lay_out(f, c).cycles;
}

size_t mexit_channels_packed_floats(const mexit_channels_family *f, const mexit_conv2d *c) {
  return (size_t)lay_out(f, c).floats;
}

size_t mexit_channels_units(const mexit_channels_family *f, const mexit_conv2d *c) {
  const mexit_channels_plan p = lay_out(f, c).plan;
  return (size_t)p.blocks * (size_t)p.chunks;
}

size_t mexit_channels_scratch_floats(const mexit_channels_family *f) {
  /* One more pixel, which stores read and ignore, and room to start on a cache line. */
  return (size_t)((MEXIT_CHANNELS_PASS + 1) * MEXIT_CHANNELS_MAX_VECTORS * f->lanes + 16);
}

static void fill_pixels(const mexit_conv2d *c, int32_t *x_pixels) {
  for (int32_t h = 0; h < c->y.height; h++)
    for (int32_t w = 0; w < c->y.width; w++) *x_pixels++ = (int32_t)((int64_t)h * c->stride_h * c->x.row_stride + (int64_t)w * c->stride_w);
}

/* Lanes beyond the last output stay zero, as packed is cleared before. A cache line of taps at a time, so that what is written stays
 * in the first-level cache from one output to the next; the next lines are asked for, as no processor foresees so many streams. */
static void pack_block(const mexit_channels_block *b, int32_t width, int64_t taps, const float *weight, const float *bias,
                       float *to) {
  if (bias != NULL) memcpy(to, bias + b->first_output, (size_t)b->outputs * sizeof *to);
  for (int64_t some = 0; some < taps; some += 16) {
    const int64_t end = taps - some < 16 ? taps : some + 16;
    for (int32_t o = 0; o < b->outputs; o++) {
      const float *from = weight + (b->first_output + o) * taps;
      __builtin_prefetch(from + some + 32);
      for (int64_t t = some; t < end; t++) to[(t + 1) * width + o] = from[t];
    }
  }
}

void mexit_channels_pack(const mexit_channels_family *f, const mexit_conv2d *c, const float *weight, const float *bias,
                         float *packed) {
  const layout l = lay_out(f, c);
  const int32_t group_outputs = mexit_conv2d_group_outputs(c);
  int64_t weights = l.weights;
  memset(packed, 0, (size_t)l.floats * sizeof(float));
  memcpy(packed, &l.plan, sizeof l.plan);
  mexit_conv2d_tap_offsets(c, (int32_t *)(packed + l.plan.tap_table));
  fill_pixels(c, (int32_t *)(packed + l.plan.x_pixels));
  mexit_planes_fill(f->lanes, &c->y, 0, c->y.height, (mexit_planes_store *)(packed + l.plan.store_table));
  float *table = packed + l.plan.block_table;
  for (int32_t g = 0; g < c->groups; g++) {
    int32_t first = 0; /* output within the group */
    for (int32_t i = 0; i < l.group_blocks; i++) {
      const int32_t vectors = block_vectors(&l, i), width = vectors * f->lanes, left = group_outputs - first;
      const mexit_channels_block block = {
          .first_output = g * group_outputs + first,
          .outputs = left < width ? left : width,
          .vectors = vectors,
          .x_offset = (int64_t)g * mexit_conv2d_group_inputs(c) * c->x.channel_stride,
          .weights = mexit_packed_place(&weights, width * (1 + (int64_t)l.plan.taps)),
      };
      pack_block(&block, width, l.plan.taps, weight, bias, packed + block.weights);
      memcpy(table, &block, sizeof block);
      table += FLOATS_OF(mexit_channels_block, 1);
      first += block.outputs;
    }
  }
}
