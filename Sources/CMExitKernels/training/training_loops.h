#pragma once
/* The element-wise loops and sums of training, written once over the lanes of lanes_*.h. Each .c that includes this file
 * defines one table of them; training_dispatch.c takes the table of the best instruction set.
 *
 * A plane is walked as one long row of whole vectors wherever its layouts allow that, halo between the rows included: sums
 * find zeros there, and what is stored there is kept zero by `bits`, one per position, unset in the halo. NULL where no
 * halo is in between. */
#include "../vectors/unroll.h"
#include "training_table.h"

static void add_sum(double *to, D s) { *to += d_sum(s); }

/* a where `bits` has a pixel at position i and after. */
static V kept(const uint8_t *bits, int32_t i, V a) { return bits ? v_keep(bits, i, a) : a; }

/* Channels that are summed side by side: neighbouring planes are read in the order in which they lie in memory, sample by sample, so
 * that the processor sees long streams. Their sums wait in the first-level cache. */
#define SIDE_BY_SIDE 64

/* Asks for what stands so far behind p: planes and samples mostly lie back to back, and the processor's own fetching ahead starts
 * anew with every page. */
#define AHEAD 1024
static void fetch_ahead(const float *p) { __builtin_prefetch(p + AHEAD, 0, 2); }

static void statistics(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const float *const *x, size_t n,
                       const float *shift, double *sum, double *sum_squares) {
  for (int32_t first = 0; first < xm->channels; first += SIDE_BY_SIDE) {
    const int32_t end = xm->channels - first < SIDE_BY_SIDE ? xm->channels : first + SIDE_BY_SIDE;
    D s[SIDE_BY_SIDE], q[SIDE_BY_SIDE];
    for (int32_t c = 0; c < end - first; c++) s[c] = q[c] = d_zero();
    for (size_t k = 0; k < n; k++)
      for (int32_t c = first; c < end; c++) {
        D sc = s[c - first], qc = q[c - first];
        V m = v_set1(shift ? shift[c] : 0);
        for (int32_t r = 0; r < h; r++) {
          const float *xr = x[k] + c * xm->channel_stride + r * xm->row_stride;
          for (int32_t i = 0; i < w; i += LANES) {
            fetch_ahead(xr + i);
            V a = v_load(xr + i, w - i), b = kept(bits, i, v_first(v_sub(a, m), w - i));
            sc = d_add(sc, a);
            qc = d_fma(qc, b, b);
          }
        }
        s[c - first] = sc, q[c - first] = qc;
      }
    for (int32_t c = first; c < end; c++) {
      if (sum) add_sum(sum + c, s[c - first]);
      if (sum_squares) add_sum(sum_squares + c, q[c - first]);
    }
  }
}

static void normalize(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const mexit_map *ym, const float *const *x,
                      float *const *y, size_t n, const float *scale, const float *shift, bool relu) {
  V zero = v_set1(0);
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < xm->channels; c++) {
      V a = v_set1(scale[c]), b = v_set1(shift[c]);
      for (int32_t r = 0; r < h; r++) {
        const float *xr = x[k] + c * xm->channel_stride + r * xm->row_stride;
        float *to = y[k] + c * ym->channel_stride + r * ym->row_stride;
        for (int32_t i = 0; i < w; i += LANES) {
          fetch_ahead(xr + i);
          __builtin_prefetch(to + i + AHEAD, 1, 2);
          V v = v_fused(a, v_load(xr + i, w - i), b);
          if (relu) v = v_max(v, zero);
          v_store(to + i, kept(bits, i, v), w - i);
        }
      }
    }
}

/* reduce and apply take up to this many losses at a time: what they share, x, the mask and x_hat, is then read and made once, and
 * the sums of that many still fit in registers. The number is a constant in the functions that they are inlined into. Plain C
 * takes one at a time, because compilers vectorise only the simple loop. */
#define LOSSES 4
/* Vectors whose sum is taken in single precision before it joins one in double: converting costs more than adding. */
#define SHORT_SUM 16
#define LOSSES_AT_ONCE(n) (LANES == 1 ? 1 : (n) < LOSSES ? (n) : LOSSES)
#define FOR_LOSSES UNROLL for (int32_t l = 0; l < losses; l++)

