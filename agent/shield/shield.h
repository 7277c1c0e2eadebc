/*
 * The shield: who failed to prove who he is too often has to wait before his next attempt is looked at.
 * What fails is counted twice:
 *
 *   the source                      one source that tries many credentials
 *   the credential and the source   many secrets for one credential; nobody else's from elsewhere wait
 *
 * A source is an IPv4 address or an IPv6 /64, as everywhere. The credential is what is known before
 * anything is looked up: a key's id, a password's user name, else the whole text. So unknown ones are
 * counted like known ones, and an answer tells nothing of which they are.
 *
 * Success clears the pair and never the source, which an attacker with one good key would clear as he
 * likes. So does a change of the key's or the user's record. What was proven once is no guess if it
 * fails later (a deleted key, a store that lost its data), and is not counted: a room of fixed size
 * remembers keyed hashes of such texts.
 *
 * Counts are the worker's own and decide at once, whether the store is there or not. Through the store
 * they are shared by all workers of all agents, and outlive them: share.h.
 *
 * Bounded: max_failing sources and as many pairs. Nothing here allocates after shield_new().
 */
#ifndef REEVE_SHIELD_SHIELD_H
#define REEVE_SHIELD_SHIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/ip.h"
#include "agent/base/str.h"
#include "agent/config/config.h"
#include "agent/store/store.h"

struct shield;

/* One try. Without a kind there is none, and nothing is counted. */
struct shield_attempt {
    enum credential_kind kind;
    struct str credential; /* what it is for; borrowed, as all */
    struct str text;       /* all of it, secret; absent: not known */
    const struct ip *source;
};

/* What an attempt has to wait for. */
enum shield_cause { SHIELD_NOTHING, SHIELD_CREDENTIAL, SHIELD_SOURCE };

/* Prepares the scripts; once per process, before the first worker. */
enum err shield_start(void) MUST_USE;

/* Borrows the store, which must outlive it, and of the configuration the prefix. NULL when out of
 * memory. */
struct shield *shield_new(const struct config *config, struct store *store);
/* NULL accepted. */
void shield_free(struct shield *shield);

/* Another configuration: what is counted stays. */
void shield_configure(struct shield *shield, const struct config *config);

/* Nobody has to wait: one comparison or two. */
bool shield_is_quiet(const struct shield *shield, struct now now);

/* Its text succeeded once, and no other that shares its place did since. */
bool shield_knows(const struct shield *shield, const struct shield_attempt *attempt);

/* How long the attempt has to wait still; 0: not, and *cause is SHIELD_NOTHING. */
int64_t shield_wait_us(struct shield *shield, const struct shield_attempt *attempt, struct now now,
                       enum shield_cause *cause);

/* The attempt was judged. */
void shield_failed(struct shield *shield, const struct shield_attempt *attempt, struct now now);
void shield_succeeded(struct shield *shield, const struct shield_attempt *attempt, struct now now);

/* The record of what is offered by that kind and name was changed: a new password, a key that is there
 * at last. */
void shield_changed(struct shield *shield, enum credential_kind kind, struct str name);

/* Once per turn. One comparison where there is nothing to tell. */
void shield_tick(struct shield *shield, struct now now);

/*
 * The store tells that a key changed. "<prefix>unlock:<name>": all that is counted of the credential or
 * source of that name is forgotten, and what has no name yet. True: it was such a key.
 */
bool shield_unlock(struct shield *shield, struct str key);
/* The store may have lost its data. */
void shield_flushed(struct shield *shield);

struct shield_counters {
    uint64_t failures; /* counted */
    uint64_t refused;  /* not counted, for want of a place */
    uint64_t shared;   /* calls that the store answered */
    uint64_t unshared; /* that it did not, or that had no place in the queue */
};

void shield_counters(const struct shield *shield, struct shield_counters *out);

#endif
