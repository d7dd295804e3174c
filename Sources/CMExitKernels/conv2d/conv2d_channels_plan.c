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

static double block_cycles(const mexit_channels_family *f, int64_t taps, int32_t pixels, int32_t vectors,
                           int32_t outputs) {
  const int32_t tallest = f->max_pixels[vectors], tiles = (pixels + tallest - 1) / tallest;
  const int32_t small = pixels / tiles, large_tiles = pixels % tiles;
  const double per_tile = 60.0, per_value = 2.5; /* pointers; a value through the buffer to its plane */
  /* Weights of a block that does not stay in the first cache come at about 40 bytes per cycle. */
  const double block_bytes = 4.0 * (double)taps * vectors * f->lanes;
  const double least = block_bytes > 32768 ? 4.0 * vectors * f->lanes / 40.0 : 0.0;
  return tiles * per_tile + per_value * pixels * outputs +
         (double)taps * (large_tiles * fmax(least, tile_cycles(small + 1, vectors)) +
                         (tiles - large_tiles) * fmax(least, tile_cycles(small, vectors)));
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
  l.vectors = (mexit_conv2d_group_outputs(c) + f->lanes - 1) / f->lanes;
  l.group_blocks = (l.vectors + MEXIT_CHANNELS_MAX_VECTORS - 1) / MEXIT_CHANNELS_MAX_VECTORS;
  p->blocks = c->groups * l.group_blocks;
  for (int32_t i = 0, left = mexit_conv2d_group_outputs(c); i < l.group_blocks; i++) {
    const int32_t vectors = block_vectors(&l, i), outputs = left < vectors * f->lanes ? left : vectors * f->lanes;
    l.cycles += c->groups * block_cycles(f, p->taps, p->pixels, vectors, outputs);
    left -= outputs;
  }
  const int32_t most_chunks = (p->pixels + MEXIT_CHANNELS_MAX_PIXELS - 1) / MEXIT_CHANNELS_MAX_PIXELS;
  const double worthwhile = l.cycles / p->blocks / 8000.0;
  p->chunks = worthwhile < 1 ? 1 : worthwhile < most_chunks ? (int32_t)worthwhile : most_chunks;
  int64_t end = 0;
  mexit_packed_place(&end, FLOATS_OF(mexit_channels_plan, 1));
  p->tap_table = mexit_packed_place(&end, p->taps);
  p->x_pixels = mexit_packed_place(&end, p->pixels);
  p->y_pixels = mexit_packed_place(&end, p->pixels);
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

static void fill_pixels(const mexit_conv2d *c, int32_t *x_pixels, int32_t *y_pixels) {
  for (int32_t h = 0; h < c->y.height; h++) {
    for (int32_t w = 0; w < c->y.width; w++) {
      *x_pixels++ = (int32_t)((int64_t)h * c->stride_h * c->x.row_stride + (int64_t)w * c->stride_w);
      *y_pixels++ = (int32_t)(h * c->y.row_stride + w);
    }
  }
}

/* Lanes beyond the last output stay zero, as packed is cleared before. */
static void pack_block(const mexit_channels_block *b, int32_t width, int64_t taps, const float *weight, const float *bias,
                       float *to) {
  for (int32_t o = 0; o < b->outputs; o++) {
    if (bias != NULL) to[o] = bias[b->first_output + o];
    for (int64_t t = 0; t < taps; t++) to[(t + 1) * width + o] = weight[(b->first_output + o) * taps + t];
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
  fill_pixels(c, (int32_t *)(packed + l.plan.x_pixels), (int32_t *)(packed + l.plan.y_pixels));
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
