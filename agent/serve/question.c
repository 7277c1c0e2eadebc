#include "agent/serve/question.h"

#include <string.h>

#include "agent/base/ensure.h"
#include "agent/decide/record.h"
#include "agent/decide/reply.h"
#include "agent/serve/parked.h"

#define LOG_INTERVAL_US 1000000

/* Room one reply may need beside its path. */
#define REPLY_ROOM (REPLY_BYTES_MAX + 1024)

static void send_reply(struct peer *peer, const struct verdict *verdict, uint64_t stream_id,
                       uint64_t frame_id)
{
    size_t length = REPLY_ROOM + verdict->path.len;
    uint8_t *room = peer_output_room(peer, length);

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
    struct parked *parked = parked_may(peer, question->pace) ? parked_take(peer->engine) : NULL;

    if (!parked) {
        return NULL;
    }
    parked->stream_id = question->stream_id;
    parked->frame_id = question->frame_id;
    parked->arrival = question->arrival;
    if (parked_link(parked, peer, question->payload, question->pace) != ERR_OK) {
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

void question_decide(struct peer *peer, const struct question *question,
                     const struct request *request)
{
    struct engine *engine = peer->engine;
    struct waiter *waiter = &engine->spare->waiter;
    struct decision decision;

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

/* The request of a parked NOTIFY, read again from its own copy. */
static struct question parked_question(const struct parked *parked, struct request *request)
{
    enum request_parse parsed = request_parse(parked->payload, &parked->peer->layout, request);

    ensure(parsed == REQUEST_PARSED);
    return (struct question){.stream_id = parked->stream_id,
                             .frame_id = parked->frame_id,
                             .payload = parked->payload,
                             .arrival = parked->arrival,
                             .pace = parked->pace,
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

void question_resume(struct parked *parked)
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
            question_refuse(parked, REASON_OVERLOAD);
        }
        return;
    }
    parked_unlink(parked);
    finish(parked, &request, &question, &decision);
}

void question_refuse(struct parked *parked, enum reason reason)
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

void question_release(struct parked *parked)
{
    struct engine *engine = parked->engine;
    struct peer *peer = parked->peer;
    uint8_t *room = peer_output_room(peer, parked->held.length);

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
