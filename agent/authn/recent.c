#include "agent/authn/recent.h"

#include <stdlib.h>

#include "agent/base/crypto.h"

/* Places that a digest may stand in. */
#define WAYS 4

struct place {
    struct siphash_digest digest;
    int64_t until_us;
    uint64_t used; /* by recent.uses; 0: empty */
};

struct recent {
    uint64_t uses;
    size_t set_count; /* a power of two */
    struct place places[];
};

static size_t bytes_of(size_t set_count)
{
    return sizeof(struct recent) + set_count * WAYS * sizeof(struct place);
}

struct recent *recent_new(size_t count)
{
    size_t sets = 1;

    while (sets * WAYS < count) {
        sets *= 2;
    }
    struct recent *recent = calloc(1, bytes_of(sets));
    if (recent) {
        recent->set_count = sets;
    }
    return recent;
}

void recent_free(struct recent *recent)
{
    if (recent) {
        crypto_wipe(recent, bytes_of(recent->set_count));
        free(recent);
    }
}

static struct place *set_of(struct recent *recent, const struct siphash_digest *digest)
{
    return recent->places + (digest->low & (recent->set_count - 1)) * WAYS;
}

bool recent_has(struct recent *recent, const struct siphash_digest *digest, int64_t now_us)
{
    struct place *set = set_of(recent, digest);

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used > 0 && crypto_equal(&set[i].digest, digest, sizeof(*digest))) {
            bool is_alive = now_us < set[i].until_us;
            set[i].used = is_alive ? ++recent->uses : 0;
            return is_alive;
        }
    }
    return false;
}

/* The digest's own place, an empty one, or that of the one used least lately. */
static struct place *place_for(struct place *set, const struct siphash_digest *digest)
{
    struct place *best = &set[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used > 0 && crypto_equal(&set[i].digest, digest, sizeof(*digest))) {
            return &set[i];
        }
        best = set[i].used < best->used ? &set[i] : best;
    }
    return best;
}

void recent_add(struct recent *recent, const struct siphash_digest *digest, int64_t until_us)
{
    struct place *place = place_for(set_of(recent, digest), digest);

    *place = (struct place){.digest = *digest, .until_us = until_us, .used = ++recent->uses};
}
