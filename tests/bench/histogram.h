/*
 * A histogram of latencies: 64 buckets for each power of two, so that a value is known to 1.6 %
 * whatever its size. Recording costs a few instructions.
 */
#ifndef TESTS_BENCH_HISTOGRAM_H
#define TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_BUCKETS  ((64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS)

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_record(struct histogram *histogram, uint64_t value);

/* The value that `percent` (0 to 100) of all are not above; 0 where there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
