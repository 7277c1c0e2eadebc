#include "agent/directory/directory.h"

#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/directory/directory_inside.h"
#include "agent/directory/keep.h"

/* A use so soon after a record was fetched belongs to what it was fetched for. */
#define SETTLED_US 1000000

static enum err draw_random(struct directory *directory, struct siphash_key *source_key)
{
    enum err e = crypto_random(directory->name_keys, sizeof(directory->name_keys));

    if (e == ERR_OK) {
        e = crypto_random(&directory->print_key, sizeof(directory->print_key));
    }
    if (e == ERR_OK) {
        e = crypto_random(source_key, sizeof(*source_key));
    }
    /* So that no count of an earlier directory is taken for this one's. */
    return e == ERR_OK ? crypto_random(&directory->generation, sizeof(directory->generation)) : e;
}

static enum err init(struct directory *directory, const struct directory_settings *settings)
{
    struct siphash_key source_key;
    enum err e = draw_random(directory, &source_key);

    if (e == ERR_OK) {
        e = table_init(&directory->table);
    }
    if (e == ERR_OK) {
        e = sources_init(&directory->sources, &source_key, settings->max_source_misses,
                         settings->max_misses);
    }
    return e;
}

struct directory *directory_new(struct store *store, const struct directory_settings *settings)
{
    struct directory *directory = calloc(1, sizeof(*directory));

    if (!directory) {
        return NULL;
    }
    directory->store = store;
    directory->settings = *settings;
    directory->epoch = 1;
    directory->records.max = settings->max_records > 0 ? settings->max_records : 1;
    directory->absents.max = settings->max_absent > 0 ? settings->max_absent : 1;
    if (init(directory, settings) != ERR_OK) {
        table_fini(&directory->table);
        free(directory);
        return NULL;
    }
    return directory;
}

static void free_slot(void *context, struct slot *slot)
{
    if (slot->fetch) {
        fetch_abandon(slot->fetch);
    }
    keep_free(context, slot);
}

void directory_free(struct directory *directory)
{
    if (!directory) {
        return;
    }
    table_each(&directory->table, free_slot, directory);
    table_fini(&directory->table);
    sources_fini(&directory->sources);
    free(directory);
}

uint32_t directory_hash(const struct directory *directory, enum record_kind kind, struct str name)
{
    return (uint32_t)siphash_64(&directory->name_keys[kind], name.ptr, name.len);
}

/* Since when nobody knows whether the record is current. */
static int64_t known_us(const struct directory *directory, const struct slot *slot)
{
    int64_t proven_us = 0;

    if (slot->session != 0 && slot->session == directory->session) {
        proven_us = directory->proven_us;
    } else if (slot->session != 0 && slot->session == directory->previous_session) {
        proven_us = directory->previous_proven_us;
    }
    return proven_us > slot->fetched_us ? proven_us : slot->fetched_us;
}

/* No change to it can have been missed that somebody was told is applied. */
static bool is_beyond_seal(const struct directory *directory, const struct slot *slot)
{
    return !directory->is_sealed || slot->session == directory->sealed_session ||
           slot->fetched_us > directory->sealed_us;
}

static bool is_fresh(const struct directory *directory, const struct slot *slot, struct now now)
{
    return slot->epoch == directory->epoch &&
           (slot->session == directory->session ||
            (!directory->is_followed && is_beyond_seal(directory, slot))) &&
           now.mono_us - known_us(directory, slot) < directory->settings.max_age_us;
}

static bool is_due(const struct directory *directory, const struct slot *slot, struct now now)
{
    return !slot->fetch && now.mono_us >= slot->retry_us &&
           now.mono_us - known_us(directory, slot) >= directory->settings.max_age_us / 2;
}

/* Good enough where the store can not be asked. */
static bool is_servable(const struct directory *directory, const struct slot *slot, struct now now)
{
    return slot &&
           (slot->state == SLOT_FOUND || slot->state == SLOT_BAD || slot->state == SLOT_ABSENT) &&
           slot->epoch == directory->epoch && is_beyond_seal(directory, slot) &&
           now.mono_us - known_us(directory, slot) < directory->settings.max_stale_us;
}

