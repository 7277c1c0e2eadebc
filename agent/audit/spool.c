#include "agent/audit/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/audit/coalesce.h"
#include "agent/audit/entry.h"
#include "agent/audit/spool_inside.h"
#include "agent/base/log.h"

#define KEEP_SHARE        8 /* of the ring, for counts */
#define KEEP_ALIGNMENT    16u
#define FLUSH_INTERVAL_US 1000000

_Static_assert(SPOOL_BYTES_MAX == AUDIT_RING_BYTES_MAX, "what may be asked for can be had");

struct spool {
    struct audit_ring ring;
    size_t keep_bytes;
    bool has_counts;
    int64_t flush_due_us; /* 0: not set */
    char *path;
    /* Written by the worker only. */
    _Atomic uint64_t recorded, coalesced, refused;
    /* Written by the writer only. */
    _Alignas(64) _Atomic uint64_t settled;
};

static struct spool *new_spool(const char *path)
{
    /* Aligned for the ring's cache lines, which calloc() does not promise. */
    struct spool *spool = aligned_alloc(_Alignof(struct spool), sizeof(*spool));

    if (!spool) {
        return NULL;
    }
    *spool = (struct spool){.path = strdup(path)};
    if (!spool->path) {
        free(spool);
        return NULL;
    }
    return spool;
}

static void free_spool(struct spool *spool)
{
    free(spool->path);
    free(spool);
}

static void set_keep(struct spool *spool)
{
    spool->keep_bytes = spool->ring.data_bytes / KEEP_SHARE / KEEP_ALIGNMENT * KEEP_ALIGNMENT;
}

static enum err fill_birth(const struct spool_identity *identity, struct audit_ring_birth *birth)
{
    size_t agent_length = strlen(identity->agent), boot_length = strnlen(identity->boot, 33);

    *birth =
        (struct audit_ring_birth){.worker = identity->worker, .created_us = clock_read().wall_us};
    if (agent_length > AUDIT_RING_AGENT_MAX || boot_length > AUDIT_RING_BOOT_MAX) {
        return ERR_RANGE;
    }
    memcpy(birth->agent, identity->agent, agent_length);
    memcpy(birth->boot, identity->boot, boot_length);
    return ERR_OK;
}

enum err spool_create(const char *dir, const struct spool_identity *identity, size_t ring_bytes,
                      struct spool **out, struct diag *diag)
{
    struct audit_ring_birth birth;
    char path[4096];
    enum err e = fill_birth(identity, &birth);

