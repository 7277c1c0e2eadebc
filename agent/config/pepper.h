/*
 * Peppers: keys of the HMAC under which API keys are stored, kept outside the store. Several may be
 * valid at once; a record names the one it was made with.
 *
 * File: one "<id> <hex>" a line, separated by one blank; id [A-Za-z0-9._-]{1,32}, hex of 16 to 64
 * bytes. Empty lines and lines that begin with '#' are skipped. The first is the one new keys are
 * made with. contrib/redis-cli reads the same form. A file that group or others can read or write
 * is refused, so is one without a pepper.
 */
#ifndef REEVE_CONFIG_PEPPER_H
#define REEVE_CONFIG_PEPPER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define PEPPER_COUNT_MAX 16
#define PEPPER_BYTES_MAX 64
#define PEPPER_ID_MAX    32

struct pepper {
    char id[PEPPER_ID_MAX + 1];
    uint8_t key[PEPPER_BYTES_MAX];
    size_t key_length;
};

struct pepper_set {
    struct pepper items[PEPPER_COUNT_MAX];
    size_t count;
};

/* `source` as secret_read() takes it. ERR_IO, ERR_RANGE, ERR_SYNTAX, ERR_FULL, ERR_MISSING; diag names file and line, never the key. */
enum err pepper_load(const char *source, struct pepper_set *out, struct diag *diag) MUST_USE;

const struct pepper *pepper_find(const struct pepper_set *set, struct str id);

void pepper_wipe(struct pepper_set *set);

#endif
