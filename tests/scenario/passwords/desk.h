/* Who comes with a name and a password in Authorization, at gates that take them (CONF in desk.c has
 * them). Hashes are made when a test says so. Alice has the password "secret" and bob has none. A
 * test's own, from passwords_setup() to passwords_teardown(). */
#ifndef REEVE_TESTS_SCENARIO_PASSWORDS_DESK_H
#define REEVE_TESTS_SCENARIO_PASSWORDS_DESK_H

#include "tests/scenario/box.h"

#define ALICE "reeve:user:{alice}"
#define BOB   "reeve:user:{bob}"

extern struct box box;

void passwords_setup(void);
void passwords_teardown(void);
/* What passwords_setup() does, with this configuration; a box that is open is closed before. */
void open_with(const char *conf);

/* A cheap one, in static memory. */
const char *hash_of(const char *password);
/* The directory forgets alice. */
void forget_alice(void);

/* "<user>:<password>"; these give the id of the question. */
uint64_t ask(const char *pair);
uint64_t ask_bytes(const char *frontend, struct str pair);
/* Until there is an answer. */
uint64_t ask_through(const char *pair);
/* One that waits for its hash. */
uint64_t ask_and_fetch(const char *pair);

/* Turns until there is an answer, or all that could be done was. */
void run_on(uint64_t id);

unsigned acks(uint64_t id);
/* The bytes of the answer, but for the frame's own numbers. */
struct str answer(uint64_t id);
void expect_refused(uint64_t id);
void expect_allowed(uint64_t id);

/* Hashes that were begun so far. */
uint64_t hashes(void);

#endif
