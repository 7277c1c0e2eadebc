/* The Lua scripts in lua/, compiled into the program. */
#ifndef REEVE_FLEET_SCRIPT_H
#define REEVE_FLEET_SCRIPT_H

#include "agent/base/err.h"
#include "agent/store/store.h"

enum fleet_script {
    FLEET_SCRIPT_DESCRIBE,
    FLEET_SCRIPT_JOIN,
    FLEET_SCRIPT_ACKNOWLEDGE,
    FLEET_SCRIPT_LEAVE,
    FLEET_SCRIPT_ERASE,
    FLEET_SCRIPT_COUNT
};

/* Once per process, before the first thread. */
enum err fleet_script_start(void) MUST_USE;

const struct store_script *fleet_script_get(enum fleet_script id);

#endif
