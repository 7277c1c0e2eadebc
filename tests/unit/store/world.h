/* A store on a fake Redis in one loop, and somebody who asks it. */
#ifndef REEVE_TESTS_UNIT_STORE_WORLD_H
#define REEVE_TESTS_UNIT_STORE_WORLD_H

#include <check.h>

#include "agent/store/redis.h"
#include "tests/support/fake_redis.h"

#define WORLD_SECOND_US 1000000

/* Turns the loop until it holds; a test that waits in vain ends with Check's timeout. */
#define WORLD_UNTIL(world, condition)                                                              \
    while (!(condition)) {                                                                         \
        ev_run((world)->loop, EVRUN_ONCE);                                                         \
    }

struct world {
    struct ev_loop *loop;
    struct fake_redis *server;
    char host[64];
    struct config_store address;
    struct store_redis_settings settings;
    struct store *store;
    struct str answer;          /* to each HGETALL; absent: none */
    const char *greeting;       /* a command of the greeting; NULL: all get what Redis says */
    const char *greeting_reply; /* what it gets; NULL: nothing */
};

/* What somebody who asked was told. Zeroed to begin with. */
struct asker {
    int count;
    enum store_status status; /* the last one */
    char fields[256];         /* "a=1;b=2;" */
    int order;                /* of all answers of the program, from 1 */
    struct world *again;      /* asks again in the callback, once; NULL: does not */
    enum err again_err;
};

/* A server on a free port, and generous time-outs. No store yet. */
void world_init(struct world *world);
void world_fini(struct world *world);

/* The store, with what stands in world->settings and world->address; connects in the loop. */
void world_start(struct world *world);
void world_start_up(struct world *world);
void world_stop(struct world *world);

/* The server ends, its port refuses; it comes back to the same port. */
void world_kill_server(struct world *world);
void world_revive_server(struct world *world);

/* Asks for "reeve:key:a". */
enum err world_ask(struct world *world, struct asker *asker);
/* Asks, which must be taken, and waits for the answer. */
void world_ask_to_the_end(struct world *world, struct asker *asker);
store_reply_cb asker_cb;

bool world_is_up(const struct world *world);

/* Waits until all who connected to the server by now have left it: who leaks a connection, even one
 * that the server did not see yet, waits in vain. It listens on a port. */
void world_wait_until_left(struct world *world, struct fake_redis *server);

/* Turns the loop for that long. Only to see what does not happen, or comes too early. */
void world_pass(struct world *world, int64_t us);

/* What is written to stderr in between; at most 4 KB. */
void world_log_start(void);
const char *world_log_end(void);

#endif
