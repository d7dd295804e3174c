/* Lays the output's pixels along vectors: which lanes go where. */
#include "conv2d_planar_grid.h"

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

/* Vectors that a grid takes. */
static int64_t count(const mexit_planar_family *f, const mexit_conv2d *c, mexit_planar_grid grid) {
  const int64_t lanes = f->lanes, half = lanes / 2;
  switch (grid) {
  case MEXIT_PLANAR_RUN: return ((c->y.height - 1) * c->x.row_stride + c->y.width + lanes - 1) / lanes;
  case MEXIT_PLANAR_ROWS: return c->y.height * ((c->y.width + lanes - 1) / lanes);
  default: return (c->y.height * ((c->y.width + half - 1) / half) + 1) / 2;
  }
}

/* Loading two halves takes twice as long: that must spare a vector in eight. */
mexit_planar_grid mexit_planar_grid_of(const mexit_planar_family *f, const mexit_conv2d *c) {
  if (f->pairs) return MEXIT_PLANAR_PAIRS;
  const int64_t run = count(f, c, MEXIT_PLANAR_RUN), rows = count(f, c, MEXIT_PLANAR_ROWS);
  const int64_t whole = rows <= run ? rows : run;
  if (8 * count(f, c, MEXIT_PLANAR_HALVES) <= 7 * whole) return MEXIT_PLANAR_HALVES;
  return rows <= run ? MEXIT_PLANAR_ROWS : MEXIT_PLANAR_RUN;
}

int32_t mexit_planar_vector_count(const mexit_planar_family *f, const mexit_conv2d *c) {
  return (int32_t)count(f, c, mexit_planar_grid_of(f, c));
}

/* Adds lanes to the last segment if they continue it in memory, else starts a new one. */
static void append(mexit_planar_segment *segments, int32_t begin, int32_t *end, int64_t y_offset, uint32_t lanes) {
  if (*end > begin && segments[*end - 1].y_offset == y_offset) segments[*end - 1].lanes |= lanes;
  else segments[(*end)++] = (mexit_planar_segment){(int32_t)y_offset, lanes};
}

static uint32_t lane_range(int32_t begin, int32_t end) { return (uint32_t)(((uint64_t)1 << end) - ((uint64_t)1 << begin)); }

static void fill_run(const mexit_planar_family *f, const mexit_conv2d *c, int32_t index, mexit_planar_vector *v,
                      mexit_planar_segment *segments) {
  const int64_t stride = c->x.row_stride, first = (int64_t)index * f->lanes;
  v->x_low = v->x_high = (int32_t)first;
  for (int64_t row = first / stride; row < c->y.height && row * stride < first + f->lanes; row++) {
    const int64_t begin = row * stride - first, end = begin + c->y.width;
    const int32_t low = begin > 0 ? (int32_t)begin : 0, high = least(f->lanes, end < f->lanes ? (int32_t)end : f->lanes);
    if (low < high) append(segments, v->segment_begin, &v->segment_end, row * c->y.row_stride - begin, lane_range(low, high));
  }
}

static void fill_rows(const mexit_planar_family *f, const mexit_conv2d *c, int32_t index, mexit_planar_vector *v,
                      mexit_planar_segment *segments) {
  const int32_t per_row = (c->y.width + f->lanes - 1) / f->lanes, row = index / per_row, column = index % per_row * f->lanes;
  v->x_low = v->x_high = (int32_t)(row * c->x.row_stride + column);
  append(segments, v->segment_begin, &v->segment_end, row * c->y.row_stride + column,
         lane_range(0, least(f->lanes, c->y.width - column)));
}

static void fill_halves(const mexit_planar_family *f, const mexit_conv2d *c, int32_t index, mexit_planar_vector *v,
                      mexit_planar_segment *segments) {
  const int32_t half = f->lanes / 2, per_row = (c->y.width + half - 1) / half;
  for (int32_t part = 0; part < 2; part++) {
    const int64_t number = 2 * (int64_t)index + part, row = number / per_row;
    const int32_t column = (int32_t)(number % per_row) * half;
    if (row >= c->y.height) { /* an odd half left over */
      v->x_high = v->x_low;
      return;
    }
    const int64_t x_offset = row * c->stride_h * c->x.row_stride + (int64_t)column * c->stride_w;
    if (part == 0) v->x_low = (int32_t)x_offset;
    else v->x_high = (int32_t)x_offset;
    const int32_t low = part * half;
    append(segments, v->segment_begin, &v->segment_end, row * c->y.row_stride + column - low,
           lane_range(low, low + least(half, c->y.width - column)));
  }
}

int32_t mexit_planar_fill_vectors(const mexit_planar_family *f, const mexit_conv2d *c, mexit_planar_vector *vectors,
                                  mexit_planar_segment *segments) {
  const mexit_planar_grid grid = mexit_planar_grid_of(f, c);
  const int32_t vector_count = mexit_planar_vector_count(f, c);
  int32_t used = 0;
  for (int32_t i = 0; i < vector_count; i++) {
    vectors[i].segment_begin = vectors[i].segment_end = used;
    if (grid == MEXIT_PLANAR_RUN) fill_run(f, c, i, &vectors[i], segments);
    else if (grid == MEXIT_PLANAR_ROWS) fill_rows(f, c, i, &vectors[i], segments);
    else fill_halves(f, c, i, &vectors[i], segments);
    used = vectors[i].segment_end;
  }
  return used;
}