ALWAYS_INLINE void reduce_some(
    int32_t h, int32_t w, const mexit_map *xm, const mexit_map *dym, const float *const *x, const float *const *const *dy,
    const int32_t losses, const float *scale, const float *shift, size_t first, size_t n, const float *mean,
    const float *inv_std, double *sums) {
  const int32_t across = (w + LANES - 1) / LANES, rows = across < SHORT_SUM ? SHORT_SUM / across : 1;
  const int32_t some = SIDE_BY_SIDE / losses;
  for (int32_t from = 0; from < xm->channels; from += some) {
    const int32_t end = xm->channels - from < some ? xm->channels : from + some;
    D sums_of[SIDE_BY_SIDE], products_of[SIDE_BY_SIDE];
    for (int32_t i = 0; i < (end - from) * losses; i++) sums_of[i] = products_of[i] = d_zero();
    for (size_t k = first; k < first + n; k++)
      for (int32_t c = from; c < end; c++) {
        V m = v_set1(mean[c]), f = v_set1(inv_std[c]), u = v_set1(scale ? scale[c] : 0), t = v_set1(scale ? shift[c] : 0);
        for (int32_t top = 0; top < h; top += rows)
          for (int32_t left = 0; left < w; left += SHORT_SUM * LANES) {
            int32_t bottom = h - top < rows ? h : top + rows;
            int32_t right = w - left < SHORT_SUM * LANES ? w : left + SHORT_SUM * LANES;
            V gs[LOSSES], gq[LOSSES];
            FOR_LOSSES gs[l] = gq[l] = v_set1(0);
            for (int32_t r = top; r < bottom; r++) {
              /* Found anew per row: kept from row to row they would take the registers of the sums. */
              const float *xr = x[k] + c * xm->channel_stride + r * xm->row_stride, *gr[LOSSES];
              FOR_LOSSES gr[l] = dy[l][k] + c * dym->channel_stride + r * dym->row_stride;
              for (int32_t i = left; i < right; i += LANES) {
                fetch_ahead(xr + i);
                V a = v_load(xr + i, w - i), x_hat = v_mul(v_sub(a, m), f), y = v_fused(u, a, t);
                FOR_LOSSES {
                  fetch_ahead(gr[l] + i);
                  V g = v_load(gr[l] + i, w - i); /* zero beyond the row, so that the products are too */
                  if (scale) g = v_where_positive(y, g);
                  gs[l] = v_add(gs[l], g);
                  gq[l] = v_fma(g, x_hat, gq[l]);
                }
              }
            }
            D *s = sums_of + (c - from) * losses, *q = products_of + (c - from) * losses;
            FOR_LOSSES s[l] = d_add(s[l], gs[l]), q[l] = d_add(q[l], gq[l]);
          }
      }
    for (int32_t c = from; c < end; c++)
      FOR_LOSSES {
        double *own = sums + 2 * (int64_t)l * xm->channels + c;
        add_sum(own, sums_of[(c - from) * losses + l]);
        add_sum(own + xm->channels, products_of[(c - from) * losses + l]);
      }
  }
}

static void reduce(int32_t h, int32_t w, const mexit_map *xm, const mexit_map *dym, const float *const *x,
                   const float *const *const *dy, int32_t losses, const float *scale, const float *shift, size_t first,
                   size_t n, const float *mean, const float *inv_std, double *sums) {
  for (int32_t some; losses > 0; losses -= some, dy += some, sums += 2 * (int64_t)some * xm->channels)
    switch (some = LOSSES_AT_ONCE(losses)) {
      case 1: reduce_some(h, w, xm, dym, x, dy, 1, scale, shift, first, n, mean, inv_std, sums); break;
      case 2: reduce_some(h, w, xm, dym, x, dy, 2, scale, shift, first, n, mean, inv_std, sums); break;
      case 3: reduce_some(h, w, xm, dym, x, dy, 3, scale, shift, first, n, mean, inv_std, sums); break;
      default: reduce_some(h, w, xm, dym, x, dy, LOSSES, scale, shift, first, n, mean, inv_std, sums);
    }
}

