#pragma once
/* Fetching memory ahead while a kernel computes: no or two cache lines at each step of an innermost loop, spread
 * evenly over the run, so that memory delivers all the time and the loop never waits for it. */
#include "mexit_conv2d.h"

enum { MEXIT_LINE = 64 };

typedef struct mexit_ahead {
  const char *next;
  int64_t lines, steps;   /* of the whole run */
  int64_t issued, passed; /* of these, so far */
} mexit_ahead;

static inline mexit_ahead mexit_ahead_make(const mexit_conv2d_run *run, int64_t steps) {
  return (mexit_ahead){(const char *)run->ahead, (int64_t)run->ahead_floats * 4 / MEXIT_LINE, steps > 0 ? steps : 1, 0, 0};
}

/* What a loop of some steps fetches: at each, the two lines at `from`; then `step` on, which is 0 when nothing is due. */
typedef struct mexit_ahead_loop {
  const char *from;
  int64_t step;
} mexit_ahead_loop;

/* `idle` is fetched where there is nothing to fetch: memory that is in the first cache. */
static inline mexit_ahead_loop mexit_ahead_take(mexit_ahead *a, int64_t steps, const void *idle) {
  a->passed += steps;
  const int64_t due = (a->passed < a->steps ? a->lines * a->passed / a->steps : a->lines) - a->issued;
  const int64_t lines = due >= 2 * steps ? 2 : due >= steps ? 1 : 0;
  if (lines == 0) return (mexit_ahead_loop){idle, 0};
  const mexit_ahead_loop loop = {a->next, lines * MEXIT_LINE};
  a->issued += lines * steps;
  a->next += lines * steps * MEXIT_LINE;
  return loop;
}

#define MEXIT_AHEAD_STEP(loop) \
  (__builtin_prefetch((loop).from, 0, 2), __builtin_prefetch((loop).from + MEXIT_LINE, 0, 2), (void)((loop).from += (loop).step))
