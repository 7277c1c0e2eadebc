/*
 * The directory from inside, for directory.c, fetch.c and keep.c.
 *
 * Slots are freed and records replaced only in fetch.c's reply callback and at the end of a tick,
 * when nobody decides: that is what directory.h promises to its callers.
 */
#ifndef REEVE_DIRECTORY_DIRECTORY_INSIDE_H
#define REEVE_DIRECTORY_DIRECTORY_INSIDE_H

#include "agent/base/log.h"
#include "agent/directory/directory.h"
#include "agent/directory/fetch.h"
#include "agent/directory/sieve.h"
#include "agent/directory/sources.h"
#include "agent/directory/table.h"

struct directory {
    struct store *store;
    struct directory_settings settings;
    struct siphash_key name_keys[RECORD_KIND_COUNT];
    struct siphash_key print_key;
    struct table table;
    struct sieve records; /* FOUND and BAD */
    struct sieve absents; /* ABSENT and UNKNOWN */
    struct sources sources;
    uint64_t epoch;      /* counts invalidate_all; from 1 */
    uint64_t generation; /* counts records that went */
    bool is_followed;    /* the session goes on */
    uint64_t session;    /* the last one; 0: there was none */
    int64_t proven_us;   /* it had told of everything before */
    uint64_t previous_session;
    int64_t previous_proven_us;
    bool is_sealed;
    uint64_t sealed_session; /* nothing is served but what was fetched in it, or later: */
    int64_t sealed_us;

    struct fetch *done_first; /* answered in this turn, in that order */
    struct fetch *done_last;
    size_t fetch_count; /* not answered yet */

    struct directory_counters counters;
    struct log_limit bad_log;
};

/* The keyed hash of a name. */
uint32_t directory_hash(const struct directory *directory, enum record_kind kind, struct str name);

#endif
