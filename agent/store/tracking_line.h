/*
 * The connection of tracking.h: commands out, replies and messages in. hiredis formats and parses,
 * the loop waits.
 */
#ifndef REEVE_STORE_TRACKING_LINE_H
#define REEVE_STORE_TRACKING_LINE_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/store/tracking_reply.h"

struct tracking_line_events {
    void (*connected)(void *owner);
    /* In the order of arrival; borrowed for the call. The owner may close in it. */
    void (*replied)(void *owner, const struct tracking_reply *reply);
    /* It is closed already. `why` is for people and may hold bytes of the peer. */
    void (*lost)(void *owner, const char *why);
};

struct tracking_line {
    struct ev_loop *loop;
    const struct tracking_line_events *events;
    const struct tracking_reply_events *reply_events;
    void *owner;           /* of both */
    redisContext *context; /* NULL: closed */
    bool is_connected;
    ev_io readable;
    ev_io writable;
    struct tracking_reply reply;
    char why[128];
};

/* All pointers are borrowed for the line's life. */
void tracking_line_init(struct tracking_line *line, struct ev_loop *loop,
                        const struct tracking_line_events *events,
                        const struct tracking_reply_events *reply_events, void *owner);

/* Starts connecting to a numeric address, or to a unix socket where port is 0; connected or lost
 * follows on the loop. ERR_IO (line->why says why), ERR_MEMORY: nothing was opened. */
enum err tracking_line_open(struct tracking_line *line, const char *host, uint16_t port) MUST_USE;
/* Nothing where it is closed. */
void tracking_line_close(struct tracking_line *line);

/* One command, its parts copied. ERR_MEMORY: not sent, nor may anything else be. */
enum err tracking_line_send(struct tracking_line *line, const struct str *parts,
                            size_t count) MUST_USE;

#endif
