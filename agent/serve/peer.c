#include "agent/serve/peer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/decide/foresee.h"
#include "agent/serve/held.h"
#include "agent/serve/question.h"
#include "spoe/ack.h"

#define LOG_INTERVAL_US 1000000

/* A frame's length field, which max-frame-size does not count. */
#define FRAME_LENGTH_BYTES 4

/* NOTIFYs that are read together, so that what their decisions look up can be foreseen. */
struct batch {
    size_t count;
    struct question questions[FORESEE_MAX];
    struct request requests[FORESEE_MAX];
    enum request_parse parses[FORESEE_MAX];
};

void peer_init(struct peer *peer, struct engine *engine, const char *name)
{
    size_t most = engine->buffers.capacity - FRAME_LENGTH_BYTES;
    size_t wanted = engine->decide.config->max_frame_size;

    *peer = (struct peer){.engine = engine};
    spoe_session_init(&peer->session, (uint32_t)(wanted < most ? wanted : most));
    strncpy(peer->name, name, sizeof(peer->name) - 1);
}

static void cancel_waiting(struct peer *peer)
{
    held_cancel(peer);
    while (peer->parked) {
        struct parked *parked = peer->parked;
        parked_unlink(parked);
        parked_give(peer->engine, parked);
    }
}

void peer_fini(struct peer *peer)
{
    cancel_waiting(peer);
    buffer_give(&peer->engine->buffers, peer->in);
    while (peer->out_first) {
        struct buffer *next = peer->out_first->next;
        buffer_give(&peer->engine->buffers, peer->out_first);
        peer->out_first = next;
    }
    peer->in = NULL;
    peer->out_last = NULL;
}

uint8_t *peer_output_room(struct peer *peer, size_t length)
{
    struct buffer *last = peer->out_last;

    if (!last || buffer_room(last) < length) {
        struct buffer *buffer = buffer_take(&peer->engine->buffers);
        if (!buffer || buffer->capacity < length) {
            buffer_give(&peer->engine->buffers, buffer);
            peer->state = PEER_BROKEN;
            return NULL;
        }
        if (last) {
            last->next = buffer;
        } else {
            peer->out_first = buffer;
        }
        peer->out_last = buffer;
    }
    return peer->out_last->data + peer->out_last->end;
}

bool peer_output(const struct peer *peer, const uint8_t **bytes, size_t *length)
{
    const struct buffer *first = peer->out_first;

    if (!first || buffer_unread(first) == 0) {
        return false;
    }
    *bytes = first->data + first->begin;
    *length = buffer_unread(first);
    return true;
}

void peer_sent(struct peer *peer, size_t length)
{
    struct buffer *first = peer->out_first;

    first->begin += length;
    if (buffer_unread(first) == 0) {
        peer->out_first = first->next;
        if (!first->next) {
            peer->out_last = NULL;
        }
        buffer_give(&peer->engine->buffers, first);
    }
}

