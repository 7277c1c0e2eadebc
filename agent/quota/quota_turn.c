/* What a tick does: takes the store's answers, wakes who waited for them, asks for what is wanted,
 * and gives back what is idle. */
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/quota/call.h"
#include "agent/quota/quota_inside.h"

#define CHECK_US        INT64_C(1000000)
#define LOG_INTERVAL_US INT64_C(5000000)
#define KEY_BYTES_MAX   512

static void log_bad_counter(struct quota *quota, const struct place *place, struct now now)
{
    uint64_t swallowed;

    quota->counters.bad_counters++;
    if (log_limit_pass(&quota->log, now.mono_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("bad counter: limit %s of %s: not a hash of numbers (%llu like it not logged)",
                    log_quote(place_name(place)).text, log_quote(place_subject(place)).text,
                    (unsigned long long)swallowed);
    }
}

static void hold(struct quota *quota, struct place *place, struct now now)
{
    if (place->is_held || place->lease.terms.kind != LIMIT_QUOTA ||
        lease_units(&place->lease) == 0) {
        return;
    }
    place->is_held = true;
    place->check_us = now.mono_us + CHECK_US;
    place->checked_total = place->lease.spent_total;
    place->next_held = NULL;
    if (quota->held_last) {
        quota->held_last->next_held = place;
    } else {
        quota->held_first = place;
    }
    quota->held_last = place;
}

static void take_answer(struct quota *quota, struct place *place, const struct lease_answer *answer,
                        struct now now)
{
    quota->offset_us = answer->now_us - now.mono_us;
    quota->has_offset = answer->now_us > 0;
    if (answer->state == LEASE_ANSWER_WINDOW) {
        place->window_until_us = 0;
    } else if (answer->state == LEASE_ANSWER_BAD) {
        log_bad_counter(quota, place, now);
    }
    quota->counters.granted += answer->granted;
    if (place->lease.call.kind == LEASE_CALL_ADJUST && answer->state == LEASE_ANSWER_OK) {
        quota->counters.returned += place->lease.call.back;
    }
    quota->counters.died += lease_take_answer(&place->lease, answer, now);
    hold(quota, place, now);
}

/* A rate's units would be dead before they came again; those of a quota are asked for once more, by
 * the same sequence. */
static void take_failure(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    quota->counters.failures++;
    lease_take_failure(lease, now);
    if (lease->terms.kind == LIMIT_RATE && lease->call.kind == LEASE_CALL_TAKE) {
        lease->call = (struct lease_call){0};
    }
}

/* The units stand in too few replicas to be spent: they go back. */
static void take_unsynced(struct quota *quota, struct place *place,
                          const struct lease_answer *answer, struct now now)
{
    place->lease.call.is_outdated = true;
    take_answer(quota, place, answer, now);
    place->lease.down_until_us = now.mono_us + LEASE_RETRY_US;
    quota->counters.failures++;
}

/* Terms that became of another kind meanwhile have dropped the call. */
static void take(struct quota *quota, struct place *place, struct now now)
{
    struct call_context *context = place->context;

    place->context = NULL;
    if (context->sequence != place->lease.call.sequence) {
        quota->counters.died += context->answer.granted;
    } else if (!context->has_answer) {
        take_failure(quota, place, now);
    } else if (context->is_unsynced) {
        take_unsynced(quota, place, &context->answer, now);
    } else {
        take_answer(quota, place, &context->answer, now);
    }
    free(context);
}

static void reply_cb(void *context, const struct store_reply *reply)
{
    struct call_context *call = context;
    struct quota *quota = call->quota;

    if (!quota) {
        free(call);
        return;
    }
    quota->counters.calls_in_flight--;
    call->is_answered = true;
    call->is_unsynced = reply->status == STORE_UNSYNCED;
    call->has_answer = (reply->status == STORE_OK || call->is_unsynced) &&
                       call_read_answer(reply, call->sequence, &call->answer);
    quota_mark_dirty(quota, call->place);
}

static struct str counter_key(const struct quota *quota, const struct place *place,
                              char out[KEY_BYTES_MAX])
{
    bool is_quota = place->lease.terms.kind == LIMIT_QUOTA;
    const struct str parts[] = {quota->settings.prefix, is_quota ? STR("used:{") : STR("bucket:{"),
                                place_subject(place), STR("}:"), place_name(place)};
    size_t length = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].len > KEY_BYTES_MAX - length) {
            return STR_ABSENT;
        }
        memcpy(out + length, parts[i].ptr, parts[i].len);
        length += parts[i].len;
    }
    return str_make(out, length);
}

static enum err send(struct quota *quota, struct place *place)
{
    struct call_context *context = calloc(1, sizeof(*context));
    char text[KEY_BYTES_MAX];
    struct str key = counter_key(quota, place, text);

    if (!context || str_is_absent(key)) {
        free(context);
        return ERR_MEMORY;
    }
    *context = (struct call_context){
        .quota = quota, .place = place, .sequence = place->lease.call.sequence};
    enum err e = call_send(quota->store, key, &quota->settings, &place->lease, reply_cb, context);
    if (e != ERR_OK) {
        free(context);
        return e;
    }
    place->context = context;
    place->lease.call.is_in_flight = true;
    quota->counters.calls_in_flight++;
    return ERR_OK;
}

