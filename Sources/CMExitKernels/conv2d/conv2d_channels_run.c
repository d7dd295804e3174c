/* Walks blocks, samples, pixels and slices of a convolution with vectors over output channels. */
#include "conv2d_channels.h"
#include "conv2d_packed.h"

#include <string.h>

typedef struct walk {
  const mexit_channels_isa *isa;
  const mexit_conv2d *conv;
  const mexit_conv2d_run *run;
  const float *packed;
  mexit_channels_plan plan;
  mexit_channels_block block;
  const mexit_planes_store *stores;
  mexit_ahead ahead;
  float *sums;
} walk;

/* Pixels of some samples whose sums are in scratch memory together: those of stores begin ..< end. */
typedef struct pass {
  size_t first_sample, samples;
  int32_t begin, end;
  int32_t first_pixel, pixels; /* of each sample */
} pass;

static const float *window(const walk *w, size_t sample, int32_t pixel) {
  return w->run->x[sample] + w->block.x_offset + ((const int32_t *)(w->packed + w->plan.x_pixels))[pixel];
}

static void run_pass(walk *w, const pass *p) {
  const int32_t width = w->block.vectors * w->isa->family->lanes, taps = w->plan.taps;
  const int32_t count = p->pixels * (int32_t)p->samples, tallest = w->isa->family->max_pixels[w->block.vectors];
  const int32_t tiles = (count + tallest - 1) / tallest;
  const float *x[MEXIT_CHANNELS_PASS], *weights = w->packed + w->block.weights;
  for (size_t s = 0, i = 0; s < p->samples; s++)
    for (int32_t pixel = 0; pixel < p->pixels; pixel++) x[i++] = window(w, p->first_sample + s, p->first_pixel + pixel);
  /* One tile needs no weight twice. */
  const int64_t bytes = 4 * (int64_t)taps * width;
  const int32_t slices = tiles == 1 ? 1 : (int32_t)((bytes + MEXIT_CHANNELS_SLICE_BYTES - 1) / MEXIT_CHANNELS_SLICE_BYTES);
  const mexit_planes_part part = {w->block.first_output, w->block.outputs, width, w->stores + p->begin, w->stores + p->end};
  if (w->run->accumulate) {
    float *to = w->sums;
    for (size_t s = 0; s < p->samples; s++) to = mexit_planes_gather(w->conv, w->run, &part, p->first_sample + s, to);
  }
  for (int32_t slice = 0; slice < slices; slice++) {
    const int32_t begin = (int32_t)((int64_t)taps * slice / slices), end = (int32_t)((int64_t)taps * (slice + 1) / slices);
    const bool from_sums = slice > 0 || w->run->accumulate;
    for (int32_t tile = 0; tile < tiles; tile++) {
      const int32_t first = (int32_t)((int64_t)count * tile / tiles);
      mexit_channels_tile t = {.taps = (const int32_t *)(w->packed + w->plan.tap_table) + begin,
                               .tap_count = end - begin,
                               .start = from_sums ? w->sums + first * width : weights,
                               .start_stride = from_sums ? width : 0,
                               .weights = weights + (1 + (int64_t)begin) * width,
                               .x = x + first,
                               .sums = w->sums + first * width,
                               .ahead = mexit_ahead_take(&w->ahead, end - begin, weights)};
      w->isa->compute((int32_t)((int64_t)count * (tile + 1) / tiles) - first, w->block.vectors, &t);
    }
  }
  const float *sums = w->sums;
  for (size_t s = 0; s < p->samples; s++)
    sums = mexit_planes_scatter(w->conv, w->run, &part, p->first_sample + s, sums, w->isa->store);
}

/* Stores begin ..< end of all samples. */
static void run_stores(walk *w, int32_t begin, int32_t end) {
  while (begin < end) {
    pass p = {.begin = begin, .end = begin, .first_pixel = w->stores[begin].first_pixel};
    while (p.end < end && p.pixels + w->stores[p.end].pixels <= MEXIT_CHANNELS_PASS) p.pixels += w->stores[p.end++].pixels;
    const size_t most = MEXIT_CHANNELS_PASS / (size_t)p.pixels;
    for (; p.first_sample < w->run->n; p.first_sample += p.samples) {
      p.samples = w->run->n - p.first_sample < most ? w->run->n - p.first_sample : most;
      run_pass(w, &p);
    }
    begin = p.end;
  }
}

/* About how many taps the tiles of so many units take, all together. */
static int64_t taps_of_tiles(const walk *w, size_t units) {
  const int64_t tallest = w->isa->family->max_pixels[MEXIT_CHANNELS_MAX_VECTORS], pixels = (int64_t)w->run->n * w->plan.pixels;
  return (pixels + tallest - 1) / tallest * w->plan.taps * (int64_t)units / w->plan.chunks;
}

/* Blocks of channels outermost, so that one block's weights stay in cache while all samples' pixels go by. */
void mexit_channels_run(const mexit_channels_isa *isa, const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  walk w = {.isa = isa, .conv = c, .run = run, .packed = packed};
  memcpy(&w.plan, packed, sizeof w.plan);
  w.stores = (const mexit_planes_store *)(packed + w.plan.store_table);
  w.sums = (float *)(((uintptr_t)run->scratch + 63) / 64 * 64);
  const size_t chunks = (size_t)w.plan.chunks;
  w.ahead = mexit_ahead_make(run, taps_of_tiles(&w, run->unit_end - run->unit_begin));
  for (size_t unit = run->unit_begin; unit < run->unit_end;) {
    const size_t block = unit / chunks, chunk = unit % chunks;
    const size_t next = (block + 1) * chunks < run->unit_end ? (block + 1) * chunks : run->unit_end;
    memcpy(&w.block, packed + w.plan.block_table + block * FLOATS_OF(mexit_channels_block, 1), sizeof w.block);
    run_stores(&w, (int32_t)((size_t)w.plan.stores * chunk / chunks), (int32_t)((size_t)w.plan.stores * (chunk + next - unit) / chunks));
    unit = next;
  }
}
