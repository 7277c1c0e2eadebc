/*
 * The scripts of agent/quota/lua/ once more, in C, for a fake store: what they do to counters,
 * without Redis. Read it beside them; names are theirs. Left out: expiry and the forgetting of
 * holders.
 *
 *   struct fake_counters counters = {.now_us = ...};
 *   fake->script_cb = fake_counter_script;
 *   fake->script_context = &counters;
 */
#ifndef REEVE_TESTS_SUPPORT_FAKE_COUNTER_H
#define REEVE_TESTS_SUPPORT_FAKE_COUNTER_H

#include "tests/support/fake_store.h"

#define FAKE_COUNTERS_MAX 64
#define FAKE_HOLDERS_MAX  8

struct fake_holder {
    char name[64];
    int64_t sequence, units;
};

struct fake_counter {
    char key[160];
    bool is_bad; /* does not parse */
    int64_t start, stop, used, lost;
    int64_t debt, rem, at, leased_until, exact_until;
    int64_t reset;
    struct fake_holder holders[FAKE_HOLDERS_MAX];
    int holder_count;
};

struct fake_counters {
    int64_t now_us;     /* the store's clock */
    bool is_unsynced;   /* too few replicas confirm what is granted from now on */
    int takes, adjusts; /* runs */
    struct fake_counter items[FAKE_COUNTERS_MAX];
    int count;
};

/* A fake_store_script_cb; `context` are the counters. */
void fake_counter_script(void *context, const struct store_call *call,
                         struct fake_store_answer *answer);

/* By its full key; made where it is not there. Its address changes when data is lost. */
struct fake_counter *fake_counter_get(struct fake_counters *counters, const char *key);

/* FLUSHALL. */
void fake_counters_lose(struct fake_counters *counters);

#endif
