#include "agent/serve/buffer.h"

#include <stdlib.h>
#include <string.h>

#define FREE_MAX 64

void buffer_pool_init(struct buffer_pool *pool, size_t capacity)
{
    *pool = (struct buffer_pool){.capacity = capacity};
}

void buffer_pool_fini(struct buffer_pool *pool)
{
    while (pool->free) {
        struct buffer *next = pool->free->next;
        explicit_bzero(pool->free->data, pool->free->capacity);
        free(pool->free);
        pool->free = next;
    }
    pool->free_count = 0;
}

struct buffer *buffer_take(struct buffer_pool *pool)
{
    struct buffer *buffer = pool->free;

    if (buffer) {
        pool->free = buffer->next;
        pool->free_count--;
    } else {
        buffer = malloc(sizeof(*buffer) + pool->capacity);
        if (!buffer) {
            return NULL;
        }
        buffer->capacity = pool->capacity;
    }
    buffer->next = NULL;
    buffer->begin = 0;
    buffer->end = 0;
    return buffer;
}

void buffer_give(struct buffer_pool *pool, struct buffer *buffer)
{
    if (!buffer) {
        return;
    }
    if (pool->free_count >= FREE_MAX) {
        explicit_bzero(buffer->data, buffer->capacity);
        free(buffer);
        return;
    }
    buffer->next = pool->free;
    pool->free = buffer;
    pool->free_count++;
}

void buffer_compact(struct buffer *buffer)
{
    size_t unread = buffer_unread(buffer);

    if (buffer->begin > 0) {
        memmove(buffer->data, buffer->data + buffer->begin, unread);
        buffer->begin = 0;
        buffer->end = unread;
    }
}
