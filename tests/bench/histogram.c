#include "tests/bench/histogram.h"

#define SUB_COUNT (1u << HISTOGRAM_SUB_BITS)

/* Below 64 a bucket is one value; above, the bits behind the highest one pick it. */
static unsigned bucket_of(uint64_t value)
{
    if (value < SUB_COUNT) {
        return (unsigned)value;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift + 1) * SUB_COUNT + (unsigned)(value >> shift) % SUB_COUNT;
}

static uint64_t largest_in(unsigned bucket)
{
    if (bucket < SUB_COUNT) {
        return bucket;
    }
    unsigned shift = bucket / SUB_COUNT - 1;
    uint64_t first = (uint64_t)(SUB_COUNT + bucket % SUB_COUNT) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max) {
        histogram->max = value;
    }
    histogram->buckets[bucket_of(value)]++;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    double wanted = percent / 100 * (double)histogram->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            uint64_t value = largest_in(i);
            return value < histogram->max ? value : histogram->max;
        }
    }
    return histogram->max;
}
