/*
 * The store, seen by a worker: asynchronous, bounded, every command with a deadline of our own
 * (hiredis has none). One object per worker and used by its thread only.
 *
 * An interface, so that scenario tests put a scripted store of virtual time behind it; the real one
 * is store_redis_new(). Two things are asked of it: a hash, and a script that runs on one key.
 */
#ifndef REEVE_STORE_STORE_H
#define REEVE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/err.h"
#include "agent/base/str.h"

enum store_status {
    STORE_OK,        /* fields holds the answer; field_count 0 means no such key */
    STORE_DOWN,      /* not connected, connection lost, timed out, LOADING, READONLY, CLUSTERDOWN */
    STORE_REFUSED,   /* NOAUTH, WRONGPASS, NOPERM: the operator's trouble; treated as down */
    STORE_WRONGTYPE, /* the key holds something else than a hash */
    STORE_BAD_REPLY, /* too big, or a reply of the wrong type */
    STORE_UNSYNCED,  /* the script ran, but too few replicas confirmed it in time; fields are set */
};

/* A Lua script, known by its SHA-1 once the server has it. It answers with name and value in turn,
 * all strings, like a hash; any other answer ends the connection. It touches its one key and no
 * other. Static, and shared by all threads: the store keeps pointers to it. */
struct store_script {
    const char *name; /* for logs */
    struct str text;
    char sha1[41]; /* hex; filled by store_script_init() */
};

/* Once per script, before any thread uses it. ERR_CRYPTO. */
enum err store_script_init(struct store_script *script) MUST_USE;

#define STORE_SCRIPT_ARGUMENTS_MAX 16

/* One run of a script on one key. */
struct store_call {
    const struct store_script *script;
    struct str key; /* the full key, prefix included */
    const struct str *arguments;
    size_t argument_count; /* at most STORE_SCRIPT_ARGUMENTS_MAX */
    /* WAIT until so many replicas have what the script wrote, for half of the time that is left
     * until the deadline at most; 0: not. It holds up what follows on the connection, so who asks
     * for it has a store of his own. */
    unsigned replicas;
};

/* Longest answer kept while a call waits for replicas; of a longer one none is waited for, and it
 * is STORE_UNSYNCED. */
#define STORE_WAITING_BYTES_MAX (64u << 10)

/* Longest reply taken; beyond it STORE_BAD_REPLY. Roles with 20,000 rules fit. */
#define STORE_FIELDS_MAX      32768
#define STORE_REPLY_BYTES_MAX (4u << 20)

struct store_field {
    struct str name;
    struct str value;
};

struct store_reply {
    enum store_status status;
    const struct store_field *fields; /* borrowed for the callback's time */
    size_t field_count;
};

/* Called exactly once per accepted command, never from inside the call that issued it. */
typedef void store_reply_cb(void *context, const struct store_reply *reply);

struct store;

struct store_ops {
    /* HGETALL. `key` is the full key, prefix included; copied. ERR_FULL: too many in flight;
     * ERR_IO: known to be down (nothing will be called). */
    enum err (*get_hash)(struct store *store, struct str key, store_reply_cb *callback,
                         void *context);
    /* EVALSHA, and once EVAL where the server does not know the script (yet, or any more). One
     * deadline holds for all that a call needs. Everything is copied but the script. Errors and
     * callback as above, and ERR_MEMORY.
     *
     * STORE_DOWN may mean that the script ran and its reply was lost, so a script must bear to be
     * run again. Once its reply is here it is given in any case: what then goes wrong, even with
     * the connection, is STORE_UNSYNCED. A key of another type is the script's to notice, else
     * STORE_WRONGTYPE. */
    enum err (*run_script)(struct store *store, const struct store_call *call,
                           store_reply_cb *callback, void *context);
    /* 0: down; else counts its connections, from 1. */
    uint64_t (*session)(const struct store *store);
    /* Calls every outstanding callback with STORE_DOWN, closes, frees. */
    void (*free)(struct store *store);
};

/* Embedded first in every implementation. */
struct store {
    const struct store_ops *ops;
};

static inline enum err store_get_hash(struct store *store, struct str key, store_reply_cb *callback,
                                      void *context)
{
    return store->ops->get_hash(store, key, callback, context);
}

static inline enum err store_run_script(struct store *store, const struct store_call *call,
                                        store_reply_cb *callback, void *context)
{
    return store->ops->run_script(store, call, callback, context);
}

static inline bool store_is_up(const struct store *store)
{
    return store->ops->session(store) != 0;
}

static inline uint64_t store_session(const struct store *store)
{
    return store->ops->session(store);
}

static inline void store_free(struct store *store)
{
    if (store) {
        store->ops->free(store);
    }
}

#endif
