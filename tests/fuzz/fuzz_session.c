/*
 * Aims at spoe_session_next(), spoe_messages_*(), spoe_cursor_value(), spoe_varint_read(),
 * spoe_hello_parse(), spoe_disconnect_parse(), spoe_ack_*().
 *
 * The input is what a peer sends; its first byte says how it is cut into pieces. Whatever comes:
 *  - whole or in pieces, the agent answers the same bytes;
 *  - every answer is a run of whole frames with FIN, within the agreed size;
 *  - no DISCONNECT has a status outside 0, 2 to 13, 99, and nothing follows one;
 *  - ids come back exactly, in order;
 *  - whatever varint is accepted encodes to the same bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spoe/spoe.h"
#include "spoe/varint.h"
#include "tests/support/spop_peer.h"

#define INPUT_MAX          8192
#define OWN_MAX_FRAME_SIZE 1024
/* Frames of 11 bytes and more, each answered with at most ANSWER_MAX. */
#define ANSWER_MAX SPOE_REPLY_MAX
#define OUTPUT_MAX (INPUT_MAX / 11 * ANSWER_MAX + ANSWER_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct agent {
    struct spoe_session session;
    uint8_t unread[INPUT_MAX];
    size_t unread_length;
    uint8_t out[OUTPUT_MAX];
    size_t out_length;
    uint64_t sum; /* of everything read, so that nothing is left unread */
    bool is_over;
};

static void touch(struct agent *agent, struct spoe_bytes bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        agent->sum = agent->sum * 31 + bytes.data[i];
    }
}

static void write_value(struct spoe_ack *ack, const struct spoe_arg *arg)
{
    switch (arg->value.type) {
    case SPOE_BOOL:
        spoe_ack_set_bool(ack, SPOE_SCOPE_TXN, arg->name, arg->value.boolean);
        break;
    case SPOE_STRING:
    case SPOE_BINARY:
        spoe_ack_set_string(ack, SPOE_SCOPE_TXN, arg->name, arg->value.bytes);
        break;
    case SPOE_INT64:
        spoe_ack_set_int(ack, SPOE_SCOPE_REQ, arg->name, (int64_t)arg->value.number);
        break;
    default:
        spoe_ack_unset(ack, SPOE_SCOPE_RES, arg->name);
        break;
    }
}

/* Answers with the arguments themselves. */
static bool write_ack(struct agent *agent, const struct spoe_event *event, struct spoe_ack *ack)
{
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;

    require(spoe_ack_begin(ack, agent->out + agent->out_length, ANSWER_MAX,
                           agent->session.max_frame_size, event->notify.stream_id,
                           event->notify.frame_id));
    spoe_messages_begin(&list, event->notify.payload);
    while (spoe_messages_next(&list, &message)) {
        unsigned count = 0;
        touch(agent, message.name);
        while (spoe_message_next_arg(&list, &arg)) {
            count++;
            touch(agent, arg.name);
            touch(agent, arg.value.bytes);
            write_value(ack, &arg);
        }
        require(spoe_messages_failed(&list) || count == message.arg_count);
    }
    return !spoe_messages_failed(&list);
}

static void disconnect(struct agent *agent, enum spoe_status status)
{
    size_t length = spoe_session_write_disconnect(&agent->session, status,
                                                  agent->out + agent->out_length, ANSWER_MAX);

    require(length > 0 && length <= 4 + SPOE_MAX_FRAME_SIZE_MIN);
    agent->out_length += length;
    agent->is_over = true;
}

static void hello(struct agent *agent)
{
    size_t length =
        spoe_session_write_hello(&agent->session, agent->out + agent->out_length, ANSWER_MAX);

    require(length > 0);
    require(agent->session.max_frame_size >= SPOE_MAX_FRAME_SIZE_MIN);
    require(agent->session.max_frame_size <= OWN_MAX_FRAME_SIZE);
    require(strlen(agent->session.engine_id) < sizeof(agent->session.engine_id));
    agent->out_length += length;
}

static void answer(struct agent *agent, const struct spoe_event *event)
{
    struct spoe_ack ack;

    switch (event->type) {
    case SPOE_EVENT_MORE:
    case SPOE_EVENT_IGNORED:
        break;
    case SPOE_EVENT_CHECK:
        hello(agent);
        agent->is_over = true;
        break;
    case SPOE_EVENT_HELLO:
        hello(agent);
        break;
    case SPOE_EVENT_NOTIFY:
        if (write_ack(agent, event, &ack)) {
            agent->out_length += spoe_ack_end(&ack);
        } else {
            disconnect(agent, SPOE_STATUS_INVALID_FRAME);
        }
        break;
    case SPOE_EVENT_DISCONNECT:
        touch(agent, event->disconnect.message);
        disconnect(agent, SPOE_STATUS_NORMAL);
        break;
    case SPOE_EVENT_FAULT:
        require(event->fault.status != SPOE_STATUS_NORMAL && event->fault.text);
        disconnect(agent, event->fault.status);
        break;
    }
}

