/*
 * What Redis' error replies mean for us, one table. An error is known by its first words; its text
 * is never logged whole, since some servers repeat a command's arguments in it.
 *
 * A command that fails inside a script ends it with the command's error. Redis 7 and Valkey reply
 * with just that, and where it happened behind it; Redis 6 packs it up, and it is unpacked first:
 *
 *   ERR Error running script (call to f_<sha1>): @user_script:3: @user_script: 3: -OOM command ...
 *
 * Source: src/server.c createSharedObjects(), src/acl.c, src/script.c and src/scripting.c of Redis
 * 6.2, 7 and 8.
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

/* Its first word, as far as it looks like a code (capitals and digits); else "?". */
struct str redis_error_code(struct str line);

/* The server does not know the script of an EVALSHA, and so has not run it. */
bool redis_error_is_unknown_script(struct str line);

#endif
