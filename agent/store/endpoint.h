/*
 * Where the store is. Who connects to it asks for one address after the other, and is told which
 * one is next:
 *
 *   numeric address, unix socket   itself, each time
 *   name                           each of its addresses in turn, then it is looked up anew
 *
 * Every connection has an endpoint of its own, used on its loop's thread only; nothing here blocks.
 */
#ifndef REEVE_STORE_ENDPOINT_H
#define REEVE_STORE_ENDPOINT_H

#include <stdint.h>

#include "agent/base/err.h"
#include "agent/config/config.h"

struct endpoint;
struct ev_loop;

/* `host` is numeric, or the path of a unix socket where `port` is 0. NULL: there is none now, and
 * `why` says why, for people. Both are borrowed for the call. Once per question, on the loop, never
 * from inside endpoint_next(); the next question may be asked, and the endpoint freed, in it. */
typedef void endpoint_cb(void *context, const char *host, uint16_t port, const char *why);

/* The address is borrowed for the endpoint's life. NULL when out of memory. */
struct endpoint *endpoint_new(struct ev_loop *loop, const struct config_store *address);
/* NULL accepted. */
void endpoint_free(struct endpoint *endpoint);

/* Asks for the next address; one question at a time. ERR_MEMORY: out of memory or threads, the
 * callback will not be called. */
enum err endpoint_next(struct endpoint *endpoint, endpoint_cb *callback, void *context) MUST_USE;

/* The callback is not called any more. Nothing where no question is open. */
void endpoint_cancel(struct endpoint *endpoint);

/* host:port as configured, or the path; for logs, valid until the next call. */
const char *endpoint_label(const struct endpoint *endpoint);

#endif
