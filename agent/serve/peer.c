#include "agent/serve/peer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/decide/foresee.h"
#include "agent/decide/record.h"
#include "agent/decide/reply.h"
#include "agent/serve/parked.h"
#include "spoe/ack.h"

#define LOG_INTERVAL_US 1000000

/* Room one reply may need beside its path. */
#define REPLY_ROOM (REPLY_BYTES_MAX + 1024)

/* A frame's length field, which max-frame-size does not count. */
#define FRAME_LENGTH_BYTES 4

struct question {
    uint64_t stream_id;
    uint64_t frame_id;
    struct spoe_bytes payload;
    struct now arrival;
    int64_t supersedes; /* a record that is taken back; 0: none */
};

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

static void cancel_parked(struct peer *peer)
{
    while (peer->parked) {
        struct parked *parked = peer->parked;
        parked_unlink(parked);
        parked_give(peer->engine, parked);
    }
}

void peer_fini(struct peer *peer)
{
    cancel_parked(peer);
    buffer_give(&peer->engine->buffers, peer->in);
    while (peer->out_first) {
        struct buffer *next = peer->out_first->next;
        buffer_give(&peer->engine->buffers, peer->out_first);
        peer->out_first = next;
    }
    peer->in = NULL;
    peer->out_last = NULL;
}

/* A stretch of at least `length` bytes at the output's end; NULL when out of memory. */
static uint8_t *output_room(struct peer *peer, size_t length)
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
    uint8_t *room = output_room(peer, SPOE_REPLY_MAX);

    cancel_parked(peer);
    if (!room) {
        return;
    }
    peer->out_last->end +=
        spoe_session_write_disconnect(&peer->session, status, room, SPOE_REPLY_MAX);
    peer->state = PEER_CLOSING;
}

static void send_reply(struct peer *peer, const struct verdict *verdict, uint64_t stream_id,
                       uint64_t frame_id)
{
    size_t length = REPLY_ROOM + verdict->path.len;
    uint8_t *room = output_room(peer, length);

    if (!room) {
        return;
    }
    length = reply_write(verdict, stream_id, frame_id, peer->session.max_frame_size, room,
                         buffer_room(peer->out_last));
    if (length == 0) {
        peer_disconnect(peer, SPOE_STATUS_TOO_BIG);
        return;
    }
    peer->out_last->end += length;
    peer->has_answered = true;
}