static void receive(struct agent *agent, const uint8_t *bytes, size_t length)
{
    struct spoe_event event = {.type = SPOE_EVENT_IGNORED};

    memcpy(agent->unread + agent->unread_length, bytes, length);
    agent->unread_length += length;
    while (event.type != SPOE_EVENT_MORE && !agent->is_over) {
        size_t used =
            spoe_session_next(&agent->session, agent->unread, agent->unread_length, &event);
        require(used <= agent->unread_length);
        require((used == 0) == (event.type == SPOE_EVENT_MORE || event.type == SPOE_EVENT_FAULT));
        answer(agent, &event);
        agent->unread_length -= used;
        memmove(agent->unread, agent->unread + used, agent->unread_length);
    }
    if (!agent->is_over) {
        size_t wanted = spoe_session_wanted(&agent->session, agent->unread, agent->unread_length);
        require(wanted > agent->unread_length);
        require(wanted <= 4 + agent->session.max_frame_size);
    }
}

static void run(struct agent *agent, const uint8_t *data, size_t size, size_t piece)
{
    agent->unread_length = 0;
    agent->out_length = 0;
    agent->sum = 0;
    agent->is_over = false;
    spoe_session_init(&agent->session, OWN_MAX_FRAME_SIZE);
    for (size_t at = 0; at < size && !agent->is_over; at += piece) {
        receive(agent, data + at, size - at < piece ? size - at : piece);
    }
}

static void check_status(const struct spop_frame *frame)
{
    struct spop_value status;

    require(spop_get_pair(frame->payload, "status-code", &status));
    require(status.number == 0 || (status.number >= 2 && status.number <= 13) ||
            status.number == 99);
}

static void check_actions(const struct spop_frame *frame)
{
    struct spop_bytes payload = frame->payload;
    struct spop_action action;
    enum spop_result result;

    while ((result = spop_get_action(&payload, &action)) == SPOP_WHOLE) {
    }
    require(result == SPOP_MORE);
}

/* The same NOTIFYs, by the other implementation: their ids stand in the ACKs in that order. */
static bool next_notify(const uint8_t **at, const uint8_t *end, struct spop_frame *frame)
{
    size_t used;

    while (spop_get_frame(*at, (size_t)(end - *at), frame, &used) == SPOP_WHOLE) {
        *at += used;
        if (frame->type == SPOP_NOTIFY && !(frame->flags & SPOP_ABORT)) {
            return true;
        }
    }
    return false;
}

static void check_output(const struct agent *agent, const uint8_t *data, size_t size)
{
    const uint8_t *at = agent->out, *end = agent->out + agent->out_length;
    const uint8_t *asked = data;
    struct spop_frame frame, notify;
    size_t used;

    for (; at < end; at += used) {
        require(spop_get_frame(at, (size_t)(end - at), &frame, &used) == SPOP_WHOLE);
        require(frame.flags == SPOP_FIN && used <= 4 + OWN_MAX_FRAME_SIZE);
        if (frame.type == SPOP_ACK) {
            require(next_notify(&asked, data + size, &notify));
            require(frame.stream_id == notify.stream_id && frame.frame_id == notify.frame_id);
            check_actions(&frame);
        } else if (frame.type == SPOP_AGENT_DISCONNECT) {
            check_status(&frame);
            require(at + used == end && agent->is_over);
        } else {
            require(frame.type == SPOP_AGENT_HELLO && at == agent->out);
        }
    }
}

static void check_varints(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        uint8_t again[SPOE_VARINT_BYTES_MAX];
        uint64_t value;
        size_t used = spoe_varint_read(data + at, size - at, &value);
        require(used <= size - at && used <= SPOE_VARINT_BYTES_MAX);
        if (used > 0) {
            require(spoe_varint_write(value, again) == used);
            require(memcmp(again, data + at, used) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent whole, pieces;

    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    size_t piece = 1 + data[0];
    data++;
    size--;
    run(&whole, data, size, size);
    run(&pieces, data, size, piece);
    require(whole.out_length == pieces.out_length && whole.sum == pieces.sum);
    require(memcmp(whole.out, pieces.out, whole.out_length) == 0);
    check_output(&whole, data, size);
    check_varints(data, size);
    return 0;
}
