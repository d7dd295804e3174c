#pragma once
/* Counts the calls of malloc and its relatives, by standing before those of the C library in whatever executable links
 * this: an allocation that is freed at once is counted too, which no statistics of the heap would show. */
#include <stdint.h>

/* Allocations that the calling thread has made so far. Always 0 where they cannot be counted. */
int64_t mexit_allocations(void);
/* 1 where they are counted: glibc, without a sanitizer (which has its own malloc). */
int mexit_allocations_counted(void);
