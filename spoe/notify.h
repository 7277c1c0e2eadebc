/*
 * NOTIFY (SPOE 3.2.6): the messages of one frame, read in place.
 *
 *     struct spoe_messages list;
 *     struct spoe_message message;
 *     struct spoe_arg arg;
 *
 *     spoe_messages_begin(&list, event.notify.payload);
 *     while (spoe_messages_next(&list, &message)) {
 *         while (spoe_message_next_arg(&list, &arg)) { ... }
 *     }
 *     if (spoe_messages_failed(&list)) { disconnect with SPOE_STATUS_INVALID_FRAME }
 *
 * Errors are sticky: once the bytes do not follow the grammar every further call gives false, and
 * spoe_messages_failed() says so. Nothing read before a failure may be acted on.
 */
#ifndef SPOE_NOTIFY_H
#define SPOE_NOTIFY_H

#include "spoe/cursor.h"
#include "spoe/value.h"

struct spoe_message {
    struct spoe_bytes name;
    unsigned arg_count; /* 0..255 */
};

struct spoe_arg {
    struct spoe_bytes name; /* may be empty: an unnamed argument */
    struct spoe_value value;
};

struct spoe_messages {
    struct spoe_cursor cursor;
    unsigned args_left; /* of the current message */
};

void spoe_messages_begin(struct spoe_messages *list, struct spoe_bytes payload);

/* The next message; arguments of the current one that were not read are skipped (and checked).
 * False at the end, or on failure. */
bool spoe_messages_next(struct spoe_messages *list, struct spoe_message *message);

/* The next argument of the current message. False after the last one, or on failure. */
bool spoe_message_next_arg(struct spoe_messages *list, struct spoe_arg *arg);

bool spoe_messages_failed(const struct spoe_messages *list);

#endif
