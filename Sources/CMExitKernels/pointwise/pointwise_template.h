/* Plain loops over the pixels of a plane, compiled once per instruction set by the file that includes this: the compiler
 * makes the vectors. Every operation is per element and rounds once per written operation, so all versions agree bit for
 * bit. NAME(f) must add the suffix of the instruction set. */
#pragma STDC FP_CONTRACT OFF

static void NAME(scale_shift)(const mexit_plane *p, const float *x, float *y, float scale, float bias, bool relu) {
  for (int32_t row = 0; row < p->height; row++, x += p->x_stride, y += p->y_stride) {
    if (relu) {
      for (int32_t i = 0; i < p->width; i++) {
        const float v = __builtin_fmaf(scale, x[i], bias);
        y[i] = v < 0.0f ? 0.0f : v;
      }
    } else {
      for (int32_t i = 0; i < p->width; i++) y[i] = __builtin_fmaf(scale, x[i], bias);
    }
  }
}

#define EACH_PIXEL(expression)                                                                  \
  for (int32_t row = 0; row < p->height; row++, x += p->x_stride, y += p->y_stride) {           \
    for (int32_t i = 0; i < p->width; i++) {                                                    \
      const float v = x[i];                                                                     \
      y[i] = (expression);                                                                      \
    }                                                                                           \
  }
static void NAME(unary)(const mexit_plane *p, mexit_unary op, float parameter, const float *x, float *y) {
  switch (op) {
  case MEXIT_UNARY_RELU:
    EACH_PIXEL(v < 0.0f ? 0.0f : v)
    break;
  case MEXIT_UNARY_RELU6:
    EACH_PIXEL(v < 0.0f ? 0.0f : v > 6.0f ? 6.0f : v)
    break;
  case MEXIT_UNARY_LEAKY_RELU:
    EACH_PIXEL(v < 0.0f ? parameter * v : v)
    break;
  case MEXIT_UNARY_HARD_SWISH:
    EACH_PIXEL(v * (v + 3.0f < 0.0f ? 0.0f : v + 3.0f > 6.0f ? 6.0f : v + 3.0f) / 6.0f)
    break;
  default:
    EACH_PIXEL(v)
    break;
  }
}
#undef EACH_PIXEL

static void NAME(add)(const mexit_plane *p, const float *a, const float *b, int64_t b_stride, float *y, bool relu) {
  for (int32_t row = 0; row < p->height; row++, a += p->x_stride, b += b_stride, y += p->y_stride) {
    if (relu) {
      for (int32_t i = 0; i < p->width; i++) {
        const float v = a[i] + b[i];
        y[i] = v < 0.0f ? 0.0f : v;
      }
    } else {
      for (int32_t i = 0; i < p->width; i++) y[i] = a[i] + b[i];
    }
  }
}

/* Stride as a constant where it is 1 or 2: the compiler makes vectors of those. */
#define EACH_OUTPUT(statement)                                                       \
  if (p->stride_w == 1) {                                                            \
    for (int32_t w = begin; w < end; w++) {                                          \
      const float v = from[w];                                                       \
      statement;                                                                     \
    }                                                                                \
  } else if (p->stride_w == 2) {                                                     \
    for (int32_t w = begin; w < end; w++) {                                          \
      const float v = from[2 * w];                                                   \
      statement;                                                                     \
    }                                                                                \
  } else {                                                                           \
    for (int32_t w = begin; w < end; w++) {                                          \
      const float v = from[(int64_t)w * p->stride_w];                                \
      statement;                                                                     \
    }                                                                                \
  }

/* Tap by tap over a whole output row, each tap over the outputs whose window has it inside the image. A NaN stays. */
static void NAME(max_pool_row)(const mexit_pool2d *p, const float *x, int32_t h, float *restrict y) {
  for (int32_t w = 0; w < p->y.width; w++) y[w] = -__builtin_inff();
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    const int64_t row = (int64_t)h * p->stride_h - p->pad_h + ky;
    if (row < 0 || row >= p->x.height) continue;
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      int32_t begin, end;
      mexit_pool_range(kx, p->stride_w, p->pad_w, p->x.width, p->y.width, &begin, &end);
      const float *from = x + row * p->x.row_stride + kx - p->pad_w;
      EACH_OUTPUT(y[w] = v > y[w] || v != v ? v : y[w])
    }
  }
}
/* Some outputs of a row, by way of the largest values of each column of their windows: kernel_h + kernel_w taps instead of
 * kernel_h * kernel_w. `left` is the first window's first column; y has `outputs` values. */
