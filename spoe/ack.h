/*
 * ACK (SPOE 3.2.7): the answer to one NOTIFY, built straight into the caller's output buffer.
 *
 *     struct spoe_ack ack;
 *     if (!spoe_ack_begin(&ack, out, room, limit, stream_id, frame_id)) { no room for any frame }
 *     spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, name, value);
 *     length = spoe_ack_end(&ack);
 *
 * A setter that does not fit writes nothing and gives false; the frame stays valid and later,
 * shorter values may still fit. So put what matters most first.
 */
#ifndef SPOE_ACK_H
#define SPOE_ACK_H

#include "spoe/value.h"

enum spoe_scope {
    SPOE_SCOPE_PROC = 0,
    SPOE_SCOPE_SESS = 1,
    SPOE_SCOPE_TXN = 2,
    SPOE_SCOPE_REQ = 3,
    SPOE_SCOPE_RES = 4,
};

/*
 * The bytes of a set-var before its value, made by the compiler: for an agent that sets the same
 * variables in every frame.
 *
 *     static const struct spoe_head head = SPOE_HEAD_STRING(SPOE_SCOPE_TXN, "verdict");
 *     spoe_ack_put_string(&ack, &head, value);
 */
struct spoe_head {
    uint8_t action;
    uint8_t field_count;
    uint8_t scope;
    uint8_t name_length;
    char name_and_type[28];
};

/* `name` is a string literal of 1 to 27 bytes; a longer one does not compile. */
#define SPOE_HEAD_STRING(scope, name) SPOE_HEAD(scope, name, "\x08")
#define SPOE_HEAD_INT(scope, name)    SPOE_HEAD(scope, name, "\x04")
#define SPOE_HEAD(scope, name, type)                                                               \
    {                                                                                              \
        1, 3, (scope), sizeof(name) - 1, name type                                                 \
    }

struct spoe_ack {
    uint8_t *begin;
    uint8_t *at;
    uint8_t *end;
};

/* `room` bytes at `out` may be written; the frame without its 4-byte length stays within `limit`,
 * the session's agreed max-frame-size. False when not even an empty ACK fits. */
bool spoe_ack_begin(struct spoe_ack *ack, uint8_t *out, size_t room, uint32_t limit,
                    uint64_t stream_id, uint64_t frame_id);

/* `name` is the variable's name without scope and prefix; HAProxy takes [a-zA-Z0-9_.] only. */
bool spoe_ack_set_string(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                         struct spoe_bytes value);
bool spoe_ack_set_int(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                      int64_t value);
bool spoe_ack_set_bool(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                       bool value);
bool spoe_ack_unset(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name);

/* As spoe_ack_set_string() and spoe_ack_set_int() with what the head was made of, in fewer steps. */
bool spoe_ack_put_string(struct spoe_ack *ack, const struct spoe_head *head,
                         struct spoe_bytes value);
bool spoe_ack_put_int(struct spoe_ack *ack, const struct spoe_head *head, int64_t value);

/* Completes the frame; gives its length in bytes, the 4-byte length field included. */
size_t spoe_ack_end(struct spoe_ack *ack);

#endif
