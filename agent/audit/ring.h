/*
 * One worker's ring file, mapped into memory: the bytes under a spool.
 *
 *      0   birth: who made the file; never changes
 *          head, next sequence: written by the producer      tail: written by the consumer
 *          ledger, twice: what the consumer must remember across its death
 *   4096   scratch: the producer's, for counts that must survive (coalesce.h)
 *   64 Ki  data; mapped twice in a row, so that no record is ever split
 *
 * Head and tail count bytes since the file was made and never wrap; both are multiples of 16.
 *
 *   record: u32 length, u32 checksum, u64 sequence, payload, padding to 16
 *
 * One producer thread and one consumer thread. Data belongs to the producer from head to
 * tail + size, to the consumer from tail to head; the release store of one and the acquire load of
 * the other hand it over. A record's checksum covers its position, its sequence and the file's
 * birth, so what an earlier lap or another file left is never taken for a record.
 *
 * Death at any instruction: a record counts once its checksum fits, whether or not the head had
 * moved; audit_ring_open() finds the end by reading. The ledger is written twice, each copy with
 * its checksum, so one of them is always whole.
 *
 * The next sequence stands beside the head: a record that damage took from the end leaves a gap,
 * and no other gets its sequence.
 *
 * The file's content is not trusted: lengths, offsets and checksums are checked before use.
 * Checksums find damage, not forgery: who can write the file can forge records.
 */
#ifndef REEVE_AUDIT_RING_H
#define REEVE_AUDIT_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"

#define AUDIT_RING_PAYLOAD_MAX   8176u /* of one record */
#define AUDIT_RING_BYTES_MAX     (1u << 30)
#define AUDIT_RING_SCRATCH_BYTES (60u * 1024)
#define AUDIT_RING_AGENT_MAX     128
#define AUDIT_RING_BOOT_MAX      32

/* Who made the file. Texts are NUL-terminated; boot is 1 to 32 hex digits. */
struct audit_ring_birth {
    char magic[8];
    uint32_t version;
    uint32_t worker;
    uint64_t data_bytes;
    int64_t created_us; /* wall clock */
    char boot[AUDIT_RING_BOOT_MAX + 8];
    char agent[AUDIT_RING_AGENT_MAX + 8];
    uint64_t checksum;
};

/* A place in a file: where a batch of lines begins. */
struct audit_place {
    uint64_t device;
    uint64_t inode;
    uint64_t born_ns; /* tells the file from a later one with its inode number; 0: not known */
    uint64_t offset;
};

/* What is delivered, and where the batch that may be half delivered begins. */
struct audit_ring_ledger {
    uint64_t generation;
    uint64_t tail;
    uint64_t delivered;    /* the last sequence that stands in the file for certain */
    uint64_t batch_end;    /* the last sequence of the batch at `place`; <= delivered: no batch */
    uint64_t doubtful_end; /* records up to here may have been in a file that is gone */
    struct audit_place place;
    uint64_t checksum;
};

struct audit_ring_control {
    struct audit_ring_birth birth;
    _Alignas(128) _Atomic uint64_t head;
    _Atomic uint64_t next_sequence; /* the producer's; 0 in a file of an earlier version */
    _Alignas(128) _Atomic uint64_t tail;
    _Alignas(128) struct audit_ring_ledger ledger[2];
};

struct audit_ring {
    struct audit_ring_control *control; /* the mapping's start */
    uint8_t *data;
    size_t data_bytes;
    uint64_t salt;   /* of the checksums, from the birth */
    bool is_damaged; /* audit_ring_open() met something else where a record should be */

    /* The producer's. */
    _Alignas(64) uint64_t head;
    size_t head_offset;     /* head modulo data_bytes */
    uint64_t known_tail;    /* the tail when last looked at: never too far */
    uint64_t next_sequence; /* from 1 */

    /* The consumer's. */
    _Alignas(64) struct audit_ring_ledger ledger;
};

/* A record in the ring; data stays until the consumer settles it. */
struct audit_ring_record {
    uint64_t sequence;
    uint64_t end; /* position of what follows */
    const uint8_t *data;
    size_t length;
};

/* Rounds data_bytes up to whole pages. All of the file is allocated on its disk before this
 * returns. The birth's magic, version, data_bytes and checksum are filled here. On failure no file
 * is left. Under `path`.new until it is complete. */
enum err audit_ring_create(const char *path, const struct audit_ring_birth *birth,
                           size_t data_bytes, struct audit_ring *out, struct diag *diag) MUST_USE;

/* A file that an earlier process left; its producer is dead. The ring can be read, and appended to;
 * no sequence is given a second time, unless what tells of it is damaged too. ERR_SYNTAX: not a
 * ring file of ours, or its control page is damaged. ERR_IO: errno says why. */
enum err audit_ring_open(const char *path, struct audit_ring *out, struct diag *diag) MUST_USE;

/* Unmaps. The file stays. */
void audit_ring_close(struct audit_ring *ring);

/* --- producer; no system call --- */

/* Bytes not yet settled. At most what is true: looks at the consumer's tail only when what it knows
 * is above `enough`. */
uint64_t audit_ring_used(struct audit_ring *ring, uint64_t enough);

/* Where the next record's payload goes, and how long it may be if `keep` bytes stay free after it
 * (a multiple of 16); *room is 0 when there is none. */
uint8_t *audit_ring_reserve(struct audit_ring *ring, size_t keep, size_t *room);

/* What was written at audit_ring_reserve() becomes a record with the next sequence. At least one
 * byte, at most the room. */
void audit_ring_commit(struct audit_ring *ring, size_t length);

/* AUDIT_RING_SCRATCH_BYTES bytes, zero in a new file, aligned for any type. */
void *audit_ring_scratch(struct audit_ring *ring);

/* --- consumer --- */

/* The first record at or after `position` with a sequence above `after`; false when there is none
 * before the head. Steps over damage: then the sequence found is not after + 1. */
bool audit_ring_next(const struct audit_ring *ring, uint64_t position, uint64_t after,
                     struct audit_ring_record *out);

/* Before a batch that ends with this record is written at `place`. */
void audit_ring_mark(struct audit_ring *ring, const struct audit_place *place, uint64_t batch_end);

/* Everything up to `sequence`, which ends at `position`, is delivered. */
void audit_ring_settle(struct audit_ring *ring, uint64_t position, uint64_t sequence);

/* The batch's file is gone: whatever of it is delivered from now on may be there twice. */
void audit_ring_doubt_batch(struct audit_ring *ring);

bool audit_ring_is_empty(const struct audit_ring *ring);

#endif
