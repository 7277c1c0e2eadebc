/*
 * The keys that segments are signed with (proof.h), and the file that keeps them.
 *
 *   reeve-audit-key 1
 *   segment 41             the segment that the key signs; 0: the first key, of `reevectl audit
 *   key <64 hex>           keygen`, which certifies the key of segment 1
 *   next <64 hex>          only while segment 42 is being begun
 *
 * A new segment, in the order of what reaches the disk:
 *
 *   1 the file with key and next       audit_keys_prepare()
 *   2 the new segment's header, which has the next key's public half, signed with the key
 *   3 the file with the next key as key; the old key is overwritten, on the disk and in memory
 *                                      audit_keys_commit()
 *
 * A death before 2 leaves the segment with its key, and a next one that nobody has seen; a death
 * between 2 and 3 leaves a header whose public half is the next key's, and the start goes on with 3
 * (audit_keys_resume()). At no instant is a header without its key, and after 3 the old key is gone.
 *
 * The file is replaced by rename, so its folder must be writable; what it held is then overwritten in
 * place, as well as a file system lets one. One agent has it: it is locked.
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_KEYS_H
#define REEVE_AUDIT_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/signature_make.h"

struct audit_key {
    uint8_t seed[ED25519_SEED_BYTES];
    struct signature_maker *maker; /* NULL: none */
};

struct audit_keys {
    char *path;
    int fd;           /* of the file as it is, locked */
    uint64_t segment; /* that `current` signs */
    struct audit_key current;
    struct audit_key next; /* of segment + 1 */
};

/* A new first key: the private file, which must not be there, and its public half as PEM. ERR_IO
 * with a diag. */
enum err audit_keys_generate(const char *path, char pem[ED25519_PEM_MAX],
                             struct diag *diag) MUST_USE;

/* ERR_SYNTAX: not such a file. ERR_RANGE: others may read it. ERR_BUSY: another agent has it. Gives
 * a new object. */
enum err audit_keys_open(const char *path, struct audit_keys **out, struct diag *diag) MUST_USE;
/* Wipes. The file stays. NULL accepted. */
void audit_keys_free(struct audit_keys *keys);

/* Which key a segment's header shows: false where it is neither. The next one is committed. */
bool audit_keys_resume(struct audit_keys *keys, uint64_t segment,
                       const uint8_t public_key[ED25519_PUBLIC_BYTES]);

/* Makes the next key, and has it on the disk. On failure there is none. */
enum err audit_keys_prepare(struct audit_keys *keys, struct diag *diag) MUST_USE;

/* The header of `segment` stands in its file, but perhaps not on the disk: the next key signs from now on,
 * and the file has both. */
void audit_keys_turn(struct audit_keys *keys, uint64_t segment);

/* The header of `segment` is on the disk: the next key is the key, if there is a next one. ERR_IO:
 * the old one is gone from memory, but stands in the file. */
enum err audit_keys_commit(struct audit_keys *keys, uint64_t segment, struct diag *diag) MUST_USE;

#endif
