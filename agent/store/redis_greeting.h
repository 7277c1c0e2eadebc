/*
 * What a new connection says before it is used, all at once, one table:
 *
 *   AUTH [user] password     where a password is configured
 *   SELECT db                where it is not 0
 *   CLIENT SETNAME name      may be refused: it only helps who reads CLIENT LIST
 *   PING                     the server is there, and willing: not loading, no password missing
 *   ROLE                     where Sentinels said that it is the primary: it says so itself
 */
#ifndef REEVE_STORE_REDIS_GREETING_H
#define REEVE_STORE_REDIS_GREETING_H

#include <stddef.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/config/config.h"
#include "agent/store/redis_connection.h"

#define REDIS_GREETING_STEPS_MAX 5

struct redis_greeting {
    const struct config_store *address;     /* borrowed */
    const char *client_name;                /* borrowed */
    size_t steps[REDIS_GREETING_STEPS_MAX]; /* of the table, in the order they were sent */
    size_t sent_count;
    size_t answered_count;
};

enum redis_greeting_progress { REDIS_GREETING_MORE, REDIS_GREETING_DONE, REDIS_GREETING_FAILED };

/* The parts of AUTH, three at most, borrowed from the address; 0: no password is configured. */
size_t redis_greeting_auth(const struct config_store *address, struct str *parts);

void redis_greeting_init(struct redis_greeting *greeting, const struct config_store *address,
                         const char *client_name);

/* Starts anew. ERR_MEMORY as redis_connection_send(). */
enum err redis_greeting_send(struct redis_greeting *greeting,
                             struct redis_connection *connection) MUST_USE;

/* Takes the next reply. On FAILED the diag names the command and what the server said about it,
 * never an argument. */
enum redis_greeting_progress redis_greeting_take(struct redis_greeting *greeting,
                                                 const struct redis_reply *reply,
                                                 struct diag *diag);

#endif
