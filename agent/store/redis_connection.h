/*
 * One connection to Redis: a hiredis asynchronous context on a libev loop. Commands go out, replies
 * come back in their order; what they mean, and how long one waits for them, is the owner's
 * business (redis.c).
 *
 * hiredis frees its context by itself when a connection fails; here that ends in one event, lost.
 * Events come from the loop only, never from inside a function below, and none after
 * redis_connection_close(). An owner may close inside every event.
 */
#ifndef REEVE_STORE_REDIS_CONNECTION_H
#define REEVE_STORE_REDIS_CONNECTION_H

#include <ev.h>
#include <hiredis/async.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/store/redis_reply.h"

enum redis_loss {
    REDIS_LOSS_BROKEN,    /* refused, reset, closed, garbage, out of memory */
    REDIS_LOSS_OVERSIZED, /* one string beyond STORE_REPLY_BYTES_MAX */
};

struct redis_connection_events {
    void (*connected)(void *owner);
    /* The reply to the oldest command that has none; borrowed for the call. */
    void (*replied)(void *owner, const struct redis_reply *reply);
    /* It is closed already. `why` is for people and may hold bytes of the peer. */
    void (*lost)(void *owner, enum redis_loss loss, const char *why);
};

struct redis_connection {
    struct ev_loop *loop;
    const struct redis_connection_events *events;
    void *owner;
    redisAsyncContext *context; /* NULL: closed */
    ev_io readable;
    ev_io writable;
    struct redis_reply reply;
    size_t due_count;  /* commands without a reply */
    bool is_broken;    /* nothing more is sent; lost comes with the next turn */
    bool is_connected; /* noted by hiredis' callbacks, to be told when hiredis is done */
    bool is_lost;
    char why[128];
};

/* All pointers are borrowed for the connection's life. */
void redis_connection_init(struct redis_connection *connection, struct ev_loop *loop,
                           const struct redis_connection_events *events, void *owner);
void redis_connection_fini(struct redis_connection *connection);

/* Starts connecting to a numeric address, or to a unix socket where port is 0. Does not block.
 * ERR_IO (connection->why says why), ERR_MEMORY: nothing was opened. */
enum err redis_connection_open(struct redis_connection *connection, const char *host,
                               uint16_t port) MUST_USE;
void redis_connection_close(struct redis_connection *connection);

/* A script's: its name, the script, the number of keys, the key. */
#define REDIS_COMMAND_PARTS_MAX (4 + STORE_SCRIPT_ARGUMENTS_MAX)

/* One command, its parts copied. ERR_MEMORY: not sent, and the connection will be lost. */
enum err redis_connection_send(struct redis_connection *connection, const struct str *parts,
                               size_t count) MUST_USE;

#endif
