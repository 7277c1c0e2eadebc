/*
 * Sharing counts through the store, so that all workers of all agents count together and a restart
 * forgets nothing. Private to shield/.
 *
 *   failed:salt                      HASH  salt             random, made once by who comes first
 *   failed:<credential>:<source>     HASH  clear until (us) "any" for the credential: of the source
 *
 * Names in keys are the first 24 hex digits of the SHA-256 of the salt, a line feed and the text
 * "key:<id>", "password:<user>", "token:<text>" or "source:<address>": key names are told to whoever may
 * subscribe to changes, and people type passwords where their name belongs.
 *
 * A subject that failed, and one that has to wait and comes again, is due. Who is due is sent in batches:
 * SHARE_BATCH each SHARE_INTERVAL_US, as many in flight, nobody twice at once. What is due beyond
 * SHARE_QUEUE stays the worker's own until it fails again. The answer is what all have counted, and
 * replaces what the worker has.
 */
#ifndef REEVE_SHIELD_SHARE_H
#define REEVE_SHIELD_SHARE_H

#include "agent/shield/shield.h"
#include "agent/shield/table.h"

#define SHARE_BATCH       32
#define SHARE_INTERVAL_US 20000
#define SHARE_QUEUE       1024
/* A subject that has to wait is asked for again after. */
#define SHARE_ASK_US 5000000

/* What is counted, each kind in a table of its own: one does not push the other out. */
enum shield_kind { SHIELD_PAIR, SHIELD_SOURCES, SHIELD_KINDS };

struct shield_share;

enum err shield_share_start(void) MUST_USE;

/* NULL when out of memory. */
struct shield_share *shield_share_new(struct shield *shield, struct str prefix,
                                      struct store *store);
/* What is in flight ends without effect. NULL accepted. */
void shield_share_free(struct shield_share *share);

/* Names the entry by its attempt where it has no name yet and the salt is known. */
void shield_share_name(struct shield_share *share, enum shield_kind kind,
                       const struct shield_attempt *attempt, struct shield_entry *entry);

/* The store is to be told, or asked. */
void shield_share_add(struct shield_share *share, enum shield_kind kind,
                      struct shield_entry *entry);

void shield_share_tick(struct shield_share *share, struct now now);

/* The name in "<prefix>unlock:<name>"; false: the key is none of ours. */
bool shield_share_read_unlock(const struct shield_share *share, struct str key,
                              uint8_t name[SHIELD_NAME_BYTES]);

void shield_share_flushed(struct shield_share *share);
void shield_share_counters(const struct shield_share *share, struct shield_counters *out);

#endif
