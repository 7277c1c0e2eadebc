/*
 * Verification, as its parts see it: headers (verify_header.c), checkpoints (verify_checkpoint.c), and all else
 * (verify.c). Private to audit/.
 *
 * An Ed25519 signature costs more to check than a whole block to hash, so not each is checked. A checkpoint's
 * line, its signature included, is in the hash of the next block. So where blocks follow each other and their
 * hashes are what their checkpoints state, a good signature of the last one is one of all before it: they are a
 * *run*. It is settled, its last signature checked, when
 *
 *   - a checkpoint is not as expected in any way: it is checked by itself, and is in no run
 *   - the segment ends, whose key is another one's then: each segment has a last signature that is checked
 *   - the file ends, also that of an open segment
 *   - the run is full, which bounds memory
 *
 * Where the last one is not good, each of the run is checked, so the fault is named as if all had been. What
 * does not show: a signature that was made wrong by the writer itself, with a good one behind it that vouches
 * for the same lines.
 */
#ifndef REEVE_AUDIT_VERIFY_INSIDE_H
#define REEVE_AUDIT_VERIFY_INSIDE_H

#include "agent/audit/heads.h"
#include "agent/audit/proof.h"
#include "agent/audit/segment_read.h"
#include "agent/audit/verify.h"
#include "agent/base/signature.h"

/* A block that was about to be closed, the line that filled it, and a header. */
#define OPEN_BYTES_MAX (2 * AUDIT_BLOCK_BYTES + AUDIT_PROOF_LINE_MAX)

struct verify_run;

/* One boot and worker: its last sequence. */
struct origin {
    char boot[AUDIT_RING_BOOT_MAX + 1];
    uint64_t worker, last;
};

struct audit_verify {
    struct audit_verify_settings settings;
    struct audit_verify_counts counts;
    struct crypto_hasher *hasher;
    struct signature_key *root;

    const char *path;   /* that is read */
    bool holds_removed; /* the file holds headers of segments that were removed */
    bool is_segment_removed;
    uint64_t segment, block;          /* 0: no header yet */
    struct signature_key *key;        /* of the segment; NULL: it has none */
    struct verify_run *run;           /* of the segment and the file */
    uint8_t end[CRYPTO_SHA256_BYTES]; /* of the segment before, all its lines */
    bool has_end;
    uint64_t open_lines, open_bytes; /* behind the last checkpoint */
    uint64_t open_strange;           /* of those lines, what is none of the audit's */
    uint64_t stray_lines;
    uint64_t first_removed, last_removed; /* segments of which the header is left; 0: none */
    uint64_t progress_due;

    struct audit_heads heads;
    struct origin *origins;
    size_t origin_count, origin_at;
};

#define fault(verify, ...) verify_tell(verify, AUDIT_VERIFY_FAULT, __VA_ARGS__)
#define note(verify, ...)  verify_tell(verify, AUDIT_VERIFY_NOTE, __VA_ARGS__)
#define ULL(number)        ((unsigned long long)(number))

/* Counts, and calls tell_cb. */
__attribute__((format(printf, 3, 4))) void
verify_tell(struct audit_verify *verify, enum audit_verify_kind kind, const char *format, ...);

/* The hash of a block, from the one before. */
void verify_begin_hash(struct audit_verify *verify, const uint8_t chain[CRYPTO_SHA256_BYTES]);
void verify_add_hash(struct audit_verify *verify, struct str bytes);

/* NULL: no memory. */
struct verify_run *verify_run_new(void);
/* NULL accepted. */
void verify_run_free(struct verify_run *run);
/* Ends the run: the signatures of its checkpoints are judged, by the segment's key. */
void verify_settle(struct audit_verify *verify);

void verify_take_checkpoint(struct audit_verify *verify, const struct audit_read_line *line);

/* The segment before ends here. */
void verify_take_header(struct audit_verify *verify, const struct audit_read_line *line);

#endif
