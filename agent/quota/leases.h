/*
 * The table of a worker's leases, by limit and subject: chained hashing, bounded, with a hand that
 * looks for a lease to drop where a new one needs room. Private to quota/.
 *
 * A lease is dropped only while nothing would be lost with it (lease_is_disposable()), after the hand
 * passed it once without a use between, and not in the turn of its use.
 */
#ifndef REEVE_QUOTA_LEASES_H
#define REEVE_QUOTA_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/siphash.h"
#include "agent/base/str.h"
#include "agent/quota/lease.h"
#include "agent/quota/policy.h"

struct call_context;

/* A lease in its place. */
struct place {
    struct lease lease; /* first: a lease is its place */
    struct place *chain;
    uint64_t hash;
    struct place *next, *previous; /* the ring the hand goes round */
    struct place *next_held;       /* queue of those that hold units of a quota, by check_us */
    struct place *next_dirty;      /* list of those a tick must look at */
    struct call_context *context;  /* of the call in flight or just answered; NULL: none */
    int64_t used_us;               /* the turn of its last use */
    int64_t window_until_us;       /* quota: its window holds until then, as far as is known here */
    int64_t check_us;
    uint64_t checked_total; /* spent_total at the last check */
    bool is_visited;
    bool is_held;
    bool is_dirty;
    bool wants_units; /* ahead of demand */
    uint8_t name_length;
    uint8_t policy_length; /* 0: to be written */
    char policy[POLICY_BYTES_MAX];
    size_t text_length;
    char text[]; /* the limit's name, then the subject */
};

struct leases {
    struct siphash_key key;
    struct place **buckets;
    size_t mask;
    size_t count, max;
    uint64_t dropped_count;
    struct place *hand;
};

enum err leases_init(struct leases *leases, size_t max) MUST_USE;
/* Frees the places. */
void leases_fini(struct leases *leases);

/* NULL: none. Marks it as used. */
struct place *leases_find(struct leases *leases, struct str name, struct str subject);

/* A new one that is not there yet. NULL: no room, and nothing could be dropped; or no memory. */
struct place *leases_add(struct leases *leases, struct str name, struct str subject,
                         const struct terms *terms, struct now now);

struct str place_name(const struct place *place);
struct str place_subject(const struct place *place);

#endif
