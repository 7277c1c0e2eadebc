#include "agent/directory/print.h"

struct siphash_digest print_fields(const struct siphash_key *key, const struct store_field *fields,
                                   size_t count)
{
    struct siphash_digest sum = {0};

    for (size_t i = 0; i < count; i++) {
        struct siphash_digest name = siphash_128(key, fields[i].name.ptr, fields[i].name.len);
        struct siphash_key own = {name.low, name.high};
        struct siphash_digest value = siphash_128(&own, fields[i].value.ptr, fields[i].value.len);
        sum.low += value.low;
        sum.high += value.high;
    }
    return sum;
}
