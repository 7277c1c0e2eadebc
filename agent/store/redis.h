/* The store on Redis or Valkey, through hiredis' asynchronous API and libev. Connects on its own,
 * reconnects with jittered exponential back-off up to 1 s, answers STORE_DOWN meanwhile. Where
 * Sentinels know the primary the back-off is 500 ms at most, a server must say that it is the
 * primary, and is left when two Sentinels name another one. */
#ifndef REEVE_STORE_REDIS_H
#define REEVE_STORE_REDIS_H

#include <stdint.h>

#include "agent/config/config.h"
#include "agent/store/store.h"

struct ev_loop;

struct store_redis_settings {
    const struct config_store *address; /* borrowed for the store's life */
    const char *client_name;            /* CLIENT SETNAME; borrowed likewise */
    int64_t connect_timeout_us;
    int64_t command_timeout_us;
    unsigned max_in_flight; /* commands; as many calls may wait for replicas beside them */
};

/* Gives a store that is connecting. NULL when out of memory. The loop must outlive it. */
struct store *store_redis_new(struct ev_loop *loop, const struct store_redis_settings *settings);

#endif
