#include "agent/store/redis_queue.h"

#include <stdlib.h>

#include "agent/base/ensure.h"

static struct redis_pending *at(const struct redis_queue *queue, size_t index)
{
    return &queue->ring[(queue->first + index) % queue->capacity];
}

enum err redis_queue_init(struct redis_queue *queue, size_t capacity)
{
    struct redis_pending *ring = calloc(capacity, sizeof(*ring));

    if (!ring) {
        return ERR_MEMORY;
    }
    *queue = (struct redis_queue){.ring = ring, .capacity = capacity};
    return ERR_OK;
}

void redis_queue_fini(struct redis_queue *queue)
{
    ensure(queue->count == 0);
    free(queue->ring);
}

bool redis_queue_is_full(const struct redis_queue *queue)
{
    return queue->count == queue->capacity;
}

void redis_queue_push(struct redis_queue *queue, struct redis_pending pending)
{
    ensure(!redis_queue_is_full(queue));
    *at(queue, queue->count) = pending;
    queue->count++;
}

struct redis_pending redis_queue_pop(struct redis_queue *queue)
{
    struct redis_pending oldest = *redis_queue_oldest(queue);

    queue->first = (queue->first + 1) % queue->capacity;
    queue->count--;
    return oldest;
}

const struct redis_pending *redis_queue_oldest(const struct redis_queue *queue)
{
    ensure(queue->count > 0);
    return at(queue, 0);
}

int64_t redis_queue_since_us(const struct redis_queue *queue)
{
    int64_t since_us = redis_queue_oldest(queue)->since_us;

    for (size_t i = 1; i < queue->count; i++) {
        if (at(queue, i)->since_us < since_us) {
            since_us = at(queue, i)->since_us;
        }
    }
    return since_us;
}

bool redis_pending_is_wait(const struct redis_pending *pending)
{
    return pending->call && pending->call->step == REDIS_CALL_WAIT;
}

static struct redis_pending *find_wait(const struct redis_queue *queue, unsigned replicas)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (redis_pending_is_wait(at(queue, i)) && at(queue, i)->call->replicas >= replicas) {
            return at(queue, i);
        }
    }
    return NULL;
}

bool redis_queue_hang_on_wait(struct redis_queue *queue, struct redis_pending late)
{
    struct redis_pending *wait = find_wait(queue, late.call->replicas);

    if (!wait) {
        return false;
    }
    late.call->next = wait->call->next;
    wait->call->next = late.call;
    if (late.since_us < wait->since_us) {
        wait->since_us = late.since_us;
    }
    return true;
}
