/*
 * Where the store is. Who connects to it asks for one address after the other, and is told which
 * one is next:
 *
 *   numeric address, unix socket   itself, each time
 *   name                           each of its addresses in turn, then it is looked up anew
 *   Sentinels                      where they say that the primary is, asked anew each time
 *
 * With Sentinels the primary may become another while somebody is connected to it, and the old one
 * may live on. So who is connected watches: the Sentinels are asked each second, one after the
 * other, and two answers in a row that name the same other server decide.
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
 * `why` says why, for people; it may hold bytes of a peer. Both are borrowed for the call. Once per
 * question, on the loop, never from inside endpoint_next(). The next question may be asked in it,
 * but the endpoint not freed. */
typedef void endpoint_cb(void *context, const char *host, uint16_t port, const char *why);

/* The primary is another now: the next question will be answered with it. On the loop, once; the
 * watch is over. The endpoint may not be freed in it. */
typedef void endpoint_moved_cb(void *context);

/* The address is borrowed for the endpoint's life. NULL when out of memory. */
struct endpoint *endpoint_new(struct ev_loop *loop, const struct config_store *address);
/* NULL accepted. */
void endpoint_free(struct endpoint *endpoint);

/* Asks for the next address; one question at a time, and not while one watches. ERR_MEMORY: out of
 * memory or threads, the callback will not be called. */
enum err endpoint_next(struct endpoint *endpoint, endpoint_cb *callback, void *context) MUST_USE;

/* Connected to the address that was told last. Without Sentinels nothing will be called. */
void endpoint_watch(struct endpoint *endpoint, endpoint_moved_cb *callback, void *context);

/* No callback is called any more, of a question or a watch. Nothing where there is none. */
void endpoint_cancel(struct endpoint *endpoint);

/* host:port or the path, for logs; with Sentinels the primary's name, and where it is as far as was
 * told. Valid until the next call. */
const char *endpoint_label(const struct endpoint *endpoint);

#endif
