/* Walks blocks, samples and pixels of a convolution with vectors over output channels, and carries sums to planes. */
#include "conv2d_channels.h"
#include "conv2d_packed.h"

#include <string.h>

/* sums[pixel][channel] from y. */
static void gather(const mexit_channels_tile *t, int32_t pixels, int32_t outputs, int32_t width, int64_t channel_stride) {
  for (int32_t o = 0; o < outputs; o++)
    for (int32_t p = 0; p < pixels; p++) t->sums[p * width + o] = t->y[p][o * channel_stride];
  for (int32_t o = outputs; o < width; o++)
    for (int32_t p = 0; p < pixels; p++) t->sums[p * width + o] = 0.0f;
}

static void scatter(const mexit_channels_tile *t, int32_t pixels, int32_t outputs, int32_t width, int64_t channel_stride,
                    bool add, mexit_activation activation) {
  for (int32_t o = 0; o < outputs; o++) {
    for (int32_t p = 0; p < pixels; p++) {
      float v = t->sums[p * width + o];
      if (add) v += t->add[p][o * channel_stride];
      t->y[p][o * channel_stride] = mexit_activate(v, activation);
    }
  }
}

typedef struct walk {
  const mexit_conv2d *conv;
  const mexit_conv2d_run *run;
  const int32_t *x_pixels, *y_pixels;
  const mexit_channels_block *block;
  int32_t first_pixel, pixels; /* of every sample */
} walk;

/* Points the tile at `count` pixels, from number `first` of all samples' pixels on. */
static void aim(const walk *w, size_t first, int32_t count, mexit_channels_tile *t) {
  size_t sample = first / (size_t)w->pixels;
  int32_t pixel = (int32_t)(first % (size_t)w->pixels);
  const int64_t y_offset = w->block->first_output * w->conv->y.channel_stride;
  for (int32_t p = 0; p < count; p++) {
    const int64_t y_place = y_offset + w->y_pixels[w->first_pixel + pixel];
    t->x[p] = w->run->x[sample] + w->block->x_offset + w->x_pixels[w->first_pixel + pixel];
    t->y[p] = w->run->y[sample] + y_place;
    if (w->run->add != NULL) t->add[p] = w->run->add[sample] + y_place;
    if (++pixel == w->pixels) {
      pixel = 0;
      sample++;
    }
  }
}

/* Blocks of channels outermost, so that one block's weights stay in cache while all samples' pixels go by. */
void mexit_channels_run(const mexit_channels_family *f, const mexit_conv2d *c, const float *packed,
                        const mexit_conv2d_run *run,
                        void (*compute)(int pixels, int vectors, const mexit_channels_tile *)) {
  mexit_channels_plan plan;
  memcpy(&plan, packed, sizeof plan);
  _Alignas(64) float sums[MEXIT_CHANNELS_TILE_FLOATS];
  mexit_channels_tile t;
  t.taps = (const int32_t *)(packed + plan.tap_table);
  t.tap_count = plan.taps;
  t.accumulate = run->accumulate;
  t.sums = sums;
  walk w = {c, run, (const int32_t *)(packed + plan.x_pixels), (const int32_t *)(packed + plan.y_pixels), NULL, 0, 0};
  for (size_t unit = run->unit_begin; unit < run->unit_end; unit++) {
    const int64_t chunk = (int64_t)(unit % (size_t)plan.chunks);
    mexit_channels_block b;
    memcpy(&b, packed + plan.block_table + unit / (size_t)plan.chunks * FLOATS_OF(mexit_channels_block, 1), sizeof b);
    w.block = &b;
    w.first_pixel = (int32_t)(plan.pixels * chunk / plan.chunks);
    w.pixels = (int32_t)(plan.pixels * (chunk + 1) / plan.chunks) - w.first_pixel;
    t.weights = packed + b.weights;
    const int32_t width = b.vectors * f->lanes;
    const size_t all = run->n * (size_t)w.pixels, tallest = f->max_pixels[b.vectors], tiles = (all + tallest - 1) / tallest;
    for (size_t tile = 0; tile < tiles; tile++) {
      const size_t first = all * tile / tiles;
      const int32_t count = (int32_t)(all * (tile + 1) / tiles - first);
      aim(&w, first, count, &t);
      if (run->accumulate) gather(&t, count, b.outputs, width, c->y.channel_stride);
      compute(count, b.vectors, &t);
      scatter(&t, count, b.outputs, width, c->y.channel_stride, run->add != NULL, run->activation);
    }
  }
}
