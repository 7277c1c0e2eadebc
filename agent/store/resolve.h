/*
 * Names to addresses without blocking a loop: getaddrinfo() on a helper thread of its own, which
 * ends with the answer. One thread per look-up; getaddrinfo() ends in bounded time, so the caller
 * starts the next one only after the last has answered.
 */
#ifndef REEVE_STORE_RESOLVE_H
#define REEVE_STORE_RESOLVE_H

#include <ev.h>
#include <netinet/in.h>
#include <stddef.h>

#define RESOLVE_ADDRESSES_MAX 8

struct resolve_addresses {
    char texts[RESOLVE_ADDRESSES_MAX][INET6_ADDRSTRLEN]; /* numeric, in the order of preference */
    size_t count;                                        /* 0: nothing found */
};

/* On the loop, once; borrowed for the call. The look-up is over and freed when it returns. */
typedef void resolve_cb(void *context, const struct resolve_addresses *addresses);

struct resolve;

/* Copies the name. NULL when out of memory or threads. */
struct resolve *resolve_start(struct ev_loop *loop, const char *name, resolve_cb *callback,
                              void *context);

/* The callback is not called any more; the thread ends on its own, and touches the loop no more.
 * NULL accepted. */
void resolve_cancel(struct resolve *resolve);

#endif
