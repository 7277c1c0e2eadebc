#include "agent/serve/question.h"

#include <string.h>

#include "agent/base/ensure.h"
#include "agent/decide/record.h"
#include "agent/decide/reply.h"
#include "agent/serve/held.h"

#define LOG_INTERVAL_US 1000000

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
    struct held *held = NULL;

    if (!reply_fits(&decision->verdict, peer->session.max_frame_size)) {
        decide_undo(&engine->decide, decision);
        decide_refuse(&engine->decide, request, REASON_BAD_REQUEST, &engine->arena, decision);
    }
    if (is_to_be_held(engine, question, decision)) {
        held = held_prepare(peer, question, &decision->verdict);
        if (!held) {
            decide_undo(&engine->decide, decision);
            decide_refuse(&engine->decide, request, REASON_OVERLOAD, &engine->arena, decision);
        }
    }
    bool is_recorded = record(engine, request, question, decision);
    if (held && is_recorded) {
        held_add(held, spool_sequence(engine->spool));
        return;
    }
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
                             .pace = parked->pace};
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

void question_release(const struct held *held, struct peer *peer)
{
    uint8_t *room = peer_output_room(peer, held->reply_length);

    if (room) {
        memcpy(room, held->bytes, held->reply_length);
        peer->out_last->end += held->reply_length;
        peer->has_answered = true;
        count_answer(peer->engine, VERDICT_ALLOW, held->reason);
    }
    peer->engine->output_cb(peer->engine->output_context, peer);
}

void question_take_back(const struct held *held, struct peer *peer, enum reason reason)
{
    struct engine *engine = peer->engine;
    struct question question = {.stream_id = held->stream_id,
                                .frame_id = held->frame_id,
                                .payload = {held->bytes + held->reply_length, held->payload_length},
                                .arrival = held->arrival,
                                .pace = held->pace,
                                .supersedes = (int64_t)held->sequence};
    struct decision decision;
    struct request request;

    enum request_parse parsed = request_parse(question.payload, &peer->layout, &request);
    ensure(parsed == REQUEST_PARSED);
    decide_refuse(&engine->decide, &request, reason, &engine->arena, &decision);
    settle(peer, &request, &question, &decision);
    arena_reset(&engine->arena);
    engine->output_cb(engine->output_context, peer);
}