static void log_spool_full(struct engine *engine)
{
    uint64_t swallowed;

    engine->counters.spool_full++;
    if (log_limit_pass(&engine->spool_log, engine->now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_error("audit: the spool is full; %s",
                  engine->decide.config->on_audit_full == CONFIG_AUDIT_FULL_DENY
                      ? "requests are denied"
                      : "decisions go on, the loss is counted");
    }
}

static void count_answer(struct engine *engine, enum verdict_kind kind, enum reason reason)
{
    engine->counters.requests++;
    engine->counters.verdicts[kind]++;
    engine->counters.reasons[reason]++;
}

/* The record, before the reply. An allow that can not be recorded is none, unless the gate only
 * observes or the operator chose to count the loss. True: it stands in the spool, as told. */
static bool record(struct engine *engine, const struct request *request,
                   const struct question *question, struct decision *decision)
{
    struct audit_record audit;

    decide_record(request, decision, question->arrival, engine->now, &audit);
    audit.supersedes = question->supersedes;
    audit.config = str_from_c(engine->decide.config->hash);
    enum spool_result result = spool_append(engine->spool, &audit);
    if (result != SPOOL_FULL) {
        return result == SPOOL_RECORDED;
    }
    log_spool_full(engine);
    if (decision->judged == VERDICT_ALLOW &&
        engine->decide.config->on_audit_full == CONFIG_AUDIT_FULL_DENY) {
        decide_undo(&engine->decide, decision);
        decide_refuse(&engine->decide, request, REASON_AUDIT_BLOCKED, &engine->arena, decision);
    }
    return false;
}

/* What an allow is held in; NULL: there is no place or no memory for one more. */
static struct parked *take_place(struct peer *peer, const struct question *question)
{
    struct parked *parked = parked_may(peer, PARKED_FAST) ? parked_take(peer->engine) : NULL;

    if (!parked) {
        return NULL;
    }
    parked->stream_id = question->stream_id;
    parked->frame_id = question->frame_id;
    parked->arrival = question->arrival;
    if (parked_link(parked, peer, question->payload, PARKED_FAST) != ERR_OK) {
        parked_give(peer->engine, parked);
        return NULL;
    }
    return parked;
}

static void leave_place(struct engine *engine, struct parked *place)
{
    if (place) {
        parked_unlink(place);
        parked_give(engine, place);
    }
}

/* Writes the reply for later. False: no memory. */
static bool hold(struct peer *peer, struct parked *place, const struct verdict *verdict)
{
    struct engine *engine = peer->engine;
    size_t room = REPLY_ROOM + verdict->path.len;
    uint8_t *frame = arena_take(&engine->arena, room);
    size_t length = frame ? reply_write(verdict, place->stream_id, place->frame_id,
                                        peer->session.max_frame_size, frame, room)
                          : 0;
    uint8_t *reply = length > 0 ? parked_reply_room(place, length) : NULL;

    if (!reply) {
        return false;
    }
    memcpy(reply, frame, length);
    parked_hold(place, reply, length, spool_sequence(engine->spool));
    place->held.reason = verdict->reason;
    return true;
}

/* The record is in the spool, but its reply can not be kept until it is settled. */
static void take_back(struct peer *peer, const struct request *request, struct question question,
                      struct decision *decision)
{
    struct engine *engine = peer->engine;

    question.supersedes = (int64_t)spool_sequence(engine->spool);
    decide_undo(&engine->decide, decision);
    decide_refuse(&engine->decide, request, REASON_OVERLOAD, &engine->arena, decision);
    (void)record(engine, request, &question, decision);
}

static bool is_to_be_held(const struct engine *engine, const struct question *question,
                          const struct decision *decision)
{
    return engine->is_durable && question->supersedes == 0 &&
           decision->verdict.kind == VERDICT_ALLOW;
}

static void settle(struct peer *peer, const struct request *request,
                   const struct question *question, struct decision *decision)
{
    struct engine *engine = peer->engine;
    struct parked *place = NULL;

    if (!reply_fits(&decision->verdict, peer->session.max_frame_size)) {
        decide_undo(&engine->decide, decision);
        decide_refuse(&engine->decide, request, REASON_BAD_REQUEST, &engine->arena, decision);
    }
    if (is_to_be_held(engine, question, decision)) {
        place = take_place(peer, question);
        if (!place) {
            decide_undo(&engine->decide, decision);
            decide_refuse(&engine->decide, request, REASON_OVERLOAD, &engine->arena, decision);
        }
    }
    bool is_recorded = record(engine, request, question, decision);
    if (place && is_recorded) {
        if (hold(peer, place, &decision->verdict)) {
            return;
        }
        take_back(peer, request, *question, decision);
    }
    leave_place(engine, place);
    count_answer(engine, decision->verdict.kind, decision->verdict.reason);
    send_reply(peer, &decision->verdict, question->stream_id, question->frame_id);
}

/* Parks what the spare's waiter was queued for. False: above the bounds. */
static bool park(struct peer *peer, const struct question *question, enum decide_progress progress)
{
    struct engine *engine = peer->engine;
    enum parked_pace pace = progress == DECIDE_WAIT_SLOW ? PARKED_SLOW : PARKED_FAST;
    struct parked *parked = engine->spare;

    if (!parked_may(peer, pace)) {
        return false;
    }
    struct parked *spare = parked_take(engine);
    if (!spare) {
        return false;
    }
    parked->stream_id = question->stream_id;
    parked->frame_id = question->frame_id;
    parked->arrival = question->arrival;
    if (parked_link(parked, peer, question->payload, pace) != ERR_OK) {
        parked_give(engine, spare);
        return false;
    }
    engine->spare = spare;
    engine->counters.parked++;
    return true;
}

/* A NOTIFY that asks nothing of us: an ACK without actions. */
static void acknowledge(struct peer *peer, const struct question *question)
{
    uint8_t *room = output_room(peer, SPOE_REPLY_MAX);
    struct spoe_ack ack;

    if (room && spoe_ack_begin(&ack, room, SPOE_REPLY_MAX, peer->session.max_frame_size,
                               question->stream_id, question->frame_id)) {
        peer->out_last->end += spoe_ack_end(&ack);
    }
}

static void decide_notify(struct peer *peer, const struct question *question,
                          const struct request *request, enum request_parse parse)
{
    struct engine *engine = peer->engine;
    struct decision decision;

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
        break;
    }
    struct waiter *waiter = &engine->spare->waiter;
    enum decide_progress progress =
        decide_run(&engine->decide, request, &engine->arena, engine->now, waiter, &decision);
    if (progress == DECIDE_DONE) {
        settle(peer, request, question, &decision);
    } else if (!park(peer, question, progress)) {
        waiter_cancel(waiter);
        decide_refuse(&engine->decide, request, REASON_OVERLOAD, &engine->arena, &decision);
        settle(peer, request, question, &decision);
    }
    arena_reset(&engine->arena);
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
        decide_notify(peer, &batch->questions[i], &batch->requests[i], batch->parses[i]);
    }
}

