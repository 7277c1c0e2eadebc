/*
 * Listening sockets, on the server's loop. Accepts a bounded batch a turn and hands each socket on.
 * Out of descriptors (EMFILE) or above the bound it stops polling the socket for a moment, so that
 * it never spins and the kernel's backlog holds what comes.
 *
 * A unix socket that nobody answers on is replaced; one that somebody answers on is not (ERR_BUSY).
 */
#ifndef REEVE_SERVE_LISTENER_H
#define REEVE_SERVE_LISTENER_H

#include <ev.h>
#include <stdbool.h>
#include <sys/types.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/log.h"
#include "agent/config/config.h"

/* Takes the socket. False: no room now; it is closed and accepting pauses. */
typedef bool listener_accept_cb(void *context, int fd);

struct listener {
    struct ev_loop *loop;
    ev_io io;
    ev_timer pause;
    int fd;
    char *unix_path; /* unlinked at the end, while it is this very socket; NULL for TCP */
    dev_t device;
    ino_t inode;
    char *text; /* as configured, for logs */
    listener_accept_cb *accept_cb;
    bool (*has_room_cb)(void *context);
    void *context;
    struct log_limit log;
};

/* Binds and listens; accepting begins with listener_resume(). diag names the address. */
enum err listener_open(struct listener *listener, const struct config *config,
                       const struct config_address *address, struct diag *diag) MUST_USE;

/* has_room_cb is asked before each accept. */
void listener_start(struct listener *listener, struct ev_loop *loop, listener_accept_cb *accept_cb,
                    bool (*has_room_cb)(void *), void *context);

void listener_close(struct listener *listener);

#endif
