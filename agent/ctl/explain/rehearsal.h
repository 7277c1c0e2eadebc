/*
 * Rehearsal: what a worker of an agent decides with, on the live store, without an agent: nothing is
 * cached at first, no unit is taken, nothing is written. One thread.
 */
#ifndef REEVE_CTL_EXPLAIN_REHEARSAL_H
#define REEVE_CTL_EXPLAIN_REHEARSAL_H

#include "agent/ctl/explain/facts.h"
#include "agent/decide/decide.h"
#include "agent/decide/explain.h"

struct rehearsal {
    struct config *config;
    struct heap *heap;
    struct ev_loop *loop;
    struct store *store;
    struct facts *facts;
    struct zones *zones;
    char holder[QUOTA_HOLDER_BYTES_MAX];
    struct decide_context context;
    struct arena arena;
    struct now now;
    size_t asked_issuer; /* whose keys are to be fetched, and one; 0: nobody's */
};

/* Loads the configuration, whose errors go to stderr, and waits until the store is there or a while
 * has passed. False: told on stderr. */
bool rehearsal_open(struct rehearsal *rehearsal, const char *config_file, struct heap *heap);
void rehearsal_close(struct rehearsal *rehearsal);

/* Forgets what was learnt: the next decision is of another moment. False: told on stderr. */
bool rehearsal_renew(struct rehearsal *rehearsal);

/* Runs the decision to its end. What *out borrows is there until the next turn. */
void rehearsal_decide(struct rehearsal *rehearsal, const struct request *request,
                      const struct explain_caller *caller, struct explain_trace *trace,
                      struct decision *out);

/* Whether the claim could be met; asks the store. */
enum quota_answer rehearsal_check(struct rehearsal *rehearsal, struct quota_claim *claim);

/* Asks for a hash that a decision does not need. NULL: the store does not give it. The fact is
 * remembered. */
const struct fact *rehearsal_get(struct rehearsal *rehearsal, struct str key);

/* One turn of the loop. */
void rehearsal_turn(struct rehearsal *rehearsal);

#endif
