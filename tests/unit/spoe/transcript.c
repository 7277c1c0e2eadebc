#include "tests/unit/spoe/transcript.h"

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spoe/ack.h"
#include "spoe/notify.h"
#include "spoe/session.h"
#include "tests/support/spop_peer.h"

#define OWN_MAX_FRAME_SIZE 16380

struct agent {
    struct spoe_session session;
    uint8_t *unread; /* allocated to the byte, so that a sanitizer sees every read behind it */
    size_t unread_length;
    bool is_closed;
    char *text;
    size_t text_length;
};

static void say(struct agent *agent, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct agent *agent, const char *format, ...)
{
    size_t room = TRANSCRIPT_MAX - agent->text_length;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(agent->text + agent->text_length, room, format, args);
    va_end(args);
    ck_assert(length >= 0 && (size_t)length < room);
    agent->text_length += (size_t)length;
}

static void say_next(struct agent *agent)
{
    if (agent->text_length > 0) {
        say(agent, "; ");
    }
}

/* Every reply of this library is one whole frame with FIN. */
static struct spop_frame parse_reply(const uint8_t *bytes, size_t length, unsigned type)
{
    struct spop_frame frame;
    size_t used;

    ck_assert_int_eq(spop_get_frame(bytes, length, &frame, &used), SPOP_WHOLE);
    ck_assert_uint_eq(used, length);
    ck_assert_uint_eq(frame.type, type);
    ck_assert_uint_eq(frame.flags, SPOP_FIN);
    return frame;
}

static void answer_hello(struct agent *agent, const char *word)
{
    uint8_t reply[SPOE_REPLY_MAX];
    size_t length = spoe_session_write_hello(&agent->session, reply, sizeof(reply));
    struct spop_frame frame = parse_reply(reply, length, SPOP_AGENT_HELLO);
    struct spop_value version, size, capabilities;

    ck_assert(frame.stream_id == 0 && frame.frame_id == 0);
    ck_assert(spop_get_pair(frame.payload, "version", &version));
    ck_assert(version.type == 8 && spop_is_text(version.bytes, "2.0"));
    ck_assert(spop_get_pair(frame.payload, "max-frame-size", &size));
    ck_assert_uint_eq(size.type, 3);
    ck_assert(spop_get_pair(frame.payload, "capabilities", &capabilities));
    ck_assert_uint_eq(capabilities.type, 8);
    say(agent, "%s %" PRIu64, word, size.number);
    if (capabilities.bytes.length > 0) {
        say(agent, " %.*s", (int)capabilities.bytes.length, (const char *)capabilities.bytes.data);
    }
}

static void disconnect(struct agent *agent, enum spoe_status status)
{
    uint8_t reply[SPOE_REPLY_MAX];
    size_t length = spoe_session_write_disconnect(&agent->session, status, reply, sizeof(reply));
    struct spop_frame frame = parse_reply(reply, length, SPOP_AGENT_DISCONNECT);
    struct spop_value code, message;

    ck_assert(frame.stream_id == 0 && frame.frame_id == 0);
    ck_assert(spop_get_pair(frame.payload, "status-code", &code));
    ck_assert(spop_get_pair(frame.payload, "message", &message));
    ck_assert(message.type == 8 && message.bytes.length > 0);
    say(agent, "D %" PRIu64, code.number);
    agent->is_closed = true;
}

static void acknowledge(struct agent *agent, const struct spoe_event *event)
{
    static const struct spoe_bytes name = {(const uint8_t *)"verdict", 7};
    static const struct spoe_bytes value = {(const uint8_t *)"deny", 4};
    uint8_t reply[512];
    struct spoe_ack ack;
    struct spop_value set;

    ck_assert(spoe_ack_begin(&ack, reply, sizeof(reply), agent->session.max_frame_size,
                             event->notify.stream_id, event->notify.frame_id));
    ck_assert(spoe_ack_set_string(&ack, SPOE_SCOPE_TXN, name, value));
    struct spop_frame frame = parse_reply(reply, spoe_ack_end(&ack), SPOP_ACK);
    ck_assert(spop_get_var(&frame, "verdict", &set) && spop_is_text(set.bytes, "deny"));
    say(agent, "ack %" PRIu64 "/%" PRIu64, frame.stream_id, frame.frame_id);
}

static void answer_notify(struct agent *agent, const struct spoe_event *event)
{
    char messages[TRANSCRIPT_MAX] = "";
    size_t length = 0;
    struct spoe_messages list;
    struct spoe_message message;
    struct spoe_arg arg;

    spoe_messages_begin(&list, event->notify.payload);
    while (spoe_messages_next(&list, &message)) {
        unsigned count = 0;
        while (spoe_message_next_arg(&list, &arg)) {
            count++;
        }
        length +=
            (size_t)snprintf(messages + length, sizeof(messages) - length, " %.*s:%u",
                             (int)message.name.length, (const char *)message.name.data, count);
    }
    if (spoe_messages_failed(&list)) {
        disconnect(agent, SPOE_STATUS_INVALID_FRAME);
        return;
    }
    acknowledge(agent, event);
    say(agent, "%s", messages);
}

