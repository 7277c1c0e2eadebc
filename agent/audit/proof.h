/*
 * What makes the audit prove itself. Beside records, a segment holds lines of the writer's own:
 *
 *   {"v":1,"type":"segment","time":..,"agent":..,"boot":..,"segment":42,
 *    "positions":[["<boot>",<worker>,<sequence>],..],"previous":"<hash>",
 *    "key":"<public>","certificate":"<signature>"}
 *
 *   {"v":1,"type":"checkpoint","time":..,"agent":..,"boot":..,"segment":42,"block":3,"lines":140,
 *    "ranges":[["<boot>",<worker>,<first>,<last>],..],"hash":"<hash>","signature":"<signature>"}
 *
 * A segment begins with its header and is cut into blocks of 64 KiB or a second; a checkpoint closes
 * each. What is hashed:
 *
 *   header  records ...  checkpoint 1   records ...  checkpoint 2   | header of the next segment
 *   `------ block 1 -----'`------------ block 2 -----'`- the rest --'
 *
 *   hash of a block = SHA-256(hash before | the bytes of its lines)
 *
 * Before a segment's first block comes `previous`: the same over what follows the last checkpoint of
 * the segment before, that checkpoint's line included. So nothing can be taken from the end of a
 * segment that has a successor. Absent where there was none, or it was not found.
 *
 * Signatures are Ed25519, in hex, over the line up to the comma before their name. A segment's key is
 * made for it; its header's certificate is made with the key of the segment before (keys.h), that of
 * segment 1 with the first key. Without keys there are no such members, and hashes only.
 *
 *   positions       the last record of each worker before this segment
 *   "recovered":true the block's lines were found at a start, without a checkpoint: their writer died
 *                   before it vouched for them
 *
 * Hashes and signatures are made of what stands in the file: a line counts once it is written whole.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_PROOF_H
#define REEVE_AUDIT_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/audit/keys.h"
#include "agent/audit/line.h"
#include "agent/base/clock.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"

#define AUDIT_BLOCK_BYTES    (64u * 1024)
#define AUDIT_BLOCK_US       1000000
#define AUDIT_PROOF_LINE_MAX (32u * 1024) /* of a header or checkpoint */
#define AUDIT_RANGES_MAX     128

/* Records of one boot and worker. */
struct audit_range {
    char boot[AUDIT_RING_BOOT_MAX + 8];
    uint64_t worker;
    uint64_t first, last;
};

/* A line of ours that is on its way into the file. */
enum audit_proof_pending { AUDIT_PROOF_NONE, AUDIT_PROOF_HEADER, AUDIT_PROOF_CHECKPOINT };

struct audit_proof {
    struct audit_keys *keys; /* owned; NULL: no signatures */
    struct crypto_hasher *hasher;
    char agent[ENC_JSON_MAX(AUDIT_RING_AGENT_MAX) + 1]; /* escaped */
    char boot[AUDIT_RING_BOOT_MAX + 8];

    uint64_t segment;                   /* 0: none is begun */
    uint64_t block;                     /* closed ones */
    uint8_t chain[CRYPTO_SHA256_BYTES]; /* the last checkpoint's hash, or `previous` */
    bool has_chain;                     /* false: nothing is known of a segment before */
    size_t block_bytes;                 /* of the open block */
    uint64_t line_count;                /* in it, but for the checkpoint it begins with */
    int64_t open_since_us;              /* monotonic: its first line */
    bool is_recovered;
    struct audit_range ranges[AUDIT_RANGES_MAX];
    size_t range_count;

    enum audit_proof_pending pending;
    uint64_t pending_segment;
    uint8_t pending_hash[CRYPTO_SHA256_BYTES];
    bool pending_has_hash;
};

/* After crypto_start(). Takes the keys, also on failure. */
enum err audit_proof_init(struct audit_proof *proof, const char *agent, const char *boot,
                          struct audit_keys *keys) MUST_USE;
void audit_proof_fini(struct audit_proof *proof);

/* --- lines to write; each is made once, then it is written or dropped ---
 * Into out[AUDIT_PROOF_LINE_MAX], with its line feed; gives the length, 0 on failure. */

/* Of the segment `number`. Prepares its key; where that can not be kept, *is_key_old says so and
 * the segment has the key of the one before. */
size_t audit_proof_make_header(struct audit_proof *proof, uint64_t number,
                               const struct audit_range *positions, size_t position_count,
                               struct now now, char *out, bool *is_key_old);
size_t audit_proof_make_checkpoint(struct audit_proof *proof, struct now now, char *out);

/* The line stands in the file, whole. */
void audit_proof_written(struct audit_proof *proof, const char *line, size_t length,
                         struct now now);
/* It will never stand there. */
void audit_proof_drop(struct audit_proof *proof);
/* After the header was written; `is_synced`: it is on the disk, so the key of the segment before is
 * gone. */
enum err audit_proof_commit(struct audit_proof *proof, bool is_synced, struct diag *diag) MUST_USE;

/* --- what is written beside --- */

/* Whole lines of records. */
void audit_proof_add(struct audit_proof *proof, const char *lines, size_t length, uint64_t count,
                     struct now now);
/* The records among them. */
void audit_proof_add_range(struct audit_proof *proof, const struct audit_range *range);

/* Bytes that the open block still has room for. */
size_t audit_proof_room(const struct audit_proof *proof);
/* The open block has lines. */
bool audit_proof_is_open(const struct audit_proof *proof);
/* It is to be closed. */
bool audit_proof_is_due(const struct audit_proof *proof, struct now now);

/*
 * Goes on with the segment in `fd`, which an earlier boot left: finds its last checkpoint and takes
 * in what follows. ERR_MISSING: no header. ERR_SYNTAX: not a segment that these keys were at, or its
 * last checkpoint is not good. ERR_IO. On failure nothing is taken in.
 */
enum err audit_proof_resume(struct audit_proof *proof, int fd, struct now now) MUST_USE;

#endif
