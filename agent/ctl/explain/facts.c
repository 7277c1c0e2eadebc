#include "agent/ctl/explain/facts.h"

#include <stdlib.h>

struct facts {
    struct store store; /* first */
    struct store *behind;
    struct heap *heap;
    struct fact **items;
    size_t count;
};

/* A question under way. */
struct question {
    struct facts *facts;
    struct fact *fact;
    store_reply_cb *callback;
    void *context;
};

static struct facts *facts_of(const struct store *store)
{
    return (struct facts *)(uintptr_t)store;
}

static void remember(struct facts *facts, struct fact *fact, const struct store_reply *reply)
{
    struct store_field *fields = heap_take(facts->heap, (reply->field_count + 1) * sizeof(*fields));

    for (size_t i = 0; i < reply->field_count; i++) {
        fields[i] = (struct store_field){heap_copy(facts->heap, reply->fields[i].name),
                                         heap_copy(facts->heap, reply->fields[i].value)};
    }
    fact->is_answered = true;
    fact->status = reply->status;
    fact->fields = fields;
    fact->field_count = reply->field_count;
}

static void reply_cb(void *context, const struct store_reply *reply)
{
    struct question question = *(struct question *)context;

    free(context);
    remember(question.facts, question.fact, reply);
    question.callback(question.context, reply);
}

static struct fact *fact_of(struct facts *facts, struct str key)
{
    for (size_t i = 0; i < facts->count; i++) {
        if (str_equal(facts->items[i]->key, key)) {
            return facts->items[i];
        }
    }
    struct fact *fact = heap_take(facts->heap, sizeof(*fact));
    fact->key = heap_copy(facts->heap, key);
    fact->status = STORE_DOWN;
    facts->items = heap_grow(facts->heap, facts->items, facts->count, sizeof(*facts->items));
    facts->items[facts->count++] = fact;
    return fact;
}

static enum err get_hash(struct store *store, struct str key, store_reply_cb *callback,
                         void *context)
{
    struct facts *facts = facts_of(store);
    struct question *question = malloc(sizeof(*question));

    if (!question) {
        return ERR_MEMORY;
    }
    *question = (struct question){facts, fact_of(facts, key), callback, context};
    enum err e = store_get_hash(facts->behind, key, reply_cb, question);
    if (e != ERR_OK) {
        free(question);
    }
    return e;
}

static enum err run_script(struct store *store, const struct store_call *call,
                           store_reply_cb *callback, void *context)
{
    return store_run_script(facts_of(store)->behind, call, callback, context);
}

static uint64_t session(const struct store *store)
{
    return store_session(facts_of(store)->behind);
}

static void free_store(struct store *store)
{
    facts_free(facts_of(store));
}

struct facts *facts_new(struct store *store, struct heap *heap)
{
    static const struct store_ops ops = {get_hash, run_script, session, free_store};
    struct facts *facts = calloc(1, sizeof(*facts));

    if (!facts) {
        heap_fail();
    }
    facts->store.ops = &ops;
    facts->behind = store;
    facts->heap = heap;
    return facts;
}

void facts_free(struct facts *facts)
{
    free(facts);
}

struct store *facts_store(struct facts *facts)
{
    return &facts->store;
}

size_t facts_count(const struct facts *facts)
{
    return facts->count;
}

const struct fact *facts_at(const struct facts *facts, size_t i)
{
    return facts->items[i];
}

const struct fact *facts_find(const struct facts *facts, struct str key)
{
    for (size_t i = 0; i < facts->count; i++) {
        if (str_equal(facts->items[i]->key, key)) {
            return facts->items[i];
        }
    }
    return NULL;
}

struct str fact_field(const struct fact *fact, struct str name)
{
    for (size_t i = 0; fact && i < fact->field_count; i++) {
        if (str_equal(fact->fields[i].name, name)) {
            return fact->fields[i].value;
        }
    }
    return STR_ABSENT;
}
