/*
 * I/O buffers from a pool. A connection holds buffers only while it has unread input or unsent
 * output, so an idle connection costs none. One thread.
 */
#ifndef REEVE_SERVE_BUFFER_H
#define REEVE_SERVE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* [begin, end) holds what was not used up yet. */
struct buffer {
    struct buffer *next;
    size_t begin;
    size_t end;
    size_t capacity;
    uint8_t data[];
};

struct buffer_pool {
    struct buffer *free;
    size_t free_count;
    size_t capacity; /* of every buffer */
};

void buffer_pool_init(struct buffer_pool *pool, size_t capacity);
void buffer_pool_fini(struct buffer_pool *pool);

/* Empty. NULL when out of memory. */
struct buffer *buffer_take(struct buffer_pool *pool);
/* NULL accepted. What leaves the pool is wiped, since credentials pass through; what stays is
 * overwritten by the next traffic. */
void buffer_give(struct buffer_pool *pool, struct buffer *buffer);

static inline size_t buffer_unread(const struct buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline size_t buffer_room(const struct buffer *buffer)
{
    return buffer->capacity - buffer->end;
}

/* Moves what is unread to the front. */
void buffer_compact(struct buffer *buffer);

#endif
