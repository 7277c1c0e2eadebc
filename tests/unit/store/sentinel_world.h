/* Sentinels on fake servers, and a loop for who asks them. */
#ifndef REEVE_TESTS_UNIT_STORE_SENTINEL_WORLD_H
#define REEVE_TESTS_UNIT_STORE_SENTINEL_WORLD_H

#include <check.h>

#include "agent/config/config.h"
#include "tests/support/fake_redis.h"

#define SENTINEL_WORLD_MAX    3
#define SENTINEL_WORLD_SECRET "s3ntinel-secret"

struct sentinel_world_item {
    struct fake_redis *server;
    char text[64];
    char host[64];
    struct str answer;    /* to SENTINEL; absent: none */
    const char *greeting; /* a command of the greeting that gets greeting_reply; NULL: none */
    const char *greeting_reply;
    char buffer[128];
};

struct sentinel_world {
    struct ev_loop *loop;
    struct sentinel_world_item items[SENTINEL_WORLD_MAX];
    struct config_address addresses[SENTINEL_WORLD_MAX];
    struct config_sentinel settings; /* without a login */
};

/* So many Sentinels that do not answer yet, in a loop that exists. */
void sentinel_world_init(struct sentinel_world *world, struct ev_loop *loop, size_t count);
void sentinel_world_fini(struct sentinel_world *world);

/* What the Sentinel says from now on. */
void sentinel_world_name(struct sentinel_world *world, size_t index, const char *host,
                         uint16_t port);
void sentinel_world_name_all(struct sentinel_world *world, const char *host, uint16_t port);

/* How often it was asked. */
size_t sentinel_world_asked(const struct sentinel_world *world, size_t index);
size_t sentinel_world_asked_all(const struct sentinel_world *world);

/* It ends, its port refuses. */
void sentinel_world_kill(struct sentinel_world *world, size_t index);

#endif
