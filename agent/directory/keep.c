#include "agent/directory/keep.h"

#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/directory/directory_inside.h"

static size_t slot_bytes(const struct slot *slot)
{
    return sizeof(*slot) + slot->name_length +
           (slot->entry.record ? record_bytes(slot->entry.record) : 0);
}

struct slot *keep_add(struct directory *directory, uint64_t hash, enum record_kind kind,
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
    memcpy(slot->name, name.ptr, name.len);
    table_add(&directory->table, slot);
    directory->counters.bytes += slot_bytes(slot);
    return slot;
}

static void free_record(struct directory *directory, struct slot *slot)
{
    directory->generation += slot->entry.record != NULL;
    record_free(slot->entry.record);
}

static void set_record(struct directory *directory, struct slot *slot, struct record *record)
{
    directory->counters.bytes -= slot_bytes(slot);
    free_record(directory, slot);
    slot->entry = (struct directory_entry){.record = record};
    directory->counters.bytes += slot_bytes(slot);
}

void keep_free(struct directory *directory, struct slot *slot)
{
    directory->counters.bytes -= slot_bytes(slot);
    free_record(directory, slot);
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

static void make_room(struct directory *directory, struct sieve *list)
{
    if (!sieve_is_full(list)) {
        return;
    }
    struct slot *slot = sieve_evict(list);
    if (list == &directory->records) {
        directory->counters.evictions++;
    }
    set_record(directory, slot, NULL);
    slot->state = SLOT_PENDING;
    slot->epoch = 0;
    keep_drop_pending(directory, slot);
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

void keep_found(struct directory *directory, struct slot *slot, struct record *record,
                const struct siphash_digest *print)
{
    set_record(directory, slot, record);
    slot->print = *print;
    set_state(directory, slot, SLOT_FOUND);
}

void keep_bad(struct directory *directory, struct slot *slot, const struct siphash_digest *print)
{
    set_record(directory, slot, NULL);
    slot->print = print ? *print : (struct siphash_digest){0};
    set_state(directory, slot, SLOT_BAD);
}

void keep_absent(struct directory *directory, struct slot *slot)
{
    set_record(directory, slot, NULL);
    set_state(directory, slot, SLOT_ABSENT);
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
    slot->epoch = fetch->epoch;
    slot->session = fetch->session;
    slot->fetched_us = fetch->sent_us;
    slot->retry_us = 0;
    slot->entry.is_refreshed = true;
}

void keep_drop_pending(struct directory *directory, struct slot *slot)
{
    if (slot->state == SLOT_PENDING && !slot->fetch) {
        table_remove(&directory->table, slot);
        keep_free(directory, slot);
    }
}
