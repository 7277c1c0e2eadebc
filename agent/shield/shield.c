#include "agent/shield/shield.h"

#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/shield/shield_inside.h"

enum err shield_start(void)
{
    return shield_share_start();
}

static struct shield_rule rule_of(const struct config *config, unsigned free_count)
{
    int64_t interval_us = free_count > 0 ? config->failure_memory_us / free_count : 0;

    return (struct shield_rule){.free = free_count,
                                .interval_us = interval_us > 0 ? interval_us : 1,
                                .wait_us = config->failure_wait_us,
                                .wait_max_us = config->failure_wait_max_us};
}

void shield_configure(struct shield *shield, const struct config *config)
{
    shield->rules[SHIELD_PAIR] = rule_of(config, config->max_failures);
    shield->rules[SHIELD_SOURCES] = rule_of(config, config->max_source_failures);
    shield->exempt = &config->failure_exempt;
}

struct shield *shield_new(const struct config *config, struct store *store)
{
    struct shield *shield = calloc(1, sizeof(*shield));

    if (!shield) {
        return NULL;
    }
    shield_configure(shield, config);
    shield->share = shield_share_new(shield, str_from_c(config->prefix), store);
    enum err e = crypto_random(&shield->key, sizeof(shield->key));
    for (unsigned i = 0; i < SHIELD_KINDS && e == ERR_OK; i++) {
        e = shield_table_init(&shield->tables[i], config->max_failing);
    }
    shield->proven =
        calloc(shield_table_places(&shield->tables[SHIELD_PAIR]), sizeof(*shield->proven));
    shield->changes = calloc(SHIELD_CHANGES, sizeof(*shield->changes));
    if (e != ERR_OK || !shield->share || !shield->proven || !shield->changes) {
        shield_free(shield);
        return NULL;
    }
    return shield;
}

void shield_free(struct shield *shield)
{
    if (!shield) {
        return;
    }
    shield_share_free(shield->share);
    for (unsigned i = 0; i < SHIELD_KINDS; i++) {
        shield_table_fini(&shield->tables[i]);
    }
    free(shield->proven);
    free(shield->changes);
    free(shield);
}

/* ---- subjects ---- */

/* Hashes are odd, see table.h. */
static uint64_t source_hash(const struct shield *shield, const struct ip *source)
{
    size_t length = source->length == 16 ? 8 : source->length;

    return siphash_64(&shield->key, source->bytes, length) | 1;
}

static uint64_t credential_hash(const struct shield *shield, enum credential_kind kind,
                                struct str name)
{
    return siphash_64(&shield->key, name.ptr, name.len) ^ kind;
}

static uint64_t pair_hash(const struct shield *shield, const struct shield_attempt *attempt)
{
    const uint64_t parts[] = {credential_hash(shield, attempt->kind, attempt->credential),
                              source_hash(shield, attempt->source)};

    return siphash_64(&shield->key, parts, sizeof(parts)) | 1;
}

static uint64_t hash_of(const struct shield *shield, enum shield_kind kind,
                        const struct shield_attempt *attempt)
{
    return kind == SHIELD_PAIR ? pair_hash(shield, attempt) : source_hash(shield, attempt->source);
}

static bool is_exempt(const struct shield *shield, const struct ip *source)
{
    for (size_t i = 0; i < shield->exempt->count; i++) {
        if (ip_prefix_holds(&shield->exempt->items[i], source)) {
            return true;
        }
    }
    return false;
}

static bool counts(const struct shield *shield, enum shield_kind kind,
                   const struct shield_attempt *attempt)
{
    return shield->rules[kind].free > 0 &&
           (kind == SHIELD_PAIR || !is_exempt(shield, attempt->source));
}

static uint32_t *changes_of(struct shield *shield, enum credential_kind kind, struct str name)
{
    return &shield->changes[credential_hash(shield, kind, name) % SHIELD_CHANGES];
}

void shield_changed(struct shield *shield, enum credential_kind kind, struct str name)
{
    (*changes_of(shield, kind, name))++;
}

static uint64_t *proven_place(const struct shield *shield, const struct shield_attempt *attempt,
                              uint64_t *hash)
{
    *hash = siphash_64(&shield->key, attempt->text.ptr, attempt->text.len) | 1;
    return &shield->proven[(*hash >> 1) & (shield_table_places(&shield->tables[SHIELD_PAIR]) - 1)];
}

bool shield_knows(const struct shield *shield, const struct shield_attempt *attempt)
{
    uint64_t hash, *place = proven_place(shield, attempt, &hash);

    return !str_is_absent(attempt->text) && *place == hash;
}

static void forgive(struct shield *shield, struct shield_entry *entry)
{
    entry->count = (struct shield_count){0};
    entry->untold = 0;
    entry->is_forgiven = true;
    shield_share_add(shield->share, SHIELD_PAIR, entry);
}

/* What failed before the record changed says nothing of how it is now. */
static void forgive_if_changed(struct shield *shield, enum shield_kind kind,
                               const struct shield_attempt *attempt, struct shield_entry *entry)
{
    if (kind == SHIELD_PAIR) {
        uint32_t changes = *changes_of(shield, attempt->kind, attempt->credential);
        if (entry->changes != changes && entry->count.clear_us > 0) {
            forgive(shield, entry);
        }
        entry->changes = changes;
    }
}

