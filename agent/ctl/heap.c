#include "agent/ctl/heap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/ctl/command.h"

#define GROW_FIRST  16
#define BLOCK_BYTES ((size_t)64 * 1024)

struct heap_block {
    struct heap_block *next;
    _Alignas(max_align_t) char bytes[];
};

void heap_fail(void)
{
    command_fail("out of memory");
    exit(COMMAND_TROUBLE);
}

static char *new_block(struct heap *heap, size_t bytes)
{
    struct heap_block *block = calloc(1, sizeof(*block) + bytes);

    if (!block) {
        heap_fail();
    }
    block->next = heap->blocks;
    heap->blocks = block;
    return block->bytes;
}

/* What is large has a block of its own. */
void *heap_take(struct heap *heap, size_t bytes)
{
    const size_t unit = _Alignof(max_align_t);

    if (bytes > BLOCK_BYTES / 4) {
        return new_block(heap, bytes);
    }
    bytes = (bytes + unit - 1) / unit * unit;
    if (bytes > heap->left) {
        heap->at = new_block(heap, BLOCK_BYTES);
        heap->left = BLOCK_BYTES;
    }
    void *taken = heap->at;
    heap->at += bytes;
    heap->left -= bytes;
    return taken;
}

struct str heap_copy(struct heap *heap, struct str s)
{
    if (str_is_absent(s)) {
        return s;
    }
    char *copy = heap_take(heap, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return str_make(copy, s.len);
}

struct str heap_print(struct heap *heap, const char *format, ...)
{
    va_list arguments, again;

    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = heap_take(heap, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return str_make(text, (size_t)length);
}

/* Doubles at the powers of two. What it moved from is freed with the rest. */
void *heap_grow(struct heap *heap, void *items, size_t count, size_t item_bytes)
{
    bool is_full = count == 0 || (count >= GROW_FIRST && (count & (count - 1)) == 0);

    if (!is_full) {
        return items;
    }
    size_t capacity = count < GROW_FIRST ? GROW_FIRST : 2 * count;
    void *grown = heap_take(heap, capacity * item_bytes);
    if (count > 0) {
        memcpy(grown, items, count * item_bytes);
    }
    return grown;
}

void heap_free(struct heap *heap)
{
    while (heap->blocks) {
        struct heap_block *next = heap->blocks->next;
        free(heap->blocks);
        heap->blocks = next;
    }
    heap->left = 0;
}
