/*
 * The scripts of agent/shield/lua/ once more, in C, for a fake store. Read it beside them. Left out:
 * expiry.
 *
 *   struct fake_failures failures = {.now_us = ...};
 *   fake->script_cb = fake_failures_script;
 *   fake->script_context = &failures;
 */
#ifndef REEVE_TESTS_SUPPORT_FAKE_FAILURES_H
#define REEVE_TESTS_SUPPORT_FAKE_FAILURES_H

#include "agent/shield/count.h"
#include "tests/support/fake_store.h"

#define FAKE_FAILURES_MAX 4096

struct fake_failing {
    char key[160];
    struct shield_count count; /* on the store's clock */
};

struct fake_failures {
    int64_t now_us;                   /* the store's clock */
    char salt[64];                    /* "": none yet */
    int fails, asks, forgives, salts; /* runs */
    struct fake_failing items[FAKE_FAILURES_MAX];
    int count;
};

/* Whether it is one of these scripts. */
bool fake_failures_knows(const struct store_call *call);

/* A fake_store_script_cb; `context` are the failures. */
void fake_failures_script(void *context, const struct store_call *call,
                          struct fake_store_answer *answer);

#endif
