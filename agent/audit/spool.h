/*
 * The spool: one preallocated, memory-mapped ring file per worker. The worker packs a record
 * (msgpack) into it before the ACK leaves: no system call, no lock, no other thread. The records
 * survive the death of the process; the writer, of this boot or the next, turns them into lines.
 *
 *   worker --append--> [ tail ... records ... head ] --drain--> writer
 *
 * One producer, one consumer. A record is: length, sequence, checksum, msgpack. The head moves
 * (release) only after the record's bytes stand, so a killed process leaves no half record.
 *
 * Room: above half full, denials of requests whose user is not known are coalesced, by reason and
 * source prefix, into counted records, and the rest of the ring is kept for the others. When a
 * record does not fit, the answer is SPOOL_FULL and the caller denies (audit_blocked); what could
 * not be recorded is counted, and the count is recorded as soon as there is room.
 */
#ifndef REEVE_AUDIT_SPOOL_H
#define REEVE_AUDIT_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "agent/audit/record.h"
#include "agent/base/clock.h"
#include "agent/base/diag.h"
#include "agent/base/err.h"

#define SPOOL_BYTES_MIN (64u * 1024)

struct spool;

enum spool_result {
    SPOOL_RECORDED,
    SPOOL_COALESCED, /* counted; a record of the count follows */
    SPOOL_FULL,      /* nothing recorded: do not allow */
};

struct spool_identity {
    const char *agent; /* agent_id */
    char boot[33];     /* hex, new at each start */
    unsigned worker;
};

/* Creates <dir>/<boot>.<worker>.spool, preallocated (a full disk shows here, not as a SIGBUS later).
 * Gives a new spool. */
enum err spool_create(const char *dir, const struct spool_identity *identity, size_t ring_bytes,
                      struct spool **out, struct diag *diag) MUST_USE;

/* Unmaps; the file stays while it holds records the writer has not delivered. */
void spool_close(struct spool *spool);

/* The worker's side. No allocation, no system call. */
enum spool_result spool_append(struct spool *spool, const struct audit_record *record);

/* Once per turn of the loop: writes the coalesced counts that are due. */
void spool_tick(struct spool *spool, struct now now);

struct spool_counters {
    uint64_t recorded, coalesced, refused;
    size_t used_bytes, capacity_bytes;
};

void spool_counters(const struct spool *spool, struct spool_counters *out);

#endif
