#include "agent/base/waiter.h"

#include "agent/base/ensure.h"

void waiter_queue_init(struct waiter_queue *queue)
{
    queue->head = (struct waiter){.next = &queue->head, .previous = &queue->head};
}

bool waiter_queue_is_empty(const struct waiter_queue *queue)
{
    return queue->head.next == &queue->head;
}

struct waiter *waiter_queue_first(const struct waiter_queue *queue)
{
    return waiter_queue_is_empty(queue) ? NULL : queue->head.next;
}

void waiter_add(struct waiter_queue *queue, struct waiter *waiter)
{
    ensure(!waiter->next);
    waiter->previous = queue->head.previous;
    waiter->next = &queue->head;
    waiter->previous->next = waiter;
    queue->head.previous = waiter;
}

void waiter_cancel(struct waiter *waiter)
{
    if (!waiter->next) {
        return;
    }
    waiter->previous->next = waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

/* Moves everybody to a queue of its own first: who comes meanwhile waits for the next time. */
void waiter_wake_all(struct waiter_queue *queue, struct now now)
{
    struct waiter_queue woken;
    struct waiter *waiter;

    if (waiter_queue_is_empty(queue)) {
        return;
    }
    woken.head = queue->head;
    woken.head.next->previous = &woken.head;
    woken.head.previous->next = &woken.head;
    waiter_queue_init(queue);
    while ((waiter = waiter_queue_first(&woken))) {
        waiter_cancel(waiter);
        waiter->wake_cb(waiter, now);
    }
}

void waiter_cancel_all(struct waiter_queue *queue)
{
    struct waiter *waiter;

    while ((waiter = waiter_queue_first(queue))) {
        waiter_cancel(waiter);
    }
}
