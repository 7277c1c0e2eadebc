#include "agent/directory/keep.h"

#include <malloc.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/directory/directory_inside.h"

/* With the word that the allocator keeps in front of it. */
static size_t slot_bytes(struct slot *slot)
{
    const struct record *record = slot->entry.record;

    return malloc_usable_size(slot) + sizeof(size_t) + (record ? record_bytes_outside(record) : 0);
}

struct slot *keep_add(struct directory *directory, uint32_t hash, enum record_kind kind,
                      struct str name)
{
    struct slot *slot = calloc(1, sizeof(*slot) + name.len);

    ensure(name.len <= DIRECTORY_NAME_BYTES_MAX);
    if (!slot) {
        return NULL;
    }
    slot->hash = hash;
    slot->kind = (uint8_t)kind;
    slot->name_length = (uint8_t)name.len;
    memcpy(slot_name(slot), name.ptr, name.len);
    table_add(&directory->table, slot);
    directory->counters.bytes += slot_bytes(slot);
    return slot;
}

static void fini_record(struct directory *directory, struct slot *slot)
{
    if (slot->entry.record) {
        directory->generation++;
        record_fini(slot->entry.record);
    }
}

void keep_free(struct directory *directory, struct slot *slot)
{
    directory->counters.bytes -= slot_bytes(slot);
    fini_record(directory, slot);
    free(slot);
}

static struct sieve *list_of(struct directory *directory, enum slot_state state)
{
    switch (state) {
    case SLOT_PENDING:
        return NULL;
    case SLOT_FOUND:
    case SLOT_BAD:
        return &directory->records;
    case SLOT_ABSENT:
    case SLOT_UNKNOWN:
        return &directory->absents;
    }
    return NULL;
}

/* Into a block of the right size, with the draft's record or without any. NULL when out of memory. */
static struct slot *move(struct directory *directory, struct slot *slot,
                         const struct record_draft *draft)
{
    size_t record_bytes = draft ? draft->record.bytes : 0;
    struct slot *to = malloc(sizeof(*to) + record_bytes + slot->name_length);
    struct sieve *list = list_of(directory, slot->state);

    if (!to) {
        return NULL;
    }
    *to = *slot;
    to->entry = (struct directory_entry){.record = draft ? record_move(draft, to + 1) : NULL};
    memcpy(slot_name(to), slot_name(slot), slot->name_length);
    table_replace(&directory->table, slot, to);
    if (list) {
        sieve_replace(list, slot, to);
    }
    if (to->fetch) {
        to->fetch->slot = to;
    }
    directory->counters.bytes += slot_bytes(to);
    keep_free(directory, slot);
    return to;
}

/* The slot without its record; where there is no memory to move to, it keeps its block. */
static struct slot *clear(struct directory *directory, struct slot *slot)
{
    struct slot *to = slot->entry.record ? move(directory, slot, NULL) : slot;

    if (to) {
        return to;
    }
    const char *name = slot_name(slot);
    directory->counters.bytes -= slot_bytes(slot);
    fini_record(directory, slot);
    slot->entry = (struct directory_entry){0};
    memmove(slot_name(slot), name, slot->name_length);
    directory->counters.bytes += slot_bytes(slot);
    return slot;
}

static void make_room(struct directory *directory, struct sieve *list)
{
    if (!sieve_is_full(list)) {
        return;
    }
    struct slot *slot = sieve_evict(list);
    if (list == &directory->records) {
        directory->counters.evictions++;
    }
    slot->state = SLOT_PENDING;
    slot->epoch = 0;
    if (slot->fetch) {
        clear(directory, slot);
    } else {
        keep_drop_pending(directory, slot);
    }
}

static void set_state(struct directory *directory, struct slot *slot, enum slot_state state)
{
    struct sieve *before = list_of(directory, slot->state);
    struct sieve *after = list_of(directory, state);

    slot->state = (uint8_t)state;
    if (before == after) {
        return;
    }
    if (before) {
        sieve_remove(before, slot);
    }
    make_room(directory, after);
    sieve_add(after, slot);
}

enum err keep_found(struct directory *directory, struct slot *slot,
                    const struct record_draft *draft, const struct siphash_digest *print)
{
    struct slot *to = move(directory, slot, draft);

    if (!to) {
        return ERR_MEMORY;
    }
    to->print = *print;
    set_state(directory, to, SLOT_FOUND);
    return ERR_OK;
}

void keep_bad(struct directory *directory, struct slot *slot, const struct siphash_digest *print)
{
    slot = clear(directory, slot);
    slot->print = print ? *print : (struct siphash_digest){0};
    set_state(directory, slot, SLOT_BAD);
}

void keep_absent(struct directory *directory, struct slot *slot)
{
    set_state(directory, clear(directory, slot), SLOT_ABSENT);
}

void keep_unknown(struct directory *directory, struct slot *slot)
{
    if (slot->state == SLOT_PENDING) {
        set_state(directory, slot, SLOT_UNKNOWN);
    }
}

bool keep_has_print(const struct slot *slot, const struct siphash_digest *print)
{
    return (slot->state == SLOT_FOUND || slot->state == SLOT_BAD) &&
           slot->print.low == print->low && slot->print.high == print->high;
}

static void forget_verified(struct slot *slot)
{
    if (slot->state != SLOT_FOUND || slot->kind != RECORD_KEY) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        struct record_hash *hash = record_hash(&slot->entry.record->key, i);
        if (hash) {
            hash->has_verified = false;
        }
    }
}

void keep_renew(struct slot *slot, const struct fetch *fetch)
{
    /* Invalidated since: whatever was verified may have been so under other circumstances. */
    if (slot->epoch != fetch->epoch) {
        forget_verified(slot);
    }
    slot->epoch = (uint32_t)fetch->epoch;
    slot->session = (uint32_t)fetch->session;
    slot->fetched_us = fetch->sent_us;
    slot->retry_us = 0;
}

void keep_drop_pending(struct directory *directory, struct slot *slot)
{
    if (slot->state == SLOT_PENDING && !slot->fetch) {
        table_remove(&directory->table, slot);
        keep_free(directory, slot);
    }
}
