/* Memory of one command, all freed at its end. Out of memory ends the process, with its exit
 * status for trouble. */
#ifndef REEVE_CTL_HEAP_H
#define REEVE_CTL_HEAP_H

#include <stddef.h>

#include "agent/base/str.h"

struct heap_block;

/* Zeroed: empty. */
struct heap {
    struct heap_block *blocks;
    char *at; /* where the next one is taken from, of the newest small block */
    size_t left;
};

/* Zeroed memory. */
void *heap_take(struct heap *heap, size_t bytes);
/* A copy, NUL-terminated; absent stays absent. */
struct str heap_copy(struct heap *heap, struct str s);
/* snprintf() into memory of its own. */
struct str heap_print(struct heap *heap, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for one more item behind `count`: gives the array, which may have moved. */
void *heap_grow(struct heap *heap, void *items, size_t count, size_t item_bytes);

void heap_free(struct heap *heap);

/* Ends the process. */
void heap_fail(void) __attribute__((noreturn));

#endif
