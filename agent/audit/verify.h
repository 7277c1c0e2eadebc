/*
 * Verifying segments: nothing in them was edited, removed, moved, replayed or taken from elsewhere,
 * and nothing that a head kept elsewhere vouches for is missing. How: proof.h.
 *
 * Files are read once, in the order of their segments, in bounded memory. What is wrong is told by
 * segment, block and the records' ranges; after that the next block is judged by the hash that its
 * signed checkpoint states, so that one fault is one block. A signature is checked where one behind it does not
 * vouch for it (verify_inside.h); what is told is the same, perhaps a little later.
 *
 *   faults   what the audit's writer has not done
 *   notes    what is not proved, though nothing is wrong with it: records behind the last checkpoint,
 *            blocks that were found at a start, sequences that a damaged spool lost, segments that were
 *            removed from the first one on and their heads
 *
 * Owned by one thread, after crypto_start().
 */
#ifndef REEVE_AUDIT_VERIFY_H
#define REEVE_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

enum audit_verify_kind { AUDIT_VERIFY_FAULT, AUDIT_VERIFY_NOTE };

struct audit_verify_settings {
    struct str
        public_key; /* PEM: the first key's, or that of the first segment given; absent: none */
    void (*tell_cb)(void *context, enum audit_verify_kind kind, const char *text);
    void (*progress_cb)(void *context, uint64_t bytes); /* about once a MiB; NULL: not wanted */
    void *context;
};

struct audit_verify_counts {
    uint64_t segments, blocks, records, faults, notes;
    uint64_t bytes;
    uint64_t last_segment, last_block; /* that a checkpoint closes */
};

struct audit_verify;

/* ERR_SYNTAX, ERR_RANGE: no key that this can use. Gives a new object. */
enum err audit_verify_new(const struct audit_verify_settings *settings, struct audit_verify **out,
                          struct diag *diag) MUST_USE;
/* NULL accepted. */
void audit_verify_free(struct audit_verify *verify);

/* As audit_heads_add(). */
enum err audit_verify_add_head(struct audit_verify *verify, struct str line) MUST_USE;

/* All files at once, in any order. ERR_IO, ERR_MEMORY: the files are not verified. */
enum err audit_verify_files(struct audit_verify *verify, const char *const *paths, size_t count,
                            struct diag *diag) MUST_USE;

void audit_verify_counts(const struct audit_verify *verify, struct audit_verify_counts *out);

#endif
