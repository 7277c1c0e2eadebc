/*
 * One reply, built flat while hiredis' reader reads it: the fields of a hash, or of a script that
 * answers like one, stand in two growing blocks, no object per element.
 *
 * hiredis itself bounds nothing and, in 0.14, aborts the process on a reply that nobody asked for.
 * So its reader is given our functions, which refuse such a reply, keep no more than
 * STORE_FIELDS_MAX fields and STORE_REPLY_BYTES_MAX bytes (the rest of a longer reply is read and
 * dropped), and take the only array that HGETALL can give: an even one of strings. Of any other array
 * only the first item is known.
 *
 * Memory: below 10 MB at the worst moment, below 100 KB between replies.
 */
#ifndef REEVE_STORE_REDIS_REPLY_H
#define REEVE_STORE_REDIS_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/base/str.h"
#include "agent/store/store.h"

enum redis_reply_kind {
    REPLY_LINE,      /* "+OK": text */
    REPLY_FAULT,     /* "-ERR ...": text */
    REPLY_FIELDS,    /* fields */
    REPLY_INTEGER,   /* ":3": integer */
    REPLY_OVERSIZED, /* a hash beyond the bounds */
    REPLY_NIL,
    REPLY_MALFORMED, /* anything else: the replies may be out of step */
};

/* Longest line kept; the rest of a longer one is cut. */
#define REDIS_REPLY_LINE_BYTES 256

struct redis_reply {
    redisReply head;     /* first: what hiredis looks at in a reply */
    bool is_due;         /* a command waits; without one a reply ends the connection */
    const char *refusal; /* why a reply was refused, static; NULL: none was */

    enum redis_reply_kind kind;
    char line[REDIS_REPLY_LINE_BYTES];
    size_t line_length;
    long long integer;
    struct store_field *fields; /* point into bytes */
    size_t item_count;          /* names and values so far */
    size_t field_capacity;
    char *bytes;
    size_t byte_count;
    size_t byte_capacity;
};

void redis_reply_init(struct redis_reply *reply);
void redis_reply_fini(struct redis_reply *reply);

/* Lets the reader build into `reply`, one at a time, for the reader's life. */
void redis_reply_attach(struct redis_reply *reply, redisReader *reader);

/* The text of a line or fault. Of an array, whatever else is in it: its first item, where that is a
 * string; else "". */
struct str redis_reply_line(const struct redis_reply *reply);
bool redis_reply_is_array(const struct redis_reply *reply);

#endif
