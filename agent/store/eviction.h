/*
 * Warns of a server that drops keys when its memory is full: what it drops may be a role with the
 * deny that counts, or what was used of a quota.
 */
#ifndef REEVE_STORE_EVICTION_H
#define REEVE_STORE_EVICTION_H

#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/store/store.h"

struct eviction;

/* Once, before any thread uses it. ERR_CRYPTO. */
enum err eviction_start(void) MUST_USE;

/* Borrows the store. A script is run on one key: "<prefix>agents", which it does not touch. NULL when
 * out of memory. */
struct eviction *eviction_new(struct store *store, struct str prefix);
/* NULL accepted. */
void eviction_free(struct eviction *eviction);

/* Once per turn: asks each server that the store connects to, once. */
void eviction_tick(struct eviction *eviction);

#endif
