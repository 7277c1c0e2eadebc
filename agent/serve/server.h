/*
 * The server: the whole process on its main thread. Opens what must be open before anything is
 * served (audit, spools, sockets), starts the workers, accepts and hands sockets to them, and obeys
 * signals:
 *
 *   SIGHUP   the configuration is read again; a broken one is refused and the old one stays. The
 *            audit file is opened anew.
 *   SIGTERM, SIGINT
 *            drain: health checks fail, then, after drain_delay, nothing new is accepted and
 *            connections close as they become idle; the audit is flushed; exit 0 within
 *            drain_timeout. A second one exits at once; what is not in the audit file then is in
 *            the spool, for the next start.
 */
#ifndef REEVE_SERVE_SERVER_H
#define REEVE_SERVE_SERVER_H

#include "agent/config/config.h"

/* Takes one reference of config. `path` and `overrides` are for reloads. Gives the process's exit
 * status. */
int server_run(struct config *config, const char *path, const struct config_override *overrides,
               size_t override_count);

#endif
