#pragma once
/* The loops that training_loops.h builds for each instruction set. h and w are rows and their length, taken from the maps
 * or, where every map has equal rows, 1 and a whole plane; `bits`, one per position of the plane, then tells pixels from halo
 * where something is stored or counted. */
#include "mexit_training.h"

typedef struct mexit_training_table {
  void (*statistics)(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const float *const *x, size_t n,
                     const float *shift, double *sum, double *sum_squares);
  void (*normalize)(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const mexit_map *ym,
                    const float *const *x, float *const *y, size_t n, const float *scale, const float *shift, bool relu);
  void (*reduce)(int32_t h, int32_t w, const mexit_map *xm, const mexit_map *dym, const float *const *x,
                 const float *const *const *dy, int32_t losses, const float *scale, const float *shift, size_t first,
                 size_t n, const float *mean, const float *inv_std, double *sums);
  void (*apply)(int32_t h, int32_t w, const uint8_t *bits, const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                const float *const *x, const float *const *const *dy, int32_t losses, const float *scale,
                const float *shift, float *const *const *dx, size_t first, size_t n, const float *mean, const float *abd,
                const bool *accumulate);
  void (*relu_backward)(int32_t h, int32_t w, const mexit_map *xm, const mexit_map *dym, const mexit_map *dxm,
                        const float *const *x, const float *const *dy, float *const *dx, size_t n, bool accumulate);
  void (*copy)(int32_t h, int32_t w, const mexit_map *dym, const mexit_map *dxm, const float *const *dy,
               float *const *dx, size_t n, bool accumulate);
  double (*dot)(const float *a, const float *b, size_t count);
  void (*axpy)(float alpha, const float *x, float *y, size_t count);
  void (*scale)(float alpha, float *y, size_t count);
  void (*sgd)(float *w, float *v, const float *g, size_t count, float lr, float momentum, float weight_decay,
              bool nesterov);
  bool (*all_finite)(const float *x, size_t count);
  /* to[0], to[1], to[2] ... (+)= even[0], odd[0], even[1] ..., w floats in each of h rows. */
  void (*weave)(int32_t h, int32_t w, const float *even, const float *odd, int64_t from_row, float *to, int64_t to_row,
                bool accumulate);
} mexit_training_table;

extern const mexit_training_table mexit_training_table__scalar, mexit_training_table__avx2, mexit_training_table__avx512;
/* The table of the best instruction set that may run here. */
const mexit_training_table *mexit_training_table_best(void);

static inline void mexit_zero_interior(const mexit_map *m, float *x) {
  for (int32_t c = 0; c < m->channels; c++)
    for (int32_t r = 0; r < m->height; r++)
      mexit_zero_f32(x + c * m->channel_stride + r * m->row_stride, (size_t)m->width);
}
