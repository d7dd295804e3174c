#pragma once
/* Laying tables and weights out in one packed array of floats. Structs with 64-bit members go in and out by memcpy: the
 * array has the alignment of float. */
#include <stddef.h>
#include <stdint.h>

/* Floats that hold `count` values of a type. */
#define FLOATS_OF(type, count) ((int64_t)(((size_t)(count) * sizeof(type) + sizeof(float) - 1) / sizeof(float)))

/* Takes the next `floats` and returns their place; every place is a multiple of 64 bytes from the start. */
static inline int64_t mexit_packed_place(int64_t *end, int64_t floats) {
  const int64_t begin = *end;
  *end += (floats + 15) / 16 * 16;
  return begin;
}
