/*
 * Keeps a worker's directory in step with the store: what tracking tells becomes what the directory
 * knows.
 */
#ifndef REEVE_SERVE_LIVE_H
#define REEVE_SERVE_LIVE_H

#include "agent/base/clock.h"
#include "agent/base/err.h"
#include "agent/base/str.h"
#include "agent/config/config.h"
#include "agent/directory/directory.h"
#include "agent/store/store.h"

struct ev_loop;
struct live;

/* Once, before any worker starts. ERR_CRYPTO. */
enum err live_start(void) MUST_USE;

/* All is borrowed for its life. `holder` names the worker among all that use the store. NULL when
 * out of memory. */
struct live *live_new(struct ev_loop *loop, const struct config *config, struct str holder,
                      struct store *store, struct directory *directory);
/* NULL accepted. */
void live_free(struct live *live);

/* Once per turn of the loop. */
void live_tick(struct live *live, struct now now);

#endif
