/*
 * A store for tests: a table of hashes, and replies that come when the test says so. No I/O and no
 * clock, so tests run on virtual time.
 *
 *   struct fake_store *fake = fake_store_new();
 *   fake_store_set(fake, "reeve:user:{alice}", "state", "active");
 *   ... code under test calls store_get_hash(&fake->store, ...) ...
 *   fake_store_step(fake);                       answers what waits
 *   store_free(&fake->store);
 *
 * A reply holds what the table holds when the step is made; fake_store_execute() fixes it earlier,
 * as a server does that answers now and whose reply arrives late.
 */
#ifndef REEVE_TESTS_SUPPORT_FAKE_STORE_H
#define REEVE_TESTS_SUPPORT_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/store/store.h"

enum fake_store_mode {
    FAKE_STORE_UP,
    FAKE_STORE_DOWN, /* get_hash gives ERR_IO; steps answer what waited with STORE_DOWN */
    FAKE_STORE_HANG, /* get_hash accepts; steps answer nothing */
    FAKE_STORE_FULL, /* get_hash gives ERR_FULL; steps answer as usual */
};

struct fake_store_record;
struct fake_store_request;

struct fake_store {
    struct store store; /* first */
    enum fake_store_mode mode;
    struct fake_store_record *records;
    struct fake_store_request *first; /* waiting for their answers, oldest first */
    struct fake_store_request *last;
    size_t pending_count;
    size_t request_count;
};

/* Freed by store_free(&fake->store), which answers what waits with STORE_DOWN. */
struct fake_store *fake_store_new(void);

/* Sets one field; the key is created where it does not exist. */
void fake_store_set(struct fake_store *fake, const char *key, const char *field, const char *value);
void fake_store_delete(struct fake_store *fake, const char *key);
/* What every reply about this key says: STORE_WRONGTYPE, STORE_REFUSED ...; STORE_OK: its fields.
 */
void fake_store_set_status(struct fake_store *fake, const char *key, enum store_status status);
void fake_store_set_mode(struct fake_store *fake, enum fake_store_mode mode);

/* Answers, in order, what waits at the time of the call; what is asked meanwhile waits for the next
 * step. Gives the number answered. */
size_t fake_store_step(struct fake_store *fake);
/* Answers the oldest, or the newest, alone. False where nothing waits (or the store hangs). */
bool fake_store_step_first(struct fake_store *fake);
bool fake_store_step_last(struct fake_store *fake);

/* Fixes the content of every reply that waits to what the table holds now. */
void fake_store_execute(struct fake_store *fake);

/* The connection is lost: everything that waits is answered with STORE_DOWN, whatever the mode. */
size_t fake_store_drop(struct fake_store *fake);

/* How often the key was asked for, accepted or not. */
size_t fake_store_requests(const struct fake_store *fake, const char *key);

#endif
