/* Mixing channels: plans, packs, and walks over samples, pieces of planes and blocks of outputs. */
#include "mexit_cpu.h"
#include "mix_tiles.h"
#include "plane_walk.h"

#if defined(__x86_64__)
extern const mexit_mix_family mexit_mix_family__avx2, mexit_mix_family__avx512;
#endif

static const mexit_mix_family *family(void) {
#if defined(__x86_64__)
  if (mexit_cpu_has(MEXIT_ISA_AVX512)) return &mexit_mix_family__avx512;
  if (mexit_cpu_has(MEXIT_ISA_AVX2)) return &mexit_mix_family__avx2;
#endif
  return NULL;
}

bool mexit_mix_supports(const mexit_map *x, const mexit_map *y) {
  mexit_pixel_bits room;
  return family() != NULL && x->height == y->height && x->width == y->width && x->halo == y->halo &&
         x->row_stride == y->row_stride && x->channel_stride == y->channel_stride &&
         mexit_walk_of(x, y, NULL, &room).h == 1 && x->height * x->width > 1;
}

/* Outputs that are computed together, when so many are left. */
static int32_t block_height(const mexit_mix_family *f, int32_t outputs) {
  int32_t height = outputs < MEXIT_MIX_MAX_HEIGHT ? outputs : MEXIT_MIX_MAX_HEIGHT;
  while (f->widest[height] == 0) height--;
  return height;
}

static int64_t block_floats(const mexit_mix *m, int32_t height) { return ((int64_t)m->x.channels * height + 15) / 16 * 16; }

static int64_t segment_floats(const mexit_mix_family *f, const mexit_mix *m, int32_t segment) {
  int64_t floats = 0;
  for (int32_t left = m->outputs[segment], height; left > 0; left -= height)
    floats += block_floats(m, height = block_height(f, left));
  return floats;
}

size_t mexit_mix_packed_floats(const mexit_mix *m) {
  int64_t floats = 0;
  for (int32_t s = 0; s < m->segments; s++) floats += segment_floats(family(), m, s);
  return (size_t)floats;
}

void mexit_mix_pack(const mexit_mix *m, int32_t segment, int32_t first_input, int32_t inputs, const float *weight,
                    int64_t output_pitch, int64_t input_pitch, float *packed) {
  const mexit_mix_family *f = family();
  for (int32_t s = 0; s < segment; s++) packed += segment_floats(f, m, s);
  for (int32_t o = 0, height; o < m->outputs[segment]; o += height, packed += block_floats(m, height)) {
    height = block_height(f, m->outputs[segment] - o);
    for (int32_t i = 0; i < inputs; i++)
      for (int32_t k = 0; k < height; k++)
        packed[(int64_t)(first_input + i) * height + k] = weight[(o + k) * output_pitch + i * input_pitch];
  }
}

/* A column is so many vectors of every plane, as wide as the widest tile of a block and not too narrow for the memory. */
static int32_t column_width(const mexit_mix_family *f, const mexit_mix *m) {
  int32_t width = 4;
  for (int32_t s = 0; s < m->segments; s++)
    for (int32_t left = m->outputs[s], height; left > 0; left -= height) {
      height = block_height(f, left);
      if (f->widest[height] > width) width = f->widest[height];
    }
  return width;
}

/* Tiles of a column. */
static int32_t column_tiles(const mexit_mix_family *f, const mexit_mix *m, int32_t width) {
  int32_t tiles = 0;
  for (int32_t s = 0; s < m->segments; s++)
    for (int32_t left = m->outputs[s], height; left > 0; left -= height) {
      height = block_height(f, left);
      tiles += (width + f->widest[height] - 1) / f->widest[height];
    }
  return tiles;
}

void mexit_mix_f32(const mexit_mix *m, const float *packed, const float *const *x, float *const *const *y, size_t first, size_t n,
                   const bool *accumulate) {
  const mexit_mix_family *f = family();
  mexit_pixel_bits room;
  const mexit_walk walk = mexit_walk_of(&m->x, NULL, NULL, &room);
  /* Rows of half a vector go by in twos: no lane is lost to the halo between them. */
  const bool halves = m->x.width == f->lanes / 2 && m->x.height % 2 == 0;
  const int64_t vector = halves ? 2 * m->x.row_stride : f->lanes; /* floats from one to the next */
  const int32_t lines = (walk.w + f->lanes - 1) / f->lanes, vectors = halves ? m->x.height / 2 : lines, widest = column_width(f, m);
  const int32_t columns = (vectors + widest - 1) / widest;
  mexit_mix_tile t = {.inputs = m->x.channels, .stride = m->x.channel_stride, .gap = halves ? m->x.row_stride : 0}, last = t;
  int32_t last_height = 0, last_vectors = 0;
  for (size_t k = first; k < first + n; k++)
    for (int32_t column = 0; column < columns; column++) {
      const int32_t begin = (int32_t)((int64_t)vectors * column / columns);
      const int32_t end = (int32_t)((int64_t)vectors * (column + 1) / columns), tiles = column_tiles(f, m, end - begin);
      /* The next column, of which every tile asks for a share. */
      const float *next = column + 1 < columns ? x[k] + end * vector : k + 1 < first + n ? x[k + 1] : NULL;
      const int32_t fetch = halves && columns == 1 ? lines : widest;
      int32_t tile = 0;
      t.weights = packed;
      for (int32_t s = 0; s < m->segments; s++) {
        t.accumulate = accumulate[s];
        for (int32_t o = 0, height; o < m->outputs[s]; o += height, t.weights += block_floats(m, height)) {
          height = block_height(f, m->outputs[s] - o);
          const int32_t parts = (end - begin + f->widest[height] - 1) / f->widest[height];
          for (int32_t part = 0; part < parts; part++, tile++) {
            const int32_t v = begin + (end - begin) * part / parts, v_end = begin + (end - begin) * (part + 1) / parts;
            const int32_t share = fetch * tile / tiles;
            t.x = x[k] + v * vector;
            t.next = next ? next + share * f->lanes : t.x;
            t.next_vectors = next ? fetch * (tile + 1) / tiles - share : 0;
            t.y = y[s][k] + o * t.stride + v * vector;
            t.bits = walk.bits ? walk.bits + (int64_t)v * f->lanes / 8 : NULL;
            t.left = walk.w - (int64_t)v * f->lanes;
            if (last_vectors > 0) {
              last.next_y = t.y;
              last.next_rows = height;
              f->compute(last_height, last_vectors, &last);
            }
            last = t;
            last_height = height;
            last_vectors = v_end - v;
          }
        }
      }
    }
  if (last_vectors > 0) {
    last.next_y = last.y;
    last.next_rows = 0;
    f->compute(last_height, last_vectors, &last);
  }
}
