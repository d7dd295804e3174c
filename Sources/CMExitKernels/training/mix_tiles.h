#pragma once
/* The register tiles of mexit_mix_f32, between its walk over samples and planes and each instruction set. */
#include <stdint.h>

#include "mexit_mix.h"

enum { MEXIT_MIX_MAX_HEIGHT = 12, MEXIT_MIX_MAX_VECTORS = 6 };

/* Sums of some outputs over some vectors of pixels. */
typedef struct mexit_mix_tile {
  const float *x;    /* in the first plane */
  const float *next; /* vectors that will be read after this, asked for meanwhile */
  int32_t next_vectors;
  float *y;          /* in the block's first plane */
  const float *next_y; /* where the next tile writes, perhaps adds: asked for meanwhile, too */
  int64_t next_rows;   /* planes of it */
  const float *weights; /* [inputs][height] */
  int64_t inputs, stride; /* floats from plane to plane, of x and y */
  const uint8_t *bits;    /* pixels among the positions from x on, which is a multiple of LANES into the plane; NULL: all */
  int64_t left;           /* positions from x to the end of the plane */
  int64_t gap; /* floats between two half rows that make a vector; 0: vectors are whole */
  bool accumulate;
} mexit_mix_tile;

typedef struct mexit_mix_family {
  int32_t lanes;
  const uint8_t *widest; /* [MEXIT_MIX_MAX_HEIGHT + 1]: most vectors for so many outputs, 0 for none */
  void (*compute)(int height, int vectors, const mexit_mix_tile *);
} mexit_mix_family;
