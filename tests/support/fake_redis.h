/*
 * A Redis server for tests, in the test's own loop: it greets like one, notes what it was told, and
 * answers everything else as the test's handler says, down to single bytes and resets.
 */
#ifndef REEVE_TESTS_SUPPORT_FAKE_REDIS_H
#define REEVE_TESTS_SUPPORT_FAKE_REDIS_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"

struct fake_redis;
struct fake_redis_client;

/* A command arrived. False: not handled, the server answers by itself: OK to AUTH, SELECT and
 * CLIENT, PONG to PING, an error to the rest. */
typedef bool fake_redis_cb(void *context, struct fake_redis_client *client, const struct str *parts,
                           size_t count);

/* Listens on 127.0.0.1, on a free port where port is 0, or on a unix socket where path is not NULL.
 * Aborts where it can not. */
struct fake_redis *fake_redis_new(struct ev_loop *loop, uint16_t port, const char *path);
/* Closes everything. NULL accepted. */
void fake_redis_free(struct fake_redis *server);

uint16_t fake_redis_port(const struct fake_redis *server);
void fake_redis_set_handler(struct fake_redis *server, fake_redis_cb *handler, void *context);

/* Everything it was told, a command a line, its parts separated by blanks. */
const char *fake_redis_log(const struct fake_redis *server);
void fake_redis_clear_log(struct fake_redis *server);
/* How often somebody connected. */
size_t fake_redis_connections(const struct fake_redis *server);
size_t fake_redis_clients(const struct fake_redis *server);
/* The newest one that is still there; NULL: none. */
struct fake_redis_client *fake_redis_newest(struct fake_redis *server);

/* Queues bytes for the client. */
void fake_redis_send(struct fake_redis_client *client, const void *bytes, size_t length);
void fake_redis_send_text(struct fake_redis_client *client, const char *text);
/* From now on one byte per turn of the loop. */
void fake_redis_drip(struct fake_redis_client *client);
/* After what is queued was sent: closes its side, the whole, or the whole with a reset. */
enum fake_redis_end { FAKE_REDIS_HALF_CLOSE = 1, FAKE_REDIS_CLOSE, FAKE_REDIS_RESET };
void fake_redis_end(struct fake_redis_client *client, enum fake_redis_end end);

#endif
