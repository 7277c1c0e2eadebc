#include "agent/audit/heads.h"

#include <stdlib.h>
#include <string.h>

#include "agent/audit/segment_read.h"

#define CAPACITY_FIRST 64

void audit_heads_fini(struct audit_heads *heads)
{
    free(heads->items);
    *heads = (struct audit_heads){0};
}

static enum err parse(struct str line, struct audit_head *out)
{
    const struct str begin = STR("{\"v\":1,\"type\":\"checkpoint\"");
    const char *found = line.len > 0 ? memmem(line.ptr, line.len, begin.ptr, begin.len) : NULL;

    if (!found) {
        return ERR_MISSING;
    }
    struct str text = str_skip(line, (size_t)(found - line.ptr));
    bool is_whole = audit_read_number(text, "segment", &out->segment) &&
                    audit_read_number(text, "block", &out->block) &&
                    audit_read_hex(text, "hash", out->hash, sizeof(out->hash));
    return is_whole ? ERR_OK : ERR_SYNTAX;
}

static enum err grow(struct audit_heads *heads)
{
    size_t capacity = heads->capacity > 0 ? 2 * heads->capacity : CAPACITY_FIRST;
    struct audit_head *items = realloc(heads->items, capacity * sizeof(*items));

    if (!items) {
        return ERR_MEMORY;
    }
    heads->items = items;
    heads->capacity = capacity;
    return ERR_OK;
}

enum err audit_heads_add(struct audit_heads *heads, struct str line)
{
    struct audit_head head = {0};
    enum err e = parse(line, &head);

    if (e == ERR_OK && heads->count == heads->capacity) {
        e = grow(heads);
    }
    if (e == ERR_OK) {
        heads->items[heads->count++] = head;
        heads->is_sorted = false;
    }
    return e;
}

static int compare(const void *a, const void *b)
{
    const struct audit_head *left = a, *right = b;

    if (left->segment != right->segment) {
        return left->segment < right->segment ? -1 : 1;
    }
    return left->block < right->block ? -1 : left->block > right->block;
}

/* The first that is not before `wanted`. */
static size_t lower_bound(const struct audit_heads *heads, const struct audit_head *wanted)
{
    size_t low = 0, high = heads->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(&heads->items[middle], wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct audit_head *audit_heads_find(struct audit_heads *heads, uint64_t segment,
                                          uint64_t block, size_t *count)
{
    const struct audit_head wanted = {.segment = segment, .block = block};

    if (!heads->is_sorted && heads->count > 0) {
        qsort(heads->items, heads->count, sizeof(*heads->items), compare);
        heads->is_sorted = true;
    }
    size_t first = lower_bound(heads, &wanted), end = first;
    while (end < heads->count && compare(&heads->items[end], &wanted) == 0) {
        heads->items[end++].is_found = true;
    }
    *count = end - first;
    return heads->items + first;
}
