/*
 * Keeps a worker in step with the store and with its operators: what tracking tells becomes what the
 * directory knows; a fence is acknowledged once no allow decided before it is on its way out.
 */
#ifndef REEVE_SERVE_LIVE_H
#define REEVE_SERVE_LIVE_H

#include <stdbool.h>

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/config/config.h"
#include "agent/directory/directory.h"
#include "agent/shield/shield.h"
#include "agent/store/store.h"

struct ev_loop;
struct live;

/* Once, before any worker starts. ERR_CRYPTO. */
enum err live_start(void) MUST_USE;

/* All is borrowed for its life. */
struct live_settings {
    const struct config *config;
    struct str holder; /* names the worker among all that use the store */
    struct str boot;
    unsigned worker;                       /* index */
    const char *(*head_cb)(void *context); /* as in struct fleet_settings */
    void *head_context;
};

/* Borrows the rest likewise. NULL when out of memory. */
struct live *live_new(struct ev_loop *loop, const struct live_settings *settings,
                      struct store *store, struct directory *directory, struct shield *shield);
/* NULL accepted. */
void live_free(struct live *live);

/* Once per turn of the loop, before output is flushed. */
void live_tick(struct live *live);

/* How many fences wait for what was decided before them to be sent. */
size_t live_fences(const struct live *live);

/* Once per turn, after output was flushed; is_sent: nothing is left of what was decided before the
 * fences. */
void live_settle(struct live *live, bool is_sent, struct now now);

/* The worker decides no more. True when that is known to all. */
bool live_leave(struct live *live, struct now now);

#endif