ALWAYS_INLINE void apply_some(
    int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm, const float *const *x,
    const float *const *const *dy, const int32_t losses, const float *scale, const float *shift, float *const *const *dx,
    size_t first, size_t n, const float *mean, const float *abd, const bool *accumulate) {
  bool add[LOSSES];
  FOR_LOSSES add[l] = accumulate[l];
  for (size_t k = first; k < first + n; k++)
    for (int32_t c = 0; c < xm->channels; c++) {
      V va[LOSSES], vb[LOSSES], vd[LOSSES], vm = v_set1(mean[c]), u = v_set1(scale ? scale[c] : 0), t = v_set1(scale ? shift[c] : 0);
      FOR_LOSSES {
        const float *own = abd + 3 * (int64_t)l * xm->channels + c;
        va[l] = v_set1(own[0]), vb[l] = v_set1(own[xm->channels]), vd[l] = v_set1(own[2 * (int64_t)xm->channels]);
      }
      const float *xr = x[k] + c * xm->channel_stride, *gr[LOSSES];
      float *to[LOSSES];
      FOR_LOSSES gr[l] = dy[l][k] + c * dym->channel_stride, to[l] = dx[l][k] + c * dxm->channel_stride;
      for (int32_t r = 0; r < h; r++) {
        for (int32_t i = 0; i < w; i += LANES) {
          fetch_ahead(xr + i);
          V a = v_load(xr + i, w - i), centred = v_sub(a, vm), y = v_fused(u, a, t);
          FOR_LOSSES {
            fetch_ahead(gr[l] + i);
            V g = v_load(gr[l] + i, w - i);
            if (scale) g = v_where_positive(y, g);
            V v = kept(bits, i, v_fma(va[l], g, v_fma(vb[l], centred, vd[l])));
            if (add[l]) v = v_add(v, v_load(to[l] + i, w - i));
            v_store(to[l] + i, v, w - i);
          }
        }
        xr += xm->row_stride;
        FOR_LOSSES gr[l] += dym->row_stride, to[l] += dxm->row_stride;
      }
    }
}

static void apply(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                  const float *const *x, const float *const *const *dy, int32_t losses, const float *scale,
                  const float *shift, float *const *const *dx, size_t first, size_t n, const float *mean,
                  const float *abd, const bool *accumulate) {
  for (int32_t some; losses > 0;
       losses -= some, dy += some, dx += some, accumulate += some, abd += 3 * (int64_t)some * xm->channels)
    switch (some = LOSSES_AT_ONCE(losses)) {
      case 1: apply_some(h, w, bits, xm, dym, dxm, x, dy, 1, scale, shift, dx, first, n, mean, abd, accumulate); break;
      case 2: apply_some(h, w, bits, xm, dym, dxm, x, dy, 2, scale, shift, dx, first, n, mean, abd, accumulate); break;
      case 3: apply_some(h, w, bits, xm, dym, dxm, x, dy, 3, scale, shift, dx, first, n, mean, abd, accumulate); break;
      default: apply_some(h, w, bits, xm, dym, dxm, x, dy, LOSSES, scale, shift, dx, first, n, mean, abd, accumulate);
    }
}

static void relu_backward(int32_t h, int32_t w, const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                          const float *const *x, const float *const *dy, float *const *dx, size_t n, bool accumulate) {
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < dxm->channels; c++)
      for (int32_t r = 0; r < h; r++) {
        const float *xr = x[k] + c * xm->channel_stride + r * xm->row_stride;
        const float *gr = dy[k] + c * dym->channel_stride + r * dym->row_stride;
        float *to = dx[k] + c * dxm->channel_stride + r * dxm->row_stride;
        for (int32_t i = 0; i < w; i += LANES) {
          V v = v_where_positive(v_load(xr + i, w - i), v_load(gr + i, w - i));
          if (accumulate) v = v_add(v, v_load(to + i, w - i));
          v_store(to + i, v, w - i);
        }
      }
}

