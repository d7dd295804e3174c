/* How often, and for how long, a thread that only reads the clock loses its processor: what no deadline can be better than.
 *
 *   cc -O2 -pthread tools/experiments/interruptions.c -o interruptions && ./interruptions SECONDS BUSY [realtime]
 *
 * BUSY threads compute beside it without rest; with `realtime` it runs before all ordinary threads (as RealtimeThread does). */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void *compute(void *unused) {
    (void)unused;
    for (volatile double x = 1;;) x = x * 1.0000001 + 1e-9;
    return NULL;
}

int main(int count, char **words) {
    if (count < 3) {
        fprintf(stderr, "usage: interruptions SECONDS BUSY [realtime]\n");
        return 64;
    }
    double seconds = atof(words[1]);
    for (int i = 0; i < atoi(words[2]); i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, compute, NULL)) return 1;
    }
    if (count > 3 && !strcmp(words[3], "realtime")) {
        struct sched_param level = {.sched_priority = 1};
        if (sched_setscheduler(0, SCHED_FIFO, &level)) {
            perror("cannot become a real-time thread");
            return 1;
        }
    }
    static const int64_t least[] = {5, 10, 15, 20, 25, 50, 100, 1000, 10000}; /* microseconds */
    enum { bins = sizeof least / sizeof *least };
    long counts[bins] = {0};
    double sums[bins] = {0};
    int64_t last = now(), end = last + (int64_t)(1e9 * seconds);
    while (last < end) {
        int64_t time = now(), gap = time - last;
        last = time;
        for (int i = bins - 1; i >= 0; i--) {
            if (gap < 1000 * least[i]) continue;
            counts[i]++;
            sums[i] += 1e-3 * (double)gap;
            break;
        }
    }
    printf("at least us   per second   mean us\n");
    for (int i = 0; i < bins; i++) {
        printf("%11lld   %10.1f   %7.1f\n", (long long)least[i], counts[i] / seconds, counts[i] ? sums[i] / counts[i] : 0);
    }
    return 0;
}
