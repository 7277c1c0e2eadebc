#include "agent/directory/sources.h"

#include <stdlib.h>

#define BUCKETS_MAX 4096u

enum err sources_init(struct sources *sources, const struct siphash_key *key, size_t max,
                      size_t expected_count)
{
    size_t count = 16;

    while (count < expected_count && count < BUCKETS_MAX) {
        count *= 2;
    }
    *sources = (struct sources){.key = *key, .mask = count - 1, .max = max};
    sources->buckets = calloc(count, sizeof(struct source *));
    return sources->buckets ? ERR_OK : ERR_MEMORY;
}

void sources_fini(struct sources *sources)
{
    for (size_t i = 0; sources->buckets && i <= sources->mask; i++) {
        while (sources->buckets[i]) {
            struct source *next = sources->buckets[i]->chain;
            free(sources->buckets[i]);
            sources->buckets[i] = next;
        }
    }
    free(sources->buckets);
    *sources = (struct sources){0};
}

enum err sources_take(struct sources *sources, struct str bytes, struct source **out)
{
    uint64_t hash = siphash_64(&sources->key, bytes.ptr, bytes.len);
    struct source **bucket = &sources->buckets[hash & sources->mask];
    struct source *source = *bucket;

    while (source && source->hash != hash) {
        source = source->chain;
    }
    if (sources->max == 0 || (source && source->count >= sources->max)) {
        return ERR_FULL;
    }
    if (!source) {
        source = calloc(1, sizeof(*source));
        if (!source) {
            return ERR_MEMORY;
        }
        source->hash = hash;
        source->chain = *bucket;
        *bucket = source;
    }
    source->count++;
    *out = source;
    return ERR_OK;
}

void sources_give(struct sources *sources, struct source *source)
{
    if (!source || --source->count > 0) {
        return;
    }
    struct source **link = &sources->buckets[source->hash & sources->mask];
    while (*link != source) {
        link = &(*link)->chain;
    }
    *link = source->chain;
    free(source);
}
