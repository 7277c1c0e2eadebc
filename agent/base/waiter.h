/*
 * Somebody who waits for something that one thread will have: a record, a lease. Intrusive, so that
 * queueing allocates nothing and can not fail; the waiter lives in the asker's memory, zeroed but
 * for wake_cb, and is in one queue at a time.
 *
 * wake_cb runs from the end of a turn, never inside the call that queued the waiter. The waiter is
 * unlinked before, may be queued again inside, and others may be cancelled and freed. What happened
 * is found by asking again.
 */
#ifndef REEVE_BASE_WAITER_H
#define REEVE_BASE_WAITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/clock.h"

struct waiter {
    struct waiter *next; /* NULL: in no queue */
    struct waiter *previous;
    uint64_t units; /* what it waits for, where that is counted; set by who queues it */
    void (*wake_cb)(struct waiter *waiter, struct now now);
};

/* A queue in the order of coming: a ring through its own head. Does not move once it is in use. */
struct waiter_queue {
    struct waiter head;
};

void waiter_queue_init(struct waiter_queue *queue);
bool waiter_queue_is_empty(const struct waiter_queue *queue);
struct waiter *waiter_queue_first(const struct waiter_queue *queue); /* NULL: empty */

/* The waiter must be in no queue. */
void waiter_add(struct waiter_queue *queue, struct waiter *waiter);

/* Takes it out of its queue; nothing happens where it is in none. */
void waiter_cancel(struct waiter *waiter);

/* Wakes those who wait now, in their order, and not those who come meanwhile. */
void waiter_wake_all(struct waiter_queue *queue, struct now now);

/* Unlinks everybody without waking. */
void waiter_cancel_all(struct waiter_queue *queue);

#endif