static void copy(int32_t h, int32_t w, const mexit_map *dym, const mexit_map *dxm, const float *const *dy,
                 float *const *dx, size_t n, bool accumulate) {
  for (size_t k = 0; k < n; k++)
    for (int32_t c = 0; c < dxm->channels; c++)
      for (int32_t r = 0; r < h; r++) {
        const float *gr = dy[k] + c * dym->channel_stride + r * dym->row_stride;
        float *to = dx[k] + c * dxm->channel_stride + r * dxm->row_stride;
        for (int32_t i = 0; i < w; i += LANES) {
          V v = v_load(gr + i, w - i);
          if (accumulate) v = v_add(v, v_load(to + i, w - i));
          v_store(to + i, v, w - i);
        }
      }
}

static double dot(const float *a, const float *b, size_t count) {
  D s = d_zero(), t = d_zero();
  int64_t n = (int64_t)count, i = 0;
  for (; i + 2 * LANES <= n; i += 2 * LANES) {
    s = d_fma(s, v_load(a + i, LANES), v_load(b + i, LANES));
    t = d_fma(t, v_load(a + i + LANES, LANES), v_load(b + i + LANES, LANES));
  }
  for (; i < n; i += LANES) s = d_fma(s, v_load(a + i, n - i), v_load(b + i, n - i));
  return d_sum(s) + d_sum(t);
}

static void axpy(float alpha, const float *x, float *y, size_t count) {
  V a = v_set1(alpha);
  int64_t n = (int64_t)count;
  for (int64_t i = 0; i < n; i += LANES) v_store(y + i, v_fma(a, v_load(x + i, n - i), v_load(y + i, n - i)), n - i);
}

static void scale(float alpha, float *y, size_t count) {
  V a = v_set1(alpha);
  int64_t n = (int64_t)count;
  for (int64_t i = 0; i < n; i += LANES) v_store(y + i, v_mul(a, v_load(y + i, n - i)), n - i);
}

static void sgd(float *w, float *v, const float *g, size_t count, float lr, float momentum, float weight_decay,
                bool nesterov) {
  V rate = v_set1(-lr), mu = v_set1(momentum), decay = v_set1(weight_decay);
  int64_t n = (int64_t)count;
  for (int64_t i = 0; i < n; i += LANES) {
    V wi = v_load(w + i, n - i), gi = v_fma(decay, wi, v_load(g + i, n - i));
    V vi = v_fma(mu, v_load(v + i, n - i), gi);
    v_store(v + i, vi, n - i);
    v_store(w + i, v_fma(rate, nesterov ? v_fma(mu, vi, gi) : vi, wi), n - i);
  }
}

/* A finite value times zero is zero; an infinity or a NaN gives NaN, which the sum keeps. */
static bool all_finite(const float *x, size_t count) {
  V s = v_set1(0), zero = s;
  int64_t n = (int64_t)count;
  for (int64_t i = 0; i < n; i += LANES) s = v_fma(v_load(x + i, n - i), zero, s);
  return v_sum(s) == 0;
}

static void weave(int32_t h, int32_t w, const float *even, const float *odd, int64_t from_row, float *to, int64_t to_row,
                  bool accumulate) {
  for (int32_t r = 0; r < h; r++, even += from_row, odd += from_row, to += to_row)
    for (int32_t i = 0; i < w; i += 2 * LANES) {
      int64_t n = w - i, m = n - LANES; /* floats of the first and of the last vector */
      V a = v_load(even + i / 2, (n + 1) / 2), b = v_load(odd + i / 2, n / 2), v = v_woven_first(a, b);
      if (accumulate) v = v_add(v, v_load(to + i, n));
      v_store(to + i, v, n);
      if (m <= 0) continue;
      v = v_woven_last(a, b);
      if (accumulate) v = v_add(v, v_load(to + i + LANES, m));
      v_store(to + i + LANES, v, m);
    }
}

const mexit_training_table LANES_NAME(mexit_training_table) = {
    statistics, normalize, reduce, apply, relu_backward, copy, dot, axpy, scale, sgd, all_finite, weave,
};