/* A request that waited for a record runs again when it came, and once more for each that it needs
 * besides. None of that makes the record a busy one, or every scan would push the busy ones out. */
static void note_use(const struct directory *directory, struct slot *slot, struct now now)
{
    int64_t half_us = directory->settings.max_age_us / 2;
    int64_t settled_us = half_us < SETTLED_US ? half_us : SETTLED_US;

    if (!slot->is_visited && now.mono_us - slot->fetched_us >= settled_us) {
        slot->is_visited = true;
    }
}

/* In the background: nobody waits, so it may as well be tried again later. */
static void refresh(struct directory *directory, struct slot *slot, struct now now)
{
    if (directory->fetch_count >= directory->settings.max_misses / 2) {
        return;
    }
    if (fetch_start(directory, slot, NULL, now) == ERR_OK) {
        directory->counters.refreshes++;
    } else {
        directory->counters.store_failures++;
        slot->retry_us = now.mono_us + DIRECTORY_RETRY_US;
    }
}

static enum directory_answer answer(struct slot *slot, struct directory_entry **entry)
{
    if (slot->state == SLOT_FOUND) {
        *entry = &slot->entry;
        return DIRECTORY_FOUND;
    }
    return slot->state == SLOT_ABSENT ? DIRECTORY_ABSENT : DIRECTORY_BAD;
}

static enum directory_answer answer_failed(struct directory *directory, enum err e)
{
    if (e == ERR_RANGE) {
        return DIRECTORY_BAD;
    }
    directory->counters.refused++;
    return DIRECTORY_BUSY;
}

/* Names that may not exist are counted to their source; records that were there are not, since
 * nobody can make them up. */
static enum err ask_about(struct directory *directory, struct slot *slot, struct str source_bytes,
                          struct now now)
{
    bool is_known = slot->state == SLOT_FOUND || slot->state == SLOT_BAD;
    struct source *source = NULL;

    if (directory->fetch_count >= directory->settings.max_misses) {
        return ERR_FULL;
    }
    if (!is_known) {
        enum err e = sources_take(&directory->sources, source_bytes, &source);
        if (e != ERR_OK) {
            return e;
        }
    }
    enum err e = fetch_start(directory, slot, source, now);
    if (e != ERR_OK) {
        sources_give(&directory->sources, source);
    }
    return e;
}

struct question {
    enum record_kind kind;
    struct str name;
    struct str source;
    uint32_t hash;
};

/* A slot that was there before stays, whatever comes of it: a tick may be at work on it. */
static enum err ask_about_new(struct directory *directory, const struct question *question,
                              struct now now, struct slot **out)
{
    struct slot *slot = keep_add(directory, question->hash, question->kind, question->name);

    if (!slot) {
        return ERR_MEMORY;
    }
    enum err e = ask_about(directory, slot, question->source, now);
    if (e != ERR_OK) {
        keep_drop_pending(directory, slot);
        return e;
    }
    *out = slot;
    return ERR_OK;
}

/* Asks the store about *slot, or, where that is NULL, a new one. */
static enum err ask(struct directory *directory, const struct question *question, struct now now,
                    struct slot **slot)
{
    if (!store_is_up(directory->store)) {
        return ERR_IO;
    }
    return *slot ? ask_about(directory, *slot, question->source, now)
                 : ask_about_new(directory, question, now, slot);
}

/* The store can not be asked about the slot, which may be NULL. */
static enum directory_answer answer_down(struct directory *directory, struct slot *slot,
                                         struct now now, struct directory_entry **entry)
{
    if (!is_servable(directory, slot, now)) {
        return DIRECTORY_DOWN;
    }
    note_use(directory, slot, now);
    directory->counters.stales++;
    return answer(slot, entry);
}