    if (e != ERR_OK || (size_t)snprintf(path, sizeof(path), "%s/%s.%u" SPOOL_SUFFIX, dir,
                                        birth.boot, identity->worker) >= sizeof(path)) {
        diag_set(diag, "spool_dir: %s: %s", dir, err_text(ERR_RANGE));
        return ERR_RANGE;
    }
    struct spool *spool = new_spool(path);
    if (!spool) {
        diag_set(diag, "spool_dir: %s", err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    e = audit_ring_create(path, &birth, ring_bytes, &spool->ring, diag);
    if (e != ERR_OK) {
        free_spool(spool);
        return e;
    }
    set_keep(spool);
    *out = spool;
    return ERR_OK;
}

enum err spool_adopt(const char *path, struct spool **out, struct diag *diag)
{
    struct spool *spool = new_spool(path);

    if (!spool) {
        diag_set(diag, "%s: %s", path, err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    enum err e = audit_ring_open(path, &spool->ring, diag);
    if (e != ERR_OK) {
        free_spool(spool);
        return e;
    }
    set_keep(spool);
    spool->has_counts = true;
    spool->ring.is_damaged |= !audit_coalesce_recover(&spool->ring);
    *out = spool;
    return ERR_OK;
}

void spool_set_aside(const char *path, const char *why)
{
    char aside[4096];
    bool is_aside = (size_t)snprintf(aside, sizeof(aside), "%s.bad", path) < sizeof(aside) &&
                    rename(path, aside) == 0;

    log_error("audit: %s: %s; %s", log_quote(str_from_c(path)).text, why,
              is_aside ? "moved aside as .bad" : "it can not be moved aside");
}

void spool_close(struct spool *spool)
{
    if (!spool) {
        return;
    }
    if (spool_is_done(spool)) {
        if (spool->ring.is_damaged) {
            spool_set_aside(spool->path, "damaged; what could be read is delivered");
        } else {
            unlink(spool->path);
        }
    }
    audit_ring_close(&spool->ring);
    free_spool(spool);
}

struct audit_ring *spool_ring(struct spool *spool)
{
    return &spool->ring;
}

uint64_t spool_sequence(const struct spool *spool)
{
    return spool->ring.next_sequence - 1;
}

uint64_t spool_settled(const struct spool *spool)
{
    return atomic_load_explicit(&spool->settled, memory_order_acquire);
}

void spool_note_settled(struct spool *spool, uint64_t sequence)
{
    atomic_store_explicit(&spool->settled, sequence, memory_order_release);
}

const char *spool_path(const struct spool *spool)
{
    return spool->path;
}

static void bump(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static bool is_under_pressure(struct spool *spool)
{
    size_t half = spool->ring.data_bytes / 2;

    return audit_ring_used(&spool->ring, half) > half;
}

enum spool_result spool_append(struct spool *spool, const struct audit_record *record)
{
    struct audit_entry entry = {
        .type = record->supersedes > 0 ? STR("superseded") : STR("decision"), .record = record};
    size_t room;

    if (audit_coalesce_accepts(record) && is_under_pressure(spool)) {
        audit_coalesce_add(&spool->ring, record);
        spool->has_counts = true;
        bump(&spool->coalesced);
        return SPOOL_COALESCED;
    }
    uint8_t *out = audit_ring_reserve(&spool->ring, spool->keep_bytes, &room);
    size_t length = audit_entry_pack(&entry, out, room);
    if (length == 0) {
        audit_coalesce_add_gap(&spool->ring, record);
        spool->has_counts = true;
        bump(&spool->refused);
        return SPOOL_FULL;
    }
    audit_ring_commit(&spool->ring, length);
    bump(&spool->recorded);
    return SPOOL_RECORDED;
}

enum spool_result spool_note(struct spool *spool, struct str type,
                             const struct audit_record *record)
{
    struct audit_entry entry = {.type = type, .record = record};
    size_t room;
    uint8_t *out = audit_ring_reserve(&spool->ring, 0, &room);
    size_t length = audit_entry_pack(&entry, out, room);

    if (length == 0) {
        bump(&spool->refused);
        return SPOOL_FULL;
    }
    audit_ring_commit(&spool->ring, length);
    bump(&spool->recorded);
    return SPOOL_RECORDED;
}

void spool_flush(struct spool *spool)
{
    if (!spool->has_counts) {
        return;
    }
    spool->has_counts = !audit_coalesce_flush(&spool->ring);
    spool->flush_due_us = 0;
}

void spool_tick(struct spool *spool, struct now now)
{
    if (!spool->has_counts) {
        return;
    }
    if (spool->flush_due_us == 0) {
        spool->flush_due_us = now.mono_us + FLUSH_INTERVAL_US;
    }
    if (now.mono_us >= spool->flush_due_us || !is_under_pressure(spool)) {
        spool_flush(spool);
    }
}

bool spool_is_done(const struct spool *spool)
{
    return !spool->has_counts && audit_ring_is_empty(&spool->ring);
}

void spool_counters(const struct spool *spool, struct spool_counters *out)
{
    const struct audit_ring_control *control = spool->ring.control;
    uint64_t tail = atomic_load_explicit(&control->tail, memory_order_acquire);
    uint64_t head = atomic_load_explicit(&control->head, memory_order_acquire);

    *out = (struct spool_counters){
        .recorded = atomic_load_explicit(&spool->recorded, memory_order_relaxed),
        .coalesced = atomic_load_explicit(&spool->coalesced, memory_order_relaxed),
        .refused = atomic_load_explicit(&spool->refused, memory_order_relaxed),
        .used_bytes = (size_t)(head - tail),
        .capacity_bytes = spool->ring.data_bytes,
    };
}