static void log_protocol(struct peer *peer, const char *text)
{
    struct engine *engine = peer->engine;
    uint64_t swallowed;

    if (log_limit_pass(&engine->protocol_log, engine->now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("%s: protocol error: %s (%llu like it not logged)", peer->name, text,
                    (unsigned long long)swallowed);
    }
}

void peer_disconnect(struct peer *peer, enum spoe_status status)
{
    uint8_t *room = peer_output_room(peer, SPOE_REPLY_MAX);

    cancel_waiting(peer);
    if (!room) {
        return;
    }
    peer->out_last->end +=
        spoe_session_write_disconnect(&peer->session, status, room, SPOE_REPLY_MAX);
    peer->state = PEER_CLOSING;
}

/* A NOTIFY that asks nothing of us: an ACK without actions. */
static void acknowledge(struct peer *peer, const struct question *question)
{
    uint8_t *room = peer_output_room(peer, SPOE_REPLY_MAX);
    struct spoe_ack ack;

    if (room && spoe_ack_begin(&ack, room, SPOE_REPLY_MAX, peer->session.max_frame_size,
                               question->stream_id, question->frame_id)) {
        peer->out_last->end += spoe_ack_end(&ack);
    }
}

static void take_notify(struct peer *peer, const struct question *question,
                        const struct request *request, enum request_parse parse)
{
    struct engine *engine = peer->engine;

    engine->counters.frames++;
    switch (parse) {
    case REQUEST_MALFORMED:
        engine->counters.faults++;
        log_protocol(peer, "malformed NOTIFY");
        peer_disconnect(peer, SPOE_STATUS_INVALID_FRAME);
        return;
    case REQUEST_UNKNOWN:
        engine->counters.unknown++;
        acknowledge(peer, question);
        return;
    case REQUEST_PARSED:
        question_decide(peer, question, request);
        return;
    }
}

static void decide_all(struct peer *peer, const struct batch *batch)
{
    const struct request *parsed[FORESEE_MAX];
    size_t count = 0;

    for (size_t i = 0; i < batch->count; i++) {
        if (batch->parses[i] == REQUEST_PARSED) {
            parsed[count++] = &batch->requests[i];
        }
    }
    foresee(&peer->engine->decide, parsed, count);
    for (size_t i = 0; i < batch->count && peer->state == PEER_OPEN; i++) {
        take_notify(peer, &batch->questions[i], &batch->requests[i], batch->parses[i]);
    }
}

static void answer_hello(struct peer *peer)
{
    uint8_t *room = peer_output_room(peer, SPOE_REPLY_MAX);

    if (room) {
        peer->out_last->end += spoe_session_write_hello(&peer->session, room, SPOE_REPLY_MAX);
    }
}

static void answer_check(struct peer *peer)
{
    if (!peer->engine->is_ready) {
        peer_disconnect(peer, SPOE_STATUS_NO_RESOURCE);
        return;
    }
    answer_hello(peer);
    peer->state = peer->state == PEER_OPEN ? PEER_CLOSING : peer->state;
}

static void log_disconnect(const struct peer *peer, uint64_t status, struct spoe_bytes message)
{
    struct str text = str_make((const char *)message.data, message.length);
    bool is_normal = status == SPOE_STATUS_NORMAL || status == SPOE_STATUS_TIMEOUT;

    log_line(is_normal ? LOG_DEBUG : LOG_WARNING, "%s: HAProxy disconnects: %s (%llu): %s",
             peer->name, spoe_status_text(status), (unsigned long long)status,
             log_quote(text).text);
}

/* All but NOTIFY. */
static void handle(struct peer *peer, const struct spoe_event *event)
{
    struct engine *engine = peer->engine;

    switch (event->type) {
    case SPOE_EVENT_HELLO:
        answer_hello(peer);
        break;
    case SPOE_EVENT_CHECK:
        answer_check(peer);
        break;
    case SPOE_EVENT_DISCONNECT:
        log_disconnect(peer, event->disconnect.status, event->disconnect.message);
        peer_disconnect(peer, SPOE_STATUS_NORMAL);
        break;
    case SPOE_EVENT_FAULT:
        engine->counters.faults++;
        log_protocol(peer, event->fault.text);
        peer_disconnect(peer, event->fault.status);
        break;
    case SPOE_EVENT_NOTIFY:
    case SPOE_EVENT_MORE:
    case SPOE_EVENT_IGNORED:
        break;
    }
}

static void add_question(struct peer *peer, const struct spoe_event *event, struct batch *batch)
{
    size_t i = batch->count++;

    batch->questions[i] = (struct question){.stream_id = event->notify.stream_id,
                                            .frame_id = event->notify.frame_id,
                                            .payload = event->notify.payload,
                                            .arrival = peer->engine->now};
    batch->parses[i] = request_parse(event->notify.payload, &peer->layout, &batch->requests[i]);
}

/* Takes NOTIFYs off the input until the batch is full, or something else comes: that is in *event
 * then. */
static void read_batch(struct peer *peer, struct batch *batch, struct spoe_event *event)
{
    struct buffer *in = peer->in;

    batch->count = 0;
    do {
        in->begin +=
            spoe_session_next(&peer->session, in->data + in->begin, buffer_unread(in), event);
        if (event->type == SPOE_EVENT_NOTIFY) {
            add_question(peer, event, batch);
        }
    } while (event->type == SPOE_EVENT_NOTIFY && batch->count < FORESEE_MAX);
}

bool peer_wants_input(const struct peer *peer)
{
    return peer->state == PEER_OPEN && peer->out_first == peer->out_last;
}

bool peer_room(struct peer *peer, uint8_t **room, size_t *length)
{
    if (!peer_wants_input(peer)) {
        return false;
    }
    if (!peer->in) {
        peer->in = buffer_take(&peer->engine->buffers);
        if (!peer->in) {
            peer->state = PEER_BROKEN;
            return false;
        }
    }
    buffer_compact(peer->in);
    *room = peer->in->data + peer->in->end;
    *length = buffer_room(peer->in);
    return *length > 0;
}

void peer_received(struct peer *peer, size_t length)
{
    struct buffer *in = peer->in;
    bool is_advanced = false;

    if (!in) {
        return;
    }
    in->end += length;
    while (peer_wants_input(peer) && buffer_unread(in) > 0) {
        struct spoe_event event;
        struct batch batch;
        read_batch(peer, &batch, &event);
        is_advanced |= batch.count > 0 || event.type != SPOE_EVENT_MORE;
        decide_all(peer, &batch);
        if (event.type == SPOE_EVENT_MORE) {
            break;
        }
        if (peer->state == PEER_OPEN) {
            handle(peer, &event);
        }
    }
    peer->is_stalled = false;
    if (buffer_unread(in) == 0 || peer->state != PEER_OPEN) {
        peer->in = NULL;
        peer->frame_since_us = 0;
        buffer_give(&peer->engine->buffers, in);
    } else if (!peer_wants_input(peer)) {
        peer->is_stalled = true;
        peer->frame_since_us = 0;
    } else if (is_advanced || peer->frame_since_us == 0) {
        peer->frame_since_us = peer->engine->now.mono_us;
    }
}