/* ---- attempts ---- */

bool shield_is_quiet(const struct shield *shield, struct now now)
{
    return now.mono_us >= shield->tables[SHIELD_PAIR].waits_until_us &&
           now.mono_us >= shield->tables[SHIELD_SOURCES].waits_until_us;
}

/* Who comes again may have been forgiven elsewhere. */
static int64_t wait_of(struct shield *shield, enum shield_kind kind,
                       const struct shield_attempt *attempt, struct now now)
{
    const struct shield_table *table = &shield->tables[kind];

    if (now.mono_us >= table->waits_until_us || !counts(shield, kind, attempt)) {
        return 0;
    }
    struct shield_entry *entry = shield_table_find(table, hash_of(shield, kind, attempt));
    if (entry) {
        forgive_if_changed(shield, kind, attempt, entry);
    }
    if (!entry || !shield_count_waits(&entry->count, now.mono_us)) {
        return 0;
    }
    if (entry->untold == 0 && now.mono_us - entry->touched_us >= SHARE_ASK_US) {
        entry->touched_us = now.mono_us;
        shield_share_add(shield->share, kind, entry);
    }
    return entry->count.until_us - now.mono_us;
}

int64_t shield_wait_us(struct shield *shield, const struct shield_attempt *attempt, struct now now,
                       enum shield_cause *cause)
{
    *cause = SHIELD_NOTHING;
    if (shield_is_quiet(shield, now)) {
        return 0;
    }
    int64_t pair_us = wait_of(shield, SHIELD_PAIR, attempt, now);
    int64_t source_us = wait_of(shield, SHIELD_SOURCES, attempt, now);
    if (source_us > 0 && source_us >= pair_us) {
        *cause = SHIELD_SOURCE;
        return source_us;
    }
    *cause = pair_us > 0 ? SHIELD_CREDENTIAL : SHIELD_NOTHING;
    return pair_us;
}

static void count_failure(struct shield *shield, enum shield_kind kind,
                          const struct shield_attempt *attempt, struct now now)
{
    if (!counts(shield, kind, attempt)) {
        return;
    }
    struct shield_table *table = &shield->tables[kind];
    struct shield_entry *entry =
        shield_table_take(table, hash_of(shield, kind, attempt), now.mono_us);
    if (entry) {
        forgive_if_changed(shield, kind, attempt, entry);
    }
    if (!entry || shield_count_waits(&entry->count, now.mono_us)) {
        return;
    }
    shield_count_add(&entry->count, &shield->rules[kind], now.mono_us);
    shield_table_note(table, entry);
    entry->untold++;
    entry->touched_us = now.mono_us;
    shield_share_name(shield->share, kind, attempt, entry);
    shield_share_add(shield->share, kind, entry);
}

void shield_failed(struct shield *shield, const struct shield_attempt *attempt, struct now now)
{
    if (attempt->kind == CREDENTIAL_NONE || attempt->source->length == 0 ||
        shield_knows(shield, attempt)) {
        return;
    }
    shield->failures++;
    count_failure(shield, SHIELD_PAIR, attempt, now);
    count_failure(shield, SHIELD_SOURCES, attempt, now);
}

void shield_succeeded(struct shield *shield, const struct shield_attempt *attempt, struct now now)
{
    if (!str_is_absent(attempt->text)) {
        uint64_t hash, *place = proven_place(shield, attempt, &hash);
        *place = hash;
    }
    if (shield->failures == 0 || attempt->source->length == 0) {
        return;
    }
    struct shield_entry *entry =
        shield_table_find(&shield->tables[SHIELD_PAIR], pair_hash(shield, attempt));
    if (entry && !shield_count_is_clear(&entry->count, now.mono_us)) {
        forgive(shield, entry);
    }
}

/* ---- the store ---- */

void shield_tick(struct shield *shield, struct now now)
{
    shield_share_tick(shield->share, now);
}

/* What was counted while the store was away has no name yet, and may be what is meant. */
static void forget_named(struct shield_table *table, const uint8_t name[SHIELD_NAME_BYTES])
{
    for (size_t i = 0; i < shield_table_places(table); i++) {
        struct shield_entry *entry = &table->entries[i];

        if (!entry->has_name || memcmp(entry->credential, name, SHIELD_NAME_BYTES) == 0 ||
            memcmp(entry->source, name, SHIELD_NAME_BYTES) == 0) {
            *entry = (struct shield_entry){0};
        }
    }
}

bool shield_unlock(struct shield *shield, struct str key)
{
    uint8_t name[SHIELD_NAME_BYTES];

    if (!shield_share_read_unlock(shield->share, key, name)) {
        return false;
    }
    for (unsigned i = 0; i < SHIELD_KINDS; i++) {
        forget_named(&shield->tables[i], name);
    }
    return true;
}

void shield_flushed(struct shield *shield)
{
    shield_share_flushed(shield->share);
}

void shield_counters(const struct shield *shield, struct shield_counters *out)
{
    *out = (struct shield_counters){.failures = shield->failures};
    for (unsigned i = 0; i < SHIELD_KINDS; i++) {
        out->refused += shield->tables[i].refused;
    }
    shield_share_counters(shield->share, out);
}
