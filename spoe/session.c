#include "spoe/session.h"

#include "spoe/disconnect.h"
#include "spoe/frame.h"
#include "spoe/hello.h"

void spoe_session_init(struct spoe_session *session, uint32_t own_max_frame_size)
{
    *session = (struct spoe_session){
        .state = SPOE_SESSION_NEW,
        .own_max_frame_size = own_max_frame_size,
        .max_frame_size = SPOE_HELLO_FRAME_MAX,
    };
}

static void fault(struct spoe_session *session, struct spoe_event *event, enum spoe_status status,
                  const char *text)
{
    session->state = SPOE_SESSION_CLOSED;
    event->type = SPOE_EVENT_FAULT;
    event->fault.status = status;
    event->fault.text = text;
}

/* Printable ASCII only, so that it can stand in any log. */
static void keep_engine_id(struct spoe_session *session, struct spoe_bytes engine_id)
{
    size_t room = sizeof(session->engine_id) - 1;
    size_t length = engine_id.length < room ? engine_id.length : room;

    for (size_t i = 0; i < length; i++) {
        uint8_t byte = engine_id.data[i];
        session->engine_id[i] = byte >= 0x20 && byte < 0x7f ? (char)byte : '?';
    }
    session->engine_id[length] = '\0';
}

static uint32_t agreed_size(const struct spoe_session *session, const struct spoe_hello *hello)
{
    if (hello->is_check) {
        return SPOE_MAX_FRAME_SIZE_MIN;
    }
    return hello->max_frame_size < session->own_max_frame_size ? (uint32_t)hello->max_frame_size
                                                               : session->own_max_frame_size;
}

typedef void frame_fn(struct spoe_session *session, const struct spoe_frame *frame,
                      struct spoe_event *event);

static void take_hello(struct spoe_session *session, const struct spoe_frame *frame,
                       struct spoe_event *event)
{
    struct spoe_hello hello;
    const char *text;

    if (!(frame->flags & SPOE_FLAG_FIN)) {
        fault(session, event, SPOE_STATUS_NO_FRAGMENTATION, "HELLO is fragmented");
        return;
    }
    if (frame->stream_id != 0 || frame->frame_id != 0) {
        fault(session, event, SPOE_STATUS_INVALID_FRAME, "HELLO has a stream or frame id");
        return;
    }
    enum spoe_status status = spoe_hello_parse(frame->payload, &hello, &text);
    if (status != SPOE_STATUS_NORMAL) {
        fault(session, event, status, text);
        return;
    }
    session->state = hello.is_check ? SPOE_SESSION_CHECKED : SPOE_SESSION_RUNNING;
    session->max_frame_size = agreed_size(session, &hello);
    session->is_pipelined = hello.is_pipelined;
    keep_engine_id(session, hello.engine_id);
    event->type = hello.is_check ? SPOE_EVENT_CHECK : SPOE_EVENT_HELLO;
}

static void take_notify(struct spoe_session *session, const struct spoe_frame *frame,
                        struct spoe_event *event)
{
    if (!(frame->flags & SPOE_FLAG_FIN)) {
        fault(session, event, SPOE_STATUS_NO_FRAGMENTATION, "NOTIFY is fragmented");
        return;
    }
    /* HAProxy from 3.1 on would reject the ACK. */
    if (frame->frame_id == 0 && frame->stream_id != 0) {
        fault(session, event, SPOE_STATUS_INVALID_FRAME, "NOTIFY has frame id 0");
        return;
    }
    if (frame->flags & SPOE_FLAG_ABORT) {
        event->type = SPOE_EVENT_IGNORED;
        return;
    }
    event->type = SPOE_EVENT_NOTIFY;
    event->notify.stream_id = frame->stream_id;
    event->notify.frame_id = frame->frame_id;
    event->notify.payload = frame->payload;
}

/* Fragments are never announced, so no payload is ever pending; giving one up changes nothing. */
static void take_unset(struct spoe_session *session, const struct spoe_frame *frame,
                       struct spoe_event *event)
{
    if ((frame->flags & SPOE_FLAG_FIN) && (frame->flags & SPOE_FLAG_ABORT)) {
        event->type = SPOE_EVENT_IGNORED;
        return;
    }
    fault(session, event, SPOE_STATUS_NO_FRAME_ID, "a fragment of no payload");
}

static void take_disconnect(struct spoe_session *session, const struct spoe_frame *frame,
                            struct spoe_event *event)
{
    struct spoe_disconnect disconnect;

