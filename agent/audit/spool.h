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
 * Room, as shares of the ring:
 *
 *   0 ... 1/2    every record is taken
 *   1/2 ... 7/8  denials of callers who are not known are coalesced, by reason, gate and source
 *                prefix (/24, /48), into counted records; the others are taken
 *   7/8 ... 1    kept for the counted records
 *
 * When a record does not fit below 7/8, the answer is SPOOL_FULL and the caller denies
 * (audit_blocked); what could not be recorded is counted, and the count is recorded as a record of
 * type "audit_gap" as soon as there is room. Counts survive the death of the process too.
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
#define SPOOL_BYTES_MAX (1024u * 1024 * 1024)

struct spool;

enum spool_result {
    SPOOL_RECORDED,
    SPOOL_COALESCED, /* counted; a record of the count follows */
    SPOOL_FULL,      /* nothing recorded: do not allow */
};

struct spool_identity {
    const char *agent; /* agent_id, at most 128 bytes */
    char boot[33];     /* hex, new at each start */
    unsigned worker;
};

/* Creates <dir>/<boot>.<worker>.spool, preallocated (a full disk shows here, not as a SIGBUS
 * later). ring_bytes are rounded up to whole pages. After audit_writer_open(), which takes what is
 * in the directory for the remains of earlier boots. Gives a new spool. */
enum err spool_create(const char *dir, const struct spool_identity *identity, size_t ring_bytes,
                      struct spool **out, struct diag *diag) MUST_USE;

/* After audit_writer_close(). Unmaps; the file stays while it holds records the writer has not
 * delivered, and is removed otherwise. NULL accepted. */
void spool_close(struct spool *spool);

/* The worker's side. No allocation, no system call. */
enum spool_result spool_append(struct spool *spool, const struct audit_record *record);

/* The same for a record that is none of a request: never counted instead, and taken as long as there is
 * any room. */
enum spool_result spool_note(struct spool *spool, struct str type,
                             const struct audit_record *record);

/* The sequence of the last record that spool_append() took; and of the last one that is settled: in
 * the file, in durable mode on its disk. The latter may be read by any thread. */
uint64_t spool_sequence(const struct spool *spool);
uint64_t spool_settled(const struct spool *spool);

/* Once per turn of the loop, and at least once a second: writes the counts that are due, every
 * second while the pressure lasts, at once when it has ended. */
void spool_tick(struct spool *spool, struct now now);

struct spool_counters {
    uint64_t recorded, coalesced, refused;
    size_t used_bytes, capacity_bytes;
};

/* Any thread. */
void spool_counters(const struct spool *spool, struct spool_counters *out);

#endif
