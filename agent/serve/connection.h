/*
 * A connection: a peer on a socket of the worker's loop. Reads a bounded batch, lets the peer
 * decide, writes what came out in one call; whole frames reach the kernel together whenever the
 * socket has room.
 *
 * In a drain a connection ends at rest: a busy one with DISCONNECT right behind an ACK, one without
 * requests by the worker, which looks for those that are idle.
 *
 * Timeouts: HELLO, a frame that began, output that is not taken, idleness, the linger after
 * DISCONNECT. One timer each connection, re-armed only where something is due.
 *
 * Closing marks and unlinks; the memory is reused at the end of the loop's turn.
 */
#ifndef REEVE_SERVE_CONNECTION_H
#define REEVE_SERVE_CONNECTION_H

#include <ev.h>
#include <stdbool.h>

#include "agent/serve/peer.h"

struct worker;

struct connection {
    struct peer peer;
    struct worker *worker;
    struct connection *next;
    struct connection *previous;
    struct connection *next_dirty;
    ev_io read_io;
    ev_io write_io;
    ev_timer timer;
    int fd;
    bool is_dirty;      /* in the worker's list of those with output to flush */
    bool is_closed;     /* unlinked, waits for the end of the turn */
    bool is_lingering;  /* our side is shut down, the peer's bytes are thrown away */
    int64_t since_us;   /* accepted, or lingering since */
    int64_t active_us;  /* last input */
    int64_t blocked_us; /* output not taken since; 0: it is not blocked */
};

/* Takes fd, closed on failure too. NULL when out of memory. */
struct connection *connection_new(struct worker *worker, int fd);

/* Sends what stands in the output. */
void connection_flush(struct connection *connection);

/* True where closing loses nothing: no request waits, no output, nothing half read or unread, and
 * no input for quiet_us. */
bool connection_is_idle(const struct connection *connection, int64_t mono_us, int64_t quiet_us);

void connection_close(struct connection *connection);

/* At the end of the turn in which it was closed. */
void connection_free(struct connection *connection);

#endif