static void answer(struct agent *agent, const struct spoe_event *event)
{
    say_next(agent);
    switch (event->type) {
    case SPOE_EVENT_MORE:
        break;
    case SPOE_EVENT_HELLO:
        answer_hello(agent, "hello");
        break;
    case SPOE_EVENT_CHECK:
        answer_hello(agent, "check");
        agent->is_closed = true;
        break;
    case SPOE_EVENT_NOTIFY:
        answer_notify(agent, event);
        break;
    case SPOE_EVENT_IGNORED:
        say(agent, "skip");
        break;
    case SPOE_EVENT_DISCONNECT:
        say(agent, "left %" PRIu64 " \"%.*s\"; ", event->disconnect.status,
            (int)event->disconnect.message.length, (const char *)event->disconnect.message.data);
        disconnect(agent, SPOE_STATUS_NORMAL);
        break;
    case SPOE_EVENT_FAULT:
        ck_assert_ptr_nonnull(event->fault.text);
        disconnect(agent, event->fault.status);
        break;
    }
}

static void check_wanted(const struct agent *agent)
{
    size_t wanted = spoe_session_wanted(&agent->session, agent->unread, agent->unread_length);

    ck_assert_uint_gt(wanted, agent->unread_length);
    ck_assert_uint_le(wanted, 4 + agent->session.max_frame_size);
}

static void drop_front(struct agent *agent, size_t length)
{
    uint8_t *rest = malloc(agent->unread_length - length);

    if (agent->unread_length > length) {
        memcpy(rest, agent->unread + length, agent->unread_length - length);
    }
    free(agent->unread);
    agent->unread = rest;
    agent->unread_length -= length;
}

static void receive(struct agent *agent, const uint8_t *bytes, size_t length)
{
    uint8_t *grown = malloc(agent->unread_length + length);
    struct spoe_event event;

    memcpy(grown, agent->unread, agent->unread_length);
    memcpy(grown + agent->unread_length, bytes, length);
    free(agent->unread);
    agent->unread = grown;
    agent->unread_length += length;
    while (!agent->is_closed) {
        size_t used =
            spoe_session_next(&agent->session, agent->unread, agent->unread_length, &event);
        if (event.type == SPOE_EVENT_MORE) {
            ck_assert_uint_eq(used, 0);
            check_wanted(agent);
            return;
        }
        ck_assert_uint_le(used, agent->unread_length);
        answer(agent, &event);
        drop_front(agent, used);
    }
}

/* Once closed, whatever follows is ignored. */
static void check_closed(struct agent *agent, const uint8_t *bytes, size_t length)
{
    struct spoe_event event;
    size_t used = spoe_session_next(&agent->session, bytes, length, &event);

    ck_assert_uint_eq(used, length);
    ck_assert_int_eq(event.type, length > 0 ? SPOE_EVENT_IGNORED : SPOE_EVENT_MORE);
}

void transcript(struct spoe_bytes input, size_t first, size_t step, char out[TRANSCRIPT_MAX])
{
    struct agent agent = {.text = out, .unread = malloc(1)};
    size_t piece = first;

    out[0] = '\0';
    spoe_session_init(&agent.session, OWN_MAX_FRAME_SIZE);
    for (size_t at = 0; at < input.length && !agent.is_closed; at += piece, piece = step) {
        if (piece > input.length - at) {
            piece = input.length - at;
        }
        receive(&agent, input.data + at, piece);
    }
    if (agent.is_closed) {
        check_closed(&agent, input.data, input.length);
    } else if (agent.unread_length > 0) {
        say_next(&agent);
        say(&agent, "...");
    }
    free(agent.unread);
}

void transcript_check(const char *name, struct spoe_bytes input, const char *expected)
{
    static char words[TRANSCRIPT_MAX];

    transcript(input, input.length, input.length, words);
    ck_assert_msg(strcmp(words, expected) == 0, "case %s: \"%s\", expected \"%s\"", name, words,
                  expected);
    transcript(input, 1, 1, words);
    ck_assert_msg(strcmp(words, expected) == 0, "case %s, byte by byte: \"%s\"", name, words);
    for (size_t cut = 1; cut < input.length; cut++) {
        transcript(input, cut, input.length, words);
        ck_assert_msg(strcmp(words, expected) == 0, "case %s, cut at %zu: \"%s\"", name, cut,
                      words);
    }
}
