/*
 * The commands that one connection has sent and that have no reply yet: a ring in the order of
 * sending, which is the order of their replies. Full, nothing more is sent.
 *
 * A call that goes on (redis_call.h) leaves the front and comes back at the end, and counts from
 * its first command all the time. So the oldest command need not be the one that waits longest.
 */
#ifndef REEVE_STORE_REDIS_QUEUE_H
#define REEVE_STORE_REDIS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/store/redis_call.h"
#include "agent/store/store.h"

struct redis_pending {
    struct redis_call *call;  /* a script's, and told through it; NULL: HGETALL */
    store_reply_cb *callback; /* HGETALL's */
    void *context;
    int64_t since_us; /* when it was sent, or its call's first command */
};

struct redis_queue {
    struct redis_pending *ring;
    size_t capacity;
    size_t first;
    size_t count;
};

/* ERR_MEMORY. */
enum err redis_queue_init(struct redis_queue *queue, size_t capacity) MUST_USE;
/* It must be empty. */
void redis_queue_fini(struct redis_queue *queue);

bool redis_queue_is_full(const struct redis_queue *queue);

/* There must be room. */
void redis_queue_push(struct redis_queue *queue, struct redis_pending pending);
/* There must be one. */
struct redis_pending redis_queue_pop(struct redis_queue *queue);
const struct redis_pending *redis_queue_oldest(const struct redis_queue *queue);

/* The earliest since_us. Looks at all of them. There must be one. */
int64_t redis_queue_since_us(const struct redis_queue *queue);

/* Whether its command is a WAIT. */
bool redis_pending_is_wait(const struct redis_pending *pending);

/* Hangs a call that was popped, and has to WAIT, on a WAIT for as many replicas that is on its way:
 * it was sent after whatever has been answered, so it covers that. False: there is none. */
bool redis_queue_hang_on_wait(struct redis_queue *queue, struct redis_pending late);

#endif