enum { POOL_COLUMNS = 512 };
static void NAME(max_pool_columns)(const mexit_pool2d *p, const float *x, int32_t h, int64_t left, int32_t outputs, float *restrict y) {
  float column[POOL_COLUMNS + 16];
  const int64_t columns = (int64_t)(outputs - 1) * p->stride_w + p->kernel_w;
  const int64_t begin = left < 0 ? -left : 0, end = left + columns > p->x.width ? p->x.width - left : columns;
  for (int32_t i = 0; i < (int32_t)columns; i++) column[i] = -__builtin_inff();
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    const int64_t row = (int64_t)h * p->stride_h - p->pad_h + ky;
    if (row < 0 || row >= p->x.height) continue;
    const float *from = x + row * p->x.row_stride + left;
    for (int64_t i = begin; i < end; i++) {
      const float v = from[i];
      column[i] = v > column[i] || v != v ? v : column[i];
    }
  }
  for (int32_t w = 0; w < outputs; w++) y[w] = -__builtin_inff();
  for (int32_t kx = 0; kx < p->kernel_w; kx++) {
    const float *from = column + kx;
    if (p->stride_w == 2) {
      for (int32_t w = 0; w < outputs; w++) {
        const float v = from[2 * w];
        y[w] = v > y[w] || v != v ? v : y[w];
      }
    } else {
      for (int32_t w = 0; w < outputs; w++) {
        const float v = from[w * p->stride_w];
        y[w] = v > y[w] || v != v ? v : y[w];
      }
    }
  }
}

static void NAME(max_pool)(const mexit_pool2d *p, const float *x, float *y) {
  const int64_t most = ((int64_t)POOL_COLUMNS - p->kernel_w) / p->stride_w + 1; /* outputs whose windows fit */
  for (int32_t h = 0; h < p->y.height; h++, y += p->y.row_stride) {
    if (p->kernel_h == 1 || p->kernel_w > 16 || p->stride_w > 16) {
      NAME(max_pool_row)(p, x, h, y);
      continue;
    }
    for (int32_t w = 0; w < p->y.width; w += (int32_t)most) {
      const int32_t outputs = p->y.width - w < most ? p->y.width - w : (int32_t)most;
      NAME(max_pool_columns)(p, x, h, (int64_t)w * p->stride_w - p->pad_w, outputs, y + w);
    }
  }
}

static void NAME(avg_pool_row)(const mexit_pool2d *p, const float *x, int32_t h, float *restrict y) {
  int32_t rows = 0;
  for (int32_t w = 0; w < p->y.width; w++) y[w] = 0.0f;
  for (int32_t ky = 0; ky < p->kernel_h; ky++) {
    const int64_t row = (int64_t)h * p->stride_h - p->pad_h + ky;
    if (row < 0 || row >= p->x.height) continue;
    rows++;
    for (int32_t kx = 0; kx < p->kernel_w; kx++) {
      int32_t begin, end;
      mexit_pool_range(kx, p->stride_w, p->pad_w, p->x.width, p->y.width, &begin, &end);
      const float *from = x + row * p->x.row_stride + kx - p->pad_w;
      EACH_OUTPUT(y[w] += v)
    }
  }
  if (p->count_include_pad) rows = p->kernel_h;
  for (int32_t w = 0; w < p->y.width; w++) {
    const int64_t left = (int64_t)w * p->stride_w - p->pad_w, right = left + p->kernel_w;
    const int64_t inside = (right < p->x.width ? right : p->x.width) - (left > 0 ? left : 0);
    const int64_t columns = p->count_include_pad ? p->kernel_w : inside;
    y[w] = y[w] / (float)(rows * columns);
  }
}
#undef EACH_OUTPUT

/* Outputs with no padding that stand in a row of a plane, or one in each plane, `step` floats of x and `y_step` of y apart: too
 * few for vectors over a row. The same sums, eight at a time in registers. */