static void count_call(struct quota *quota, const struct lease_call *call)
{
    if (call->kind == LEASE_CALL_TAKE) {
        quota->counters.takes++;
    } else if (call->owed > 0) {
        quota->counters.settles++;
    } else {
        quota->counters.gives++;
    }
}

/* What the first who waits needs beyond what a quota has in hand, which nobody can overtake him to
 * spend. Units of a rate may be dead before more of them come. */
static uint64_t least_of(const struct lease *lease)
{
    const struct waiter *first = waiter_queue_first(&lease->waiters);
    uint64_t held = lease->terms.kind == LIMIT_QUOTA ? lease_units(lease) : 0;

    return first && first->units > held ? first->units - held : 1;
}

static void begin_take(struct quota *quota, struct lease *lease, struct now now)
{
    const struct waiter *first = waiter_queue_first(&lease->waiters);
    uint64_t waiting = 0;

    for (const struct waiter *waiter = first; waiter && waiter != &lease->waiters.head;
         waiter = waiter->next) {
        waiting += waiter->units;
    }
    lease_begin_take(lease, ++quota->sequence, waiting, least_of(lease), now);
}

/* False: nothing to ask. */
static bool begin(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;
    bool wants_units = place->wants_units || !waiter_queue_is_empty(&lease->waiters);

    place->wants_units = false;
    if (lease->call.kind != LEASE_CALL_NONE) {
        return true;
    }
    if (lease->to_return > 0 || lease->owed > 0) {
        lease_begin_adjust(lease, ++quota->sequence, now);
    } else if (wants_units && !quota->is_closing) {
        begin_take(quota, lease, now);
    } else {
        return false;
    }
    return true;
}

/* A take that never left needs no retry. */
static void take_unsent(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    quota->counters.failures++;
    lease_take_failure(lease, now);
    if (lease->call.kind == LEASE_CALL_TAKE && lease->call.sent_us == now.mono_us) {
        lease->call = (struct lease_call){0};
    }
}

/* Asks the store for what the lease wants. False: that must wait, or is not to be had any more. */
static bool ask(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    if (now.mono_us < lease->down_until_us || now.mono_us < lease->bad_until_us ||
        !store_is_up(quota->store)) {
        return false;
    }
    if (!begin(quota, place, now)) {
        return waiter_queue_is_empty(&lease->waiters);
    }
    if (send(quota, place) != ERR_OK) {
        take_unsent(quota, place, now);
        return false;
    }
    count_call(quota, &lease->call);
    return true;
}

static void wake(struct quota *quota, struct place *place, struct now now)
{
    quota->waking = &place->lease;
    waiter_wake_all(&place->lease.waiters, now);
    quota->waking = NULL;
}

static bool has_work(const struct lease *lease)
{
    return lease->call.kind != LEASE_CALL_NONE || lease->to_return > 0 || lease->owed > 0;
}

/* Takes the answer that came, tells who waits, and asks for what they and others still want. Where
 * nothing can be asked they are told that. True: to be looked at again, though no reply is due. */
static bool act(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    if (place->context && !place->context->is_answered) {
        return false;
    }
    if (place->context) {
        take(quota, place, now);
        wake(quota, place, now);
    }
    quota_enter_window(quota, place, now);
    if (ask(quota, place, now)) {
        return false;
    }
    wake(quota, place, now);
    return has_work(lease);
}

/* A lease that nobody used for a second goes back, and what is more than a second's demand. */
static void review(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    if (lease->terms.kind != LIMIT_QUOTA) {
        return;
    }
    quota->counters.died += lease_expire(lease, now);
    lease_measure(lease, now);
    lease_set_aside(lease, lease->spent_total == place->checked_total ? lease_units(lease)
                                                                      : lease_surplus(lease));
    if (lease->to_return > 0) {
        quota_mark_dirty(quota, place);
    }
    hold(quota, place, now);
}

static void review_held(struct quota *quota, struct now now)
{
    while (quota->held_first && quota->held_first->check_us <= now.mono_us) {
        struct place *place = quota->held_first;

        quota->held_first = place->next_held;
        if (!quota->held_first) {
            quota->held_last = NULL;
        }
        place->is_held = false;
        review(quota, place, now);
    }
}

static struct place *take_first(struct place **list)
{
    struct place *first = *list;

    *list = first->next_dirty;
    return first;
}

static void put_first(struct place **list, struct place *place)
{
    place->is_dirty = true;
    place->next_dirty = *list;
    *list = place;
}

/* All that a store which is away left behind need not be walked in every turn. But it may have gone
 * after somebody began to wait for one of them. */
static void recall_later(struct quota *quota)
{
    if (!quota->is_awaited && !store_is_up(quota->store)) {
        return;
    }
    quota->is_awaited = false;
    while (quota->later) {
        put_first(&quota->dirty, take_first(&quota->later));
    }
}

/* Who is woken may want other leases: those are looked at in the same tick. */
void quota_tick(struct quota *quota, struct now now)
{
    review_held(quota, now);
    recall_later(quota);
    while (quota->dirty) {
        struct place *place = take_first(&quota->dirty);

        place->is_dirty = false;
        if (act(quota, place, now) && !place->is_dirty) {
            put_first(&quota->later, place);
        }
    }
}
