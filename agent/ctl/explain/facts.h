/*
 * Facts: a store that remembers what it was asked for and what came, so that an explanation can show
 * what the decision saw, and not what a later look finds. Scripts pass through.
 */
#ifndef REEVE_CTL_EXPLAIN_FACTS_H
#define REEVE_CTL_EXPLAIN_FACTS_H

#include "agent/ctl/heap.h"
#include "agent/store/store.h"

struct fact {
    struct str key; /* the full key */
    bool is_answered;
    enum store_status status;
    const struct store_field *fields; /* none: no such record */
    size_t field_count;
};

struct facts;

/* Borrows both. Gives a store of its own; its store_free() leaves `store` alone. */
struct facts *facts_new(struct store *store, struct heap *heap);
void facts_free(struct facts *facts);

/* What the asker is given. */
struct store *facts_store(struct facts *facts);

/* In the order in which they were asked for first; the last answer to each. */
size_t facts_count(const struct facts *facts);
const struct fact *facts_at(const struct facts *facts, size_t i);

/* NULL: was not asked for. */
const struct fact *facts_find(const struct facts *facts, struct str key);

/* Absent: the record has no such field. */
struct str fact_field(const struct fact *fact, struct str name);

#endif