static void NAME(avg_pool_few)(const mexit_pool2d *p, const float *x, int64_t step, float *y, int64_t y_step, int32_t count) {
  enum { AT_ONCE = 8 };
  const float window = (float)(p->kernel_h * p->kernel_w);
  for (int32_t first = 0; first < count; first += AT_ONCE, x += AT_ONCE * step, y += AT_ONCE * y_step) {
    float sum[AT_ONCE] = {0};
    const int32_t here = count - first < AT_ONCE ? count - first : AT_ONCE;
    for (int32_t ky = 0; ky < p->kernel_h; ky++) {
      for (int32_t kx = 0; kx < p->kernel_w; kx++) {
        const float *from = x + ky * p->x.row_stride + kx;
        if (here == AT_ONCE) {
          for (int j = 0; j < AT_ONCE; j++) sum[j] += from[j * step];
        } else {
          for (int j = 0; j < here; j++) sum[j] += from[j * step];
        }
      }
    }
    for (int j = 0; j < here; j++) y[j * y_step] = sum[j] / window;
  }
}

static void NAME(avg_pool)(const mexit_pool2d *p, const float *x, float *y) {
  const bool whole = p->pad_h == 0 && p->pad_w == 0;
  if (whole && p->y.height == 1 && p->y.width == 1) {
    NAME(avg_pool_few)(p, x, p->x.channel_stride, y, p->y.channel_stride, p->y.channels);
    return;
  }
  for (int32_t c = 0; c < p->y.channels; c++, x += p->x.channel_stride, y += p->y.channel_stride) {
    for (int32_t h = 0; h < p->y.height; h++) {
      float *to = y + h * p->y.row_stride;
      if (whole && p->y.width < 16) NAME(avg_pool_few)(p, x + (int64_t)h * p->stride_h * p->x.row_stride, p->stride_w, to, 1, p->y.width);
      else NAME(avg_pool_row)(p, x, h, to);
    }
  }
}

/* Eight at a time, the last eight over some of those before: a call of memset takes longer than most halos. */
static inline __attribute__((always_inline)) void NAME(zero)(float *y, int64_t count) {
  if (count < 8) {
    for (int64_t i = 0; i < count; i++) y[i] = 0.0f;
    return;
  }
  for (int64_t i = 0; i + 8 < count; i += 8) __builtin_memset(y + i, 0, 8 * sizeof(float));
  __builtin_memset(y + count - 8, 0, 8 * sizeof(float));
}

static void NAME(clear_halo)(const mexit_map *m, float *y) {
  const int64_t border = mexit_map_origin(m), beside = m->row_stride - m->width;
  for (int32_t c = 0; c < m->channels; c++, y += m->channel_stride) {
    NAME(zero)(y - border, border);
    for (int32_t row = 0; row < m->height; row++) {
      float *after = y + row * m->row_stride + m->width;
      for (int64_t i = 0; i < beside; i++) after[i] = 0.0f;
    }
    NAME(zero)(y + m->height * m->row_stride, m->halo * m->row_stride);
  }
}

/* Each row of x that is needed is resized along its columns once, into the half of `rows` that its parity names: the two
 * rows between which an output row lies differ in it. */
static void NAME(resize)(const mexit_resize_strip *t, const float *x, float *y) {
  float rows[2][MEXIT_RESIZE_STRIP];
  int32_t held[2] = {-1, -1};
  for (int32_t h = 0; h < t->y.height; h++) {
    const mexit_resize_tap between = mexit_resize_tap_of(h, t->x.height, t->y.height, t->align_corners);
    for (int32_t row = between.low; row <= between.high; row++) {
      if (held[row & 1] == row) continue;
      held[row & 1] = row;
      const float *from = x + row * t->x.row_stride;
      float *to = rows[row & 1];
      for (int32_t i = 0; i < t->count; i++) {
        const float a = from[t->low[i]], b = from[t->high[i]];
        to[i] = __builtin_fmaf(t->weight[i], b - a, a);
      }
    }
    const float *a = rows[between.low & 1], *b = rows[between.high & 1];
    const float weight = between.weight;
    float *to = y + h * t->y.row_stride + t->first;
    for (int32_t i = 0; i < t->count; i++) to[i] = __builtin_fmaf(weight, b[i] - a[i], a[i]);
  }
}
