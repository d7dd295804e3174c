/* Convolution in squares of 2 x 2 outputs for one instruction set. Needs a vectors/vec_*.h, conv2d_planes_template.h, NAME(f),
 * which adds the suffix, and FUNCTION(method, f), the name of a function of the kernel for the list. */
#include "../vectors/unroll.h"

static const mexit_squares_family NAME(squares_family) = {V};

enum { NAME(SQUARES) = V / 4 };

/* The lanes of the squares' first columns. */
#define FIRST 0x1111u

ALWAYS_INLINE void NAME(squares_group)(const bool halves, const mexit_squares_inputs *in) {
  const float *low = in->low, *high = in->high;
  float *to = in->points;
  for (int64_t i = 0; i < in->channels; i++, low += in->channel_stride, high += in->channel_stride, to += MEXIT_SQUARES_POINTS * V) {
    vf row[5], next[5]; /* e0 o0 e1 o1 e2, and the same two columns on */
    UNROLL for (int r = 0; r < 5; r++) {
      const int64_t at = r * in->row_stride;
      row[r] = halves ? vload_halves(low + at, high + at) : vload(low + at);
      next[r] = halves ? vload_halves(low + at + 2, high + at + 2) : vload(low + at + 2);
    }
    const vf point[5] = {vsub(row[0], row[2]), row[1], row[2], vsub(row[4], row[2]), row[3]};
    const vf point_next[5] = {vsub(next[0], next[2]), next[1], next[2], vsub(next[4], next[2]), next[3]};
    vf c[5];
    UNROLL for (int r = 0; r < 5; r++) {
      vstore(to + r * V, vsub_bits(point[r], FIRST, point_next[r]));
      c[r] = vsub(point_next[r], point[r]);
    }
    vstore(to + 5 * V, vthirds(c[0], c[1], c[3], c[4]));
    vstore(to + 6 * V, c[2]);
  }
}
#undef FIRST

static void NAME(squares_transform)(bool halves, const mexit_squares_inputs *in) {
  if (halves) NAME(squares_group)(true, in);
  else NAME(squares_group)(false, in);
}

/* Adds one row of points, of 0 ... 4, into the sums A, B and C of each square. */
ALWAYS_INLINE void NAME(squares_row)(const int row, const int vectors, const bool fetching, vf sum[NAME(SQUARES)][3][MEXIT_SQUARES_MAX_VECTORS],
                                     const float *points, const vf w[3][MEXIT_SQUARES_MAX_VECTORS], mexit_ahead_loop *ahead) {
  const float *x = points + row * V, *c = points + (row == 2 ? 6 * V + 2 : 5 * V + (row > 2 ? row - 1 : row));
  if (fetching) MEXIT_AHEAD_STEP(*ahead);
  UNROLL for (int s = 0; s < NAME(SQUARES); s++) {
    const vf left = vset1(x[4 * s]), right = vset1(c[4 * s]);
    UNROLL for (int j = 0; j < vectors; j++) sum[s][0][j] = vfma(w[0][j], left, sum[s][0][j]);
    UNROLL for (int j = 0; j < vectors; j++) sum[s][2][j] = vfma(w[2][j], right, sum[s][2][j]);
  }
  UNROLL for (int s = 0; s < NAME(SQUARES); s++) {
    const vf even = vset1(x[4 * s + 2]);
    UNROLL for (int j = 0; j < vectors; j++) sum[s][1][j] = vfma(vadd(w[0][j], w[2][j]), even, sum[s][1][j]);
  }
  if (fetching) MEXIT_AHEAD_STEP(*ahead);
  UNROLL for (int s = 0; s < NAME(SQUARES); s++) {
    const vf left = vset1(x[4 * s + 1]), right = vset1(x[4 * s + 3]);
    UNROLL for (int j = 0; j < vectors; j++) sum[s][0][j] = vfma(w[1][j], left, sum[s][0][j]);
    UNROLL for (int j = 0; j < vectors; j++) sum[s][2][j] = vfma(w[1][j], right, sum[s][2][j]);
  }
}

