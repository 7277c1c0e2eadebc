/*
 * A Redis server of its own for tests: in a folder of its own under /tmp, on a unix socket there
 * and on a free port of 127.0.0.1, saving nothing. It ends with the test, however that ends; the
 * folder of one that fails may stay.
 */
#ifndef REEVE_TESTS_SUPPORT_REAL_REDIS_H
#define REEVE_TESTS_SUPPORT_REAL_REDIS_H

#include <stdint.h>

struct real_redis;

/* Starts redis-server with further arguments, NULL-terminated, and waits until it is ready. Aborts
 * where it can not. */
struct real_redis *real_redis_new(const char *const *arguments);
/* Ends it and removes its folder. NULL accepted. */
void real_redis_free(struct real_redis *redis);

const char *real_redis_path(const struct real_redis *redis);
uint16_t real_redis_port(const struct real_redis *redis);

/* Says one command, its words separated by single blanks and without '%', as the default user, and
 * waits for the reply: its text, its number, its number of elements, or "nil"; valid until the next
 * one. */
const char *real_redis_say(struct real_redis *redis, const char *command);
/* The same on a connection of its own, without waiting for a reply. */
void real_redis_tell(struct real_redis *redis, const char *command);

/* It hangs, its sockets open, until it is thawed. */
void real_redis_freeze(struct real_redis *redis);
void real_redis_thaw(struct real_redis *redis);

#endif