/* `slot` is stale, or NULL. */
static enum directory_answer miss(struct directory *directory, const struct question *question,
                                  struct slot *slot, struct now now, struct waiter *waiter,
                                  struct directory_entry **entry)
{
    if (slot && !slot->fetch && now.mono_us < slot->retry_us) {
        return answer_down(directory, slot, now, entry);
    }
    if (!slot || !slot->fetch) {
        struct slot *asked = slot;
        enum err e = ask(directory, question, now, &asked);
        if (e == ERR_IO) {
            directory->counters.store_failures++;
            return answer_down(directory, slot, now, entry);
        }
        if (e != ERR_OK) {
            return answer_failed(directory, e);
        }
        directory->counters.misses++;
        slot = asked;
    }
    waiter_add(&slot->fetch->waiters, waiter);
    return DIRECTORY_PENDING;
}

enum directory_answer directory_get(struct directory *directory, enum record_kind kind,
                                    struct str name, struct str source, struct now now,
                                    struct waiter *waiter, struct directory_entry **entry)
{
    if (name.len == 0 || name.len > DIRECTORY_NAME_BYTES_MAX) {
        return DIRECTORY_BAD;
    }
    uint32_t hash = directory_hash(directory, kind, name);
    struct slot *slot = table_find(&directory->table, hash, kind, name);
    if (slot && is_fresh(directory, slot, now)) {
        note_use(directory, slot, now);
        directory->counters.hits++;
        if (is_due(directory, slot, now)) {
            refresh(directory, slot, now);
        }
        return answer(slot, entry);
    }
    const struct question question = {kind, name, source, hash};
    return miss(directory, &question, slot, now, waiter, entry);
}

uint64_t directory_generation(const struct directory *directory)
{
    return directory->generation;
}

bool directory_is_current(struct directory *directory, struct directory_entry *entry,
                          struct now now)
{
    struct slot *slot = (struct slot *)(void *)entry;

    if (slot->state != SLOT_FOUND || !is_fresh(directory, slot, now) ||
        is_due(directory, slot, now)) {
        return false;
    }
    note_use(directory, slot, now);
    directory->counters.hits++;
    return true;
}

struct directory_entry *directory_find(struct directory *directory, enum record_kind kind,
                                       struct str name, struct now now)
{
    uint32_t hash = directory_hash(directory, kind, name);
    struct slot *slot = table_find(&directory->table, hash, kind, name);

    return slot && directory_is_current(directory, &slot->entry, now) ? &slot->entry : NULL;
}

void directory_tick(struct directory *directory, struct now now)
{
    if (directory->done_first) {
        fetch_end_all(directory, now);
    }
}

void directory_follow(struct directory *directory, uint64_t session, int64_t as_of_us)
{
    ensure(session > 0);
    if (session != directory->session) {
        directory->previous_session = directory->session;
        directory->previous_proven_us = directory->proven_us;
    }
    directory->is_followed = true;
    directory->session = session;
    directory->proven_us = as_of_us;
}

void directory_unfollow(struct directory *directory)
{
    directory->is_followed = false;
}

void directory_seal(struct directory *directory, struct now now)
{
    ensure(directory->is_followed);
    directory->is_sealed = true;
    directory->sealed_session = directory->session;
    directory->sealed_us = now.mono_us;
}

void directory_invalidate(struct directory *directory, enum record_kind kind, struct str name)
{
    if (name.len > DIRECTORY_NAME_BYTES_MAX) {
        return;
    }
    struct slot *slot =
        table_find(&directory->table, directory_hash(directory, kind, name), kind, name);
    if (!slot) {
        return;
    }
    slot->epoch = 0;
    if (slot->fetch) {
        slot->fetch->epoch = 0;
    }
}

void directory_invalidate_all(struct directory *directory)
{
    directory->epoch++;
}

void directory_counters(const struct directory *directory, struct directory_counters *out)
{
    *out = directory->counters;
    out->record_count = directory->records.count;
    out->absent_count = directory->absents.count;
    out->misses_in_flight = directory->fetch_count;
    out->bytes += table_bytes(&directory->table);
}