/* The sums A, B or C (phase 0, 1 and 2) along columns. */
ALWAYS_INLINE void NAME(squares_phase)(const int phase, const int vectors, const bool fetching, const mexit_squares_tile *t) {
  enum { SQUARES = NAME(SQUARES) };
  vf sum[SQUARES][3][MEXIT_SQUARES_MAX_VECTORS];
  float *sums = t->sums + phase * 3 * SQUARES * vectors * V;
  UNROLL for (int s = 0; s < SQUARES; s++)
    UNROLL for (int k = 0; k < 3; k++)
      UNROLL for (int j = 0; j < vectors; j++) sum[s][k][j] = t->first ? vzero() : vload(sums + ((k * SQUARES + s) * vectors + j) * V);
  const float *points = t->points, *weights = t->weights;
  mexit_ahead_loop ahead = t->ahead;
  for (int64_t i = 0; i < t->channels; i++, points += MEXIT_SQUARES_POINTS * V, weights += 9 * vectors * V) {
    vf w[3][MEXIT_SQUARES_MAX_VECTORS];
    UNROLL for (int k = 0; k < 3; k++) {
      UNROLL for (int j = 0; j < vectors; j++) {
        const float *upper = weights + (k * vectors + j) * V, *lower = upper + 6 * vectors * V;
        w[k][j] = phase == 0 ? vload(upper) : phase == 1 ? vadd(vload(upper), vload(lower)) : vload(lower);
      }
    }
    NAME(squares_row)(phase == 0 ? 0 : phase + 1, vectors, fetching, sum, points, w, &ahead);
    if (phase == 1) continue;
    UNROLL for (int k = 0; k < 3; k++)
      UNROLL for (int j = 0; j < vectors; j++) w[k][j] = vload(weights + ((3 + k) * vectors + j) * V);
    NAME(squares_row)(phase == 0 ? 1 : 4, vectors, fetching, sum, points, w, &ahead);
  }
  UNROLL for (int s = 0; s < SQUARES; s++)
    UNROLL for (int k = 0; k < 3; k++)
      UNROLL for (int j = 0; j < vectors; j++) vstore(sums + ((k * SQUARES + s) * vectors + j) * V, sum[s][k][j]);
}

/* All phases; what is fetched ahead goes on from one to the next. Fetching takes load ports even where nothing is due. */
#define COMPUTE(vectors, fetching)                                                            \
  static void NAME(squares_compute_##vectors##_##fetching)(const mexit_squares_tile *tile) {  \
    mexit_squares_tile t = *tile;                                                             \
    NAME(squares_phase)(0, vectors, fetching, &t);                                            \
    t.ahead.from += 4 * t.channels * t.ahead.step;                                            \
    NAME(squares_phase)(1, vectors, fetching, &t);                                            \
    t.ahead.from += 2 * t.channels * t.ahead.step;                                            \
    NAME(squares_phase)(2, vectors, fetching, &t);                                            \
  }
COMPUTE(1, 0) COMPUTE(1, 1) COMPUTE(2, 0) COMPUTE(2, 1)
#undef COMPUTE

static void NAME(squares_compute)(int vectors, const mexit_squares_tile *t) {
  if (t->ahead.step == 0) (vectors == 1 ? NAME(squares_compute_1_0) : NAME(squares_compute_2_0))(t);
  else (vectors == 1 ? NAME(squares_compute_1_1) : NAME(squares_compute_2_1))(t);
}

static void NAME(squares_combine)(int vectors, const mexit_squares_outputs *out) {
  const int64_t width = vectors * V;
  for (int64_t at = 0; at < width; at += V) {
    vf left[3], right[3];
    UNROLL for (int k = 0; k < 3; k++) {
      const float *sums = out->sums + 3 * k * out->sums_stride + at;
      const vf middle = vload(sums + out->sums_stride);
      left[k] = vadd(vload(sums), middle);
      right[k] = vadd(vload(sums + 2 * out->sums_stride), middle);
    }
    UNROLL for (int row = 0; row < 2; row++) {
      float *to = out->pixels + row * out->row + at;
      const vf l = vadd(left[2 * row], left[1]), r = vadd(right[2 * row], right[1]);
      vstore(to, vadd(l, vload(out->bias != NULL ? out->bias + at : to)));
      vstore(to + width, vadd(r, vload(out->bias != NULL ? out->bias + at : to + width)));
    }
  }
}

bool FUNCTION(squares, supports)(const mexit_conv2d *c) { return mexit_squares_supports(c); }
double FUNCTION(squares, cost)(const mexit_conv2d *c) { return mexit_squares_cost(&NAME(squares_family), c); }
size_t FUNCTION(squares, packed_floats)(const mexit_conv2d *c) { return mexit_squares_packed_floats(&NAME(squares_family), c); }
void FUNCTION(squares, pack)(const mexit_conv2d *c, const float *weight, const float *bias, float *packed) {
  mexit_squares_pack(&NAME(squares_family), c, weight, bias, packed);
}
size_t FUNCTION(squares, units)(const mexit_conv2d *c) { return mexit_squares_units(&NAME(squares_family), c); }
size_t FUNCTION(squares, scratch_floats)(const mexit_conv2d *c) { return mexit_squares_scratch_floats(&NAME(squares_family), c); }
void FUNCTION(squares, run)(const mexit_conv2d *c, const float *packed, const mexit_conv2d_run *run) {
  const mexit_squares_isa isa = {&NAME(squares_family), NAME(squares_transform), NAME(squares_compute), NAME(squares_combine), NAME(planes_store)};
  mexit_squares_run(&isa, c, packed, run);
}
