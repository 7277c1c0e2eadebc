/*
 * A store for tests: a table of hashes, scripts that are functions of the test, and replies that
 * come when the test says so. No I/O and no clock, so tests run on virtual time.
 *
 *   struct fake_store *fake = fake_store_new();
 *   fake_store_set(fake, "reeve:user:{alice}", "state", "active");
 *   ... code under test calls store_get_hash(&fake->store, ...) ...
 *   fake_store_step(fake);                       answers what waits
 *   store_free(&fake->store);
 *
 * A reply holds what the table holds when the step is made, and a script runs then;
 * fake_store_execute() does it earlier, as a server does that answers now and whose reply arrives
 * late. Whatever happens to its reply, a script runs at most once:
 *
 *   fake_store_execute(fake); fake_store_drop(fake);      it ran, its reply is lost
 *   fake_store_drop(fake);                                it was lost before it ran
 *   fake_store_execute(fake); ... fake_store_step(fake);  it ran, its reply is late
 */
#ifndef REEVE_TESTS_SUPPORT_FAKE_STORE_H
#define REEVE_TESTS_SUPPORT_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/store.h"

enum fake_store_mode {
    FAKE_STORE_UP,
    FAKE_STORE_DOWN, /* what is asked gets ERR_IO; steps answer what waited with STORE_DOWN */
    FAKE_STORE_HANG, /* what is asked is accepted; steps answer nothing */
    FAKE_STORE_FULL, /* what is asked gets ERR_FULL; steps answer as usual */
};

#define FAKE_STORE_ANSWER_FIELDS_MAX 16
#define FAKE_STORE_ANSWER_BYTES_MAX  1024

/* What a script answers: no fields and STORE_OK, unless it is told otherwise. */
struct fake_store_answer {
    enum store_status status; /* the fields go with STORE_OK and STORE_UNSYNCED */
    struct store_field fields[FAKE_STORE_ANSWER_FIELDS_MAX]; /* point into text */
    size_t field_count;
    char text[FAKE_STORE_ANSWER_BYTES_MAX];
    size_t text_length;
};

/* Runs a script; allocates nothing on the store's side. The call is the store's copy. */
typedef void fake_store_script_cb(void *context, const struct store_call *call,
                                  struct fake_store_answer *answer);

/* A field more. Aborts where there is no room. */
void fake_store_answer_add(struct fake_store_answer *answer, const char *name, const char *value);
void fake_store_answer_number(struct fake_store_answer *answer, const char *name, int64_t value);

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
    size_t drop_count;               /* each begins another session */
    fake_store_script_cb *script_cb; /* set by the test before a script runs */
    void *script_context;
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

/* Fixes the content of every reply that waits to what the table holds now; runs every script that
 * waits and has not run. Whatever the mode. */
void fake_store_execute(struct fake_store *fake);

/* The connection is lost: everything that waits is answered with STORE_DOWN, whatever the mode. */
size_t fake_store_drop(struct fake_store *fake);

/* The arguments of the newest script that waits; valid until it is answered. */
const struct str *fake_store_last_arguments(const struct fake_store *fake, size_t *count);

/* How often the hash was asked for, accepted or not. */
size_t fake_store_requests(const struct fake_store *fake, const char *key);

#endif
