/*
 * Following the audit from outside the writer: every line of its segments, once and in order, from a
 * position that can be kept and gone on from, in another process too.
 *
 *   audit.jsonl.00000041   audit.jsonl.00000042   audit.jsonl
 *                     ^ position: segment, offset, and a hash of what stands before it
 *
 * A segment is left for the next one when that has a header, and the end was reached once more after
 * it: the writer is not in it any more. Whoever rotates may do so: a segment is known by its number and
 * by what stands before the position, whatever its name, so the copy of a file that was cut is gone on
 * with.
 *
 * What can not be had any more is told, and never passed over without a word: AUDIT_FOLLOW_SKIPPED.
 *
 * Owned by one thread, after crypto_start(). Costs about a MiB.
 */
#ifndef REEVE_AUDIT_FOLLOW_H
#define REEVE_AUDIT_FOLLOW_H

#include <stdint.h>

#include "agent/audit/segment_read.h"
#include "agent/base/crypto.h"

/* Before the line that comes next. All zero: none; following begins with the current segment then. */
struct audit_position {
    uint64_t segment;
    uint64_t offset;                   /* in its file */
    uint8_t tail[CRYPTO_SHA256_BYTES]; /* of the last bytes before it, at most AUDIT_TAIL_BYTES */
};

#define AUDIT_TAIL_BYTES 1024u

struct audit_follower;

enum audit_follow {
    AUDIT_FOLLOW_LINE,
    AUDIT_FOLLOW_END,     /* no line more, for now */
    AUDIT_FOLLOW_SKIPPED, /* lines are not to be had; the diag says which */
    AUDIT_FOLLOW_AGAIN,   /* lines are given again, since the position was not found; likewise */
    AUDIT_FOLLOW_FAIL,    /* errno says why; may be asked again */
};

/* Copies the path and the position. Gives a new follower; NULL: no memory. */
struct audit_follower *audit_follower_new(const char *audit_file,
                                          const struct audit_position *position);
/* NULL accepted. */
void audit_follower_free(struct audit_follower *follower);

/* The line borrows until the next call. */
enum audit_follow audit_follower_next(struct audit_follower *follower, struct audit_read_line *out,
                                      struct diag *diag);

/* After the last line given. ERR_CRYPTO. */
enum err audit_follower_position(struct audit_follower *follower,
                                 struct audit_position *out) MUST_USE;

/* Goes on from there: what was given since is given again. */
void audit_follower_seek(struct audit_follower *follower, const struct audit_position *position);

/* --- a position in a file: one line of text --- */

/* ERR_MISSING: there is none. ERR_SYNTAX: it is none. ERR_IO: errno. */
enum err audit_position_load(const char *path, struct audit_position *out) MUST_USE;
/* In place of what was there, which stays whole where this fails. ERR_IO: errno. */
enum err audit_position_save(const char *path, const struct audit_position *position) MUST_USE;

#endif
