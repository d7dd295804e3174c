/* Lays Winograd's places along vectors. Rows of whole vectors are taken one by one, rows of half a vector two by two; all
 * others run on through the entries between strips, whose results are not stored. */
#include "conv2d_winograd_grid.h"

static int32_t smaller(int64_t a, int64_t b) { return (int32_t)(a < b ? a : b); }

mexit_winograd_grid mexit_winograd_grid_make(const mexit_winograd_family *f, const mexit_conv2d *c) {
  mexit_winograd_grid g = {.conv = c, .lanes = f->lanes, .pitch = c->y.width + 2};
  g.strips = (c->y.height + MEXIT_WINOGRAD_ROWS - 1) / MEXIT_WINOGRAD_ROWS;
  if (c->y.width % f->lanes == 0) {
    g.kind = MEXIT_WINOGRAD_ROW_BY_ROW;
    g.vectors = g.strips * (c->y.width / f->lanes);
  } else if (c->y.width == f->lanes / 2) {
    g.kind = MEXIT_WINOGRAD_HALVES;
    g.vectors = (g.strips + 1) / 2;
  } else {
    g.kind = MEXIT_WINOGRAD_FLAT;
    g.vectors = (int32_t)(((int64_t)g.strips * g.pitch - 2 + f->lanes - 1) / f->lanes);
  }
  return g;
}

int32_t mexit_winograd_low(const mexit_winograd_grid *g, int32_t v) {
  switch (g->kind) {
  case MEXIT_WINOGRAD_ROW_BY_ROW: {
    const int32_t per_row = g->conv->y.width / g->lanes;
    return v / per_row * g->pitch + v % per_row * g->lanes;
  }
  case MEXIT_WINOGRAD_HALVES: return 2 * v * g->pitch;
  case MEXIT_WINOGRAD_FLAT: break;
  }
  return v * g->lanes;
}

int32_t mexit_winograd_high(const mexit_winograd_grid *g, int32_t v) {
  if (g->kind != MEXIT_WINOGRAD_HALVES) return mexit_winograd_low(g, v) + g->lanes / 2;
  /* An odd strip left over goes twice; its second half is not stored. */
  return smaller(2 * (int64_t)v + 1, g->strips - 1) * g->pitch;
}

int32_t mexit_winograd_entries(const mexit_winograd_grid *g, int32_t begin, int32_t end) {
  const int32_t places = mexit_winograd_high(g, end - 1) + g->lanes / 2 + 2 - mexit_winograd_low(g, begin);
  return (places + g->lanes - 1) / g->lanes;
}

static uint32_t lane_range(int32_t begin, int32_t end) { return (uint32_t)(((uint64_t)1 << end) - ((uint64_t)1 << begin)); }

static int32_t rows_of(const mexit_winograd_grid *g, int64_t strip) {
  return smaller(g->conv->y.height - strip * MEXIT_WINOGRAD_ROWS, MEXIT_WINOGRAD_ROWS);
}

/* Segments of lanes [begin, end), which stand at places from `place` on and have `used` (of pitch) entries per strip in the
 * image. Lane 0 of strip s is at s * strip_stride + shift in the plane, plus its place in the strip. */
static int32_t cut(const mexit_winograd_grid *g, int64_t place, int32_t begin, int32_t end, int32_t used, int64_t strip_stride,
                   int64_t shift, mexit_winograd_segment *segments) {
  int32_t count = 0;
  for (int32_t lane = begin; lane < end;) {
    const int64_t at = place + lane - begin, strip = at / g->pitch;
    const int32_t entry = (int32_t)(at % g->pitch), stop = smaller(end, (int64_t)lane + g->pitch - entry);
    if (strip >= g->strips) break;
    const int32_t inside = smaller(stop, (int64_t)lane + used - entry);
    if (lane < inside)
      segments[count++] = (mexit_winograd_segment){(int32_t)(strip * strip_stride + shift + entry - lane), lane_range(lane, inside), rows_of(g, strip)};
    lane = stop;
  }
  return count;
}

int32_t mexit_winograd_x_segments(const mexit_winograd_grid *g, int64_t first, mexit_winograd_segment *segments) {
  const mexit_conv2d *c = g->conv;
  const int64_t shift = -c->pad_h * c->x.row_stride - c->pad_w;
  return cut(g, first, 0, g->lanes, g->pitch, MEXIT_WINOGRAD_ROWS * c->x.row_stride, shift, segments);
}

int32_t mexit_winograd_y_segments(const mexit_winograd_grid *g, int32_t v, mexit_winograd_segment *segments) {
  const mexit_conv2d *c = g->conv;
  const int64_t stride = MEXIT_WINOGRAD_ROWS * c->y.row_stride, low = mexit_winograd_low(g, v);
  if (g->kind != MEXIT_WINOGRAD_HALVES) return cut(g, low, 0, g->lanes, c->y.width, stride, 0, segments);
  const int32_t count = cut(g, low, 0, g->lanes / 2, c->y.width, stride, 0, segments);
  if (2 * v + 1 >= g->strips) return count;
  return count + cut(g, mexit_winograd_high(g, v), g->lanes / 2, g->lanes, c->y.width, stride, 0, segments + count);
}
