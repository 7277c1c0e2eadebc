#include "spoe/ack.h"

#include "spoe/frame.h"
#include "spoe/writer.h"

/* SPOE 3.4: the action's number, then how many fields follow. */
#define SET_VAR          1
#define SET_VAR_FIELDS   3
#define UNSET_VAR        2
#define UNSET_VAR_FIELDS 2

bool spoe_ack_begin(struct spoe_ack *ack, uint8_t *out, size_t room, uint32_t limit,
                    uint64_t stream_id, uint64_t frame_id)
{
    size_t size_max = (size_t)limit + SPOE_LENGTH_BYTES;
    struct spoe_writer writer = {.at = out, .end = out + (room < size_max ? room : size_max)};

    spoe_frame_begin(&writer, SPOE_FRAME_ACK, stream_id, frame_id);
    *ack = (struct spoe_ack){.begin = out, .at = writer.at, .end = writer.end};
    return !writer.is_failed;
}

/* Actions are written by a copy of the frame's position, which holds once they are whole. */
static inline struct spoe_writer action_begin(const struct spoe_ack *ack, uint8_t action,
                                              uint8_t fields, enum spoe_scope scope,
                                              struct spoe_bytes name)
{
    struct spoe_writer writer = {.at = ack->at, .end = ack->end};

    spoe_writer_u8(&writer, action);
    spoe_writer_u8(&writer, fields);
    spoe_writer_u8(&writer, (uint8_t)scope);
    spoe_writer_string(&writer, name);
    return writer;
}

static bool action_end(struct spoe_ack *ack, const struct spoe_writer *writer)
{
    if (writer->is_failed) {
        return false;
    }
    ack->at = writer->at;
    return true;
}

bool spoe_ack_set_string(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                         struct spoe_bytes value)
{
    struct spoe_writer writer = action_begin(ack, SET_VAR, SET_VAR_FIELDS, scope, name);

    spoe_writer_u8(&writer, SPOE_STRING);
    spoe_writer_string(&writer, value);
    return action_end(ack, &writer);
}

bool spoe_ack_set_int(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                      int64_t value)
{
    struct spoe_writer writer = action_begin(ack, SET_VAR, SET_VAR_FIELDS, scope, name);

    spoe_writer_u8(&writer, SPOE_INT64);
    spoe_writer_varint(&writer, (uint64_t)value);
    return action_end(ack, &writer);
}

bool spoe_ack_set_bool(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name,
                       bool value)
{
    struct spoe_writer writer = action_begin(ack, SET_VAR, SET_VAR_FIELDS, scope, name);

    spoe_writer_u8(&writer, SPOE_BOOL | (value ? SPOE_FLAG_TRUE : 0));
    return action_end(ack, &writer);
}

bool spoe_ack_unset(struct spoe_ack *ack, enum spoe_scope scope, struct spoe_bytes name)
{
    struct spoe_writer writer = action_begin(ack, UNSET_VAR, UNSET_VAR_FIELDS, scope, name);

    return action_end(ack, &writer);
}

static inline size_t head_length(const struct spoe_head *head)
{
    return offsetof(struct spoe_head, name_and_type) + head->name_length + 1u;
}

static inline struct spoe_writer put_begin(const struct spoe_ack *ack, const struct spoe_head *head)
{
    struct spoe_writer writer = {.at = ack->at, .end = ack->end};

    spoe_writer_bytes(&writer, (struct spoe_bytes){(const uint8_t *)head, head_length(head)});
    return writer;
}

static bool put_string_at_end(struct spoe_ack *ack, const struct spoe_head *head,
                              struct spoe_bytes value)
{
    struct spoe_writer writer = put_begin(ack, head);

    spoe_writer_string(&writer, value);
    return action_end(ack, &writer);
}

/* Where all of the head's bytes fit, and a length of one byte does, the steps need no checks of
 * their own; what is copied beyond the head's length is overwritten by the value, or is room. */
bool spoe_ack_put_string(struct spoe_ack *ack, const struct spoe_head *head,
                         struct spoe_bytes value)
{
    if (value.length >= SPOE_VARINT_ONE_BYTE ||
        (size_t)(ack->end - ack->at) < sizeof(*head) + 1 + value.length) {
        return put_string_at_end(ack, head, value);
    }
    memcpy(ack->at, head, sizeof(*head));
    ack->at += head_length(head);
    *ack->at++ = (uint8_t)value.length;
    if (value.length > 0) {
        memcpy(ack->at, value.data, value.length);
        ack->at += value.length;
    }
    return true;
}

bool spoe_ack_put_int(struct spoe_ack *ack, const struct spoe_head *head, int64_t value)
{
    struct spoe_writer writer = put_begin(ack, head);

    spoe_writer_varint(&writer, (uint64_t)value);
    return action_end(ack, &writer);
}

size_t spoe_ack_end(struct spoe_ack *ack)
{
    return spoe_frame_end(ack->begin, ack->at);
}
