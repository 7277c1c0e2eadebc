/*
 * What a connection that subscribes is told, read while it arrives: the keys of a message are passed
 * on one by one and never gathered, however many there are.
 *
 * hiredis' own reply objects bound nothing, and its asynchronous API (0.14) can not tell a pong
 * from a message; so its reader is given our functions, as in redis_reply.h.
 */
#ifndef REEVE_STORE_TRACKING_REPLY_H
#define REEVE_STORE_TRACKING_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/base/str.h"

#define TRACKING_CHANNEL "__redis__:invalidate"

enum tracking_reply_kind {
    TRACKING_LINE,       /* "+OK" */
    TRACKING_FAULT,      /* "-ERR ..." */
    TRACKING_INTEGER,    /* ":3" */
    TRACKING_SUBSCRIBED, /* to the channel */
    TRACKING_PONG,       /* text: what the ping carried */
    TRACKING_MESSAGE,    /* its keys were passed on */
    TRACKING_MALFORMED,  /* anything else */
};

#define TRACKING_TEXT_BYTES 256

struct tracking_reply_events {
    void (*changed)(void *context, struct str key); /* the key is borrowed for the call */
    void (*flushed)(void *context);                 /* every key may have changed */
};

struct tracking_reply {
    enum tracking_reply_kind kind;
    char text[TRACKING_TEXT_BYTES]; /* of a line, an error or a pong; cut */
    size_t text_length;
    long long integer;

    const struct tracking_reply_events *events;
    void *context;
    bool is_primary;   /* an array that begins with "master", whatever else is in it: ROLE */
    size_t count;      /* of the array's parts */
    size_t part_count; /* so far, that are what they must be */
    const char *word;  /* the first one: "message", "subscribe", "pong"; NULL: none of them */
};

/* Lets the reader build into `reply`, one at a time, for the reader's life. Events come while it
 * parses, and must not end the connection. */
void tracking_reply_attach(struct tracking_reply *reply, redisReader *reader,
                           const struct tracking_reply_events *events, void *context);

struct str tracking_reply_text(const struct tracking_reply *reply);

#endif
