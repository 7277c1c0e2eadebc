/*
 * What Redis' error replies mean for us, one table. An error is known by its first words; its text
 * is never logged whole, since some servers repeat a command's arguments in it.
 *
 * Source: src/server.c createSharedObjects() and src/acl.c of Redis 7.
 */
#ifndef REEVE_STORE_REDIS_ERROR_H
#define REEVE_STORE_REDIS_ERROR_H

#include <stdbool.h>

#include "agent/base/str.h"
#include "agent/store/store.h"

struct redis_error {
    const char *code; /* what the reply begins with */
    enum store_status status;
    bool ends_connection; /* a new one may reach a server that can answer */
    const char *text;     /* for people */
};

/* The line without its '-'. An error that is not in the table is STORE_DOWN. */
const struct redis_error *redis_error_find(struct str line);

/* Its first word, as far as it looks like a code; else "?". */
struct str redis_error_code(struct str line);

#endif
