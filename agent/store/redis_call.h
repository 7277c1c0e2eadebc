/*
 * One run of a script, from its first command to its last reply:
 *
 *   EVALSHA --NOSCRIPT--> EVAL
 *      |                   |
 *      `------ fields -----+--> told
 *                          `--> where replicas shall confirm it: fields kept, WAIT --> told
 *
 * So it holds a copy of what its next command needs. Which one is the next is decided here; when it
 * is sent, and how long one waits for it, is the owner's business (redis.c).
 *
 * One WAIT confirms all that the connection wrote before it. So the calls whose scripts have run
 * before a WAIT hang on that one, in a chain, instead of waiting one after the other.
 */
#ifndef REEVE_STORE_REDIS_CALL_H
#define REEVE_STORE_REDIS_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/store/redis_connection.h"
#include "agent/store/redis_reply.h"
#include "agent/store/store.h"

enum redis_call_step { REDIS_CALL_EVALSHA, REDIS_CALL_EVAL, REDIS_CALL_WAIT };

struct redis_call {
    struct redis_call *next; /* hangs on the same WAIT */
    const struct store_script *script;
    store_reply_cb *callback;
    void *context;
    unsigned replicas;
    enum redis_call_step step;  /* what was sent last, or is to be sent next */
    struct store_field *fields; /* WAIT: the script's answer, one block with its texts */
    size_t field_count;
    size_t argument_count;
    struct str key;
    struct str arguments[STORE_SCRIPT_ARGUMENTS_MAX];
    char bytes[]; /* what key and arguments point to */
};

/* Copies the call. NULL when out of memory. */
struct redis_call *redis_call_new(const struct store_call *call, store_reply_cb *callback,
                                  void *context);
/* Tells nobody. NULL accepted. */
void redis_call_free(struct redis_call *call);

/* The name of its step's command. */
const char *redis_call_command(const struct redis_call *call);

/* Sends its step's command. `left_us`: until the call's deadline. ERR_MEMORY as
 * redis_connection_send(). */
enum err redis_call_send(const struct redis_call *call, struct redis_connection *connection,
                         int64_t left_us) MUST_USE;

/* Takes the reply to its step's command. True where it goes on: its next step's command is to be
 * sent. Else the reply is its last. */
bool redis_call_goes_on(struct redis_call *call, const struct redis_reply *reply);

/* How it ends: the callback is called, the call freed, and all that hang on it likewise. */

/* With the fields of its script. */
void redis_call_end(struct redis_call *call, const struct redis_reply *reply);
/* With a failure; STORE_UNSYNCED and its fields where it waits for replicas. */
void redis_call_fail(struct redis_call *call, enum store_status status);
/* With the number of replicas that WAIT has counted. */
void redis_call_confirm(struct redis_call *call, long long replica_count);

#endif