/* The request of a parked NOTIFY, read again from its own copy. */
static struct question parked_question(const struct parked *parked, struct request *request)
{
    enum request_parse parsed = request_parse(parked->payload, &parked->peer->layout, request);

    ensure(parsed == REQUEST_PARSED);
    return (struct question){.stream_id = parked->stream_id,
                             .frame_id = parked->frame_id,
                             .payload = parked->payload,
                             .arrival = parked->arrival,
                             .supersedes = parked->held.reply ? (int64_t)parked->held.sequence : 0};
}

/* Answers a request that is unlinked already: settling may disconnect the peer, which gives back
 * everything that is still linked. */
static void finish(struct parked *parked, const struct request *request,
                   const struct question *question, struct decision *decision)
{
    struct engine *engine = parked->engine;
    struct peer *peer = parked->peer;

    settle(peer, request, question, decision);
    arena_reset(&engine->arena);
    parked_give(engine, parked);
    engine->output_cb(engine->output_context, peer);
}

void peer_resume(struct parked *parked)
{
    struct engine *engine = parked->engine;
    struct decision decision;
    struct request request;
    struct question question = parked_question(parked, &request);

    enum decide_progress progress = decide_run(&engine->decide, &request, &engine->arena,
                                               engine->now, &parked->waiter, &decision);
    if (progress != DECIDE_DONE) {
        arena_reset(&engine->arena);
        if (progress == DECIDE_WAIT_SLOW && !parked_slow_down(parked)) {
            peer_refuse(parked, REASON_OVERLOAD);
        }
        return;
    }
    parked_unlink(parked);
    finish(parked, &request, &question, &decision);
}

void peer_refuse(struct parked *parked, enum reason reason)
{
    struct engine *engine = parked->engine;
    struct decision decision;
    struct request request;
    struct question question = parked_question(parked, &request);

    parked_unlink(parked);
    waiter_cancel(&parked->waiter);
    decide_refuse(&engine->decide, &request, reason, &engine->arena, &decision);
    finish(parked, &request, &question, &decision);
}

void peer_release(struct parked *parked)
{
    struct engine *engine = parked->engine;
    struct peer *peer = parked->peer;
    uint8_t *room = output_room(peer, parked->held.length);

    parked_unlink(parked);
    if (room) {
        memcpy(room, parked->held.reply, parked->held.length);
        peer->out_last->end += parked->held.length;
        peer->has_answered = true;
        count_answer(engine, VERDICT_ALLOW, parked->held.reason);
    }
    parked_give(engine, parked);
    engine->output_cb(engine->output_context, peer);
}

static void answer_hello(struct peer *peer)
{
    uint8_t *room = output_room(peer, SPOE_REPLY_MAX);

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
