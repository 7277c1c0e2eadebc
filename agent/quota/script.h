/*
 * The Lua scripts in lua/, compiled into the program: each is common.lua, what its counter's kind
 * begins with, and its own part.
 */
#ifndef REEVE_QUOTA_SCRIPT_H
#define REEVE_QUOTA_SCRIPT_H

#include "agent/base/err.h"
#include "agent/store/store.h"

enum script_id {
    SCRIPT_WINDOW_TAKE,
    SCRIPT_WINDOW_ADJUST,
    SCRIPT_BUCKET_TAKE,
    SCRIPT_BUCKET_ADJUST,
    SCRIPT_COUNT
};

/* Once per process, before the first thread. */
enum err script_start(void) MUST_USE;

/* A rehearsal gives the answer that the script would give, and leaves the counter as it is. */
const struct store_script *script_get(enum script_id id, bool is_rehearsal);

#endif