    spoe_disconnect_parse(frame->payload, &disconnect);
    session->state = SPOE_SESSION_CLOSED;
    event->type = SPOE_EVENT_DISCONNECT;
    event->disconnect.status = disconnect.status;
    event->disconnect.message = disconnect.message;
}

static void ignore(struct spoe_session *session, const struct spoe_frame *frame,
                   struct spoe_event *event)
{
    (void)session;
    (void)frame;
    event->type = SPOE_EVENT_IGNORED;
}

static void refuse(struct spoe_session *session, const struct spoe_frame *frame,
                   struct spoe_event *event)
{
    (void)frame;
    fault(session, event, SPOE_STATUS_INVALID_FRAME, "a frame that must not come here");
}

enum kind { UNSET, HELLO, DISCONNECT, NOTIFY, AGENT_ONLY, UNKNOWN, KIND_COUNT };

static enum kind frame_kind(uint8_t type)
{
    switch (type) {
    case SPOE_FRAME_UNSET:
        return UNSET;
    case SPOE_FRAME_HAPROXY_HELLO:
        return HELLO;
    case SPOE_FRAME_HAPROXY_DISCONNECT:
        return DISCONNECT;
    case SPOE_FRAME_NOTIFY:
        return NOTIFY;
    case SPOE_FRAME_AGENT_HELLO:
    case SPOE_FRAME_AGENT_DISCONNECT:
    case SPOE_FRAME_ACK:
        return AGENT_ONLY;
    default:
        return UNKNOWN;
    }
}

/* CHECKED and CLOSED take no frames at all. */
static frame_fn *const actions[][KIND_COUNT] = {
    [SPOE_SESSION_NEW] = {[UNSET] = refuse,
                          [HELLO] = take_hello,
                          [DISCONNECT] = take_disconnect,
                          [NOTIFY] = refuse,
                          [AGENT_ONLY] = refuse,
                          [UNKNOWN] = ignore},
    [SPOE_SESSION_RUNNING] = {[UNSET] = take_unset,
                              [HELLO] = refuse,
                              [DISCONNECT] = take_disconnect,
                              [NOTIFY] = take_notify,
                              [AGENT_ONLY] = refuse,
                              [UNKNOWN] = ignore},
};

static bool takes_frames(const struct spoe_session *session)
{
    return session->state == SPOE_SESSION_NEW || session->state == SPOE_SESSION_RUNNING;
}

size_t spoe_session_next(struct spoe_session *session, const uint8_t *bytes, size_t length,
                         struct spoe_event *event)
{
    struct spoe_frame frame;

    if (length > 0 && !takes_frames(session)) {
        event->type = SPOE_EVENT_IGNORED;
        return length;
    }
    event->type = SPOE_EVENT_MORE;
    if (length < SPOE_LENGTH_BYTES) {
        return 0;
    }
    uint32_t size = spoe_frame_length(bytes);
    if (size > session->max_frame_size) {
        fault(session, event, SPOE_STATUS_TOO_BIG, "frame is longer than agreed");
        return 0;
    }
    if (size < SPOE_FRAME_SIZE_MIN) {
        fault(session, event, SPOE_STATUS_INVALID_FRAME, "frame is too short");
        return 0;
    }
    if (length - SPOE_LENGTH_BYTES < size) {
        return 0;
    }
    if (!spoe_frame_parse((struct spoe_bytes){bytes + SPOE_LENGTH_BYTES, size}, &frame)) {
        fault(session, event, SPOE_STATUS_INVALID_FRAME, "malformed frame header");
        return 0;
    }
    actions[session->state][frame_kind(frame.type)](session, &frame, event);
    return event->type == SPOE_EVENT_FAULT ? 0 : SPOE_LENGTH_BYTES + (size_t)size;
}

size_t spoe_session_wanted(const struct spoe_session *session, const uint8_t *bytes, size_t length)
{
    if (length < SPOE_LENGTH_BYTES || !takes_frames(session)) {
        return SPOE_LENGTH_BYTES;
    }
    uint32_t size = spoe_frame_length(bytes);
    if (size > session->max_frame_size) {
        size = session->max_frame_size;
    }
    return SPOE_LENGTH_BYTES + (size_t)size;
}

size_t spoe_session_write_hello(const struct spoe_session *session, uint8_t *out, size_t room)
{
    return spoe_hello_write(session->max_frame_size, session->is_pipelined, out, room);
}

size_t spoe_session_write_disconnect(struct spoe_session *session, enum spoe_status status,
                                     uint8_t *out, size_t room)
{
    session->state = SPOE_SESSION_CLOSED;
    return spoe_disconnect_write(status, out, room);
}
