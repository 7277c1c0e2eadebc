#include "agent/quota/quota.h"

#include <stdlib.h>

#include "agent/quota/outage.h"
#include "agent/quota/quota_inside.h"
#include "agent/quota/script.h"

#define SECOND_US INT64_C(1000000)

enum err quota_start(void)
{
    return script_start();
}

struct quota *quota_new(struct store *store, const struct quota_settings *settings)
{
    struct quota *quota = calloc(1, sizeof(*quota));

    if (!quota) {
        return NULL;
    }
    quota->store = store;
    quota->settings = *settings;
    if (leases_init(&quota->leases, settings->max_leases) != ERR_OK) {
        leases_fini(&quota->leases);
        free(quota);
        return NULL;
    }
    return quota;
}

static void each(struct quota *quota,
                 void (*visit)(struct quota *quota, struct place *place, struct now now),
                 struct now now)
{
    struct place *place = quota->leases.hand;

    for (size_t i = 0; i < quota->leases.count; i++, place = place->next) {
        visit(quota, place, now);
    }
}

static void abandon(struct quota *quota, struct place *place, struct now now)
{
    struct call_context *context = place->context;

    (void)quota;
    (void)now;
    waiter_cancel_all(&place->lease.waiters);
    if (context && context->is_answered) {
        free(context);
    } else if (context) {
        context->quota = NULL;
    }
}

void quota_free(struct quota *quota)
{
    if (!quota) {
        return;
    }
    each(quota, abandon, (struct now){0});
    leases_fini(&quota->leases);
    free(quota);
}

void quota_mark_dirty(struct quota *quota, struct place *place)
{
    if (!place->is_dirty) {
        place->is_dirty = true;
        place->next_dirty = quota->dirty;
        quota->dirty = place;
    }
}

static int64_t store_now_us(const struct quota *quota, struct now now)
{
    return quota->has_offset ? now.mono_us + quota->offset_us : now.wall_us;
}

void quota_enter_window(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;
    int64_t store_us = store_now_us(quota, now);

    if (lease->terms.kind != LIMIT_QUOTA || now.mono_us < place->window_until_us) {
        return;
    }
    struct window window = window_at(lease->terms.per, lease->terms.zone, store_us / 1000);
    place->window_until_us = now.mono_us + (window.end_ms * 1000 - store_us);
    place->policy_length = 0;
    quota->counters.died += lease_enter(lease, &window);
}

static struct place *find(struct quota *quota, const struct quota_claim *claim, struct now now)
{
    struct place *place = leases_find(&quota->leases, claim->name, claim->subject);
    struct terms terms;

    if (place && terms_match(&place->lease.terms, claim->limit)) {
        return place;
    }
    terms_set(&terms, claim->limit, quota->settings.zones);
    if (!place) {
        return leases_add(&quota->leases, claim->name, claim->subject, &terms, now);
    }
    lease_change_terms(&place->lease, &terms);
    place->window_until_us = 0;
    place->policy_length = 0;
    quota_mark_dirty(quota, place);
    return place;
}

static bool is_down(const struct quota *quota, const struct lease *lease, struct now now)
{
    return quota->is_closing || now.mono_us < lease->down_until_us || !store_is_up(quota->store);
}

static enum quota_answer check_outage(struct quota *quota, struct quota_claim *claim,
                                      struct now now)
{
    claim->is_outage = outage_admits(claim->lease, claim->cost, quota->settings.worker_count, now);
    return claim->is_outage ? QUOTA_ENOUGH : QUOTA_DOWN;
}

/* Who waits already comes first, but for those who are being woken. */
static bool is_enough(const struct quota *quota, const struct lease *lease, uint64_t cost)
{
    return lease_has(lease, cost) &&
           (waiter_queue_is_empty(&lease->waiters) || quota->waking == lease);
}

static void take_ahead(struct quota *quota, struct place *place, struct now now)
{
    if (lease_is_low(&place->lease, now) && place->lease.call.kind == LEASE_CALL_NONE &&
        !lease_is_exhausted(&place->lease, 1, now)) {
        place->wants_units = true;
        quota_mark_dirty(quota, place);
    }
}

static enum quota_answer check_lease(struct quota *quota, struct quota_claim *claim,
                                     struct place *place, struct now now, struct waiter *waiter)
{
    struct lease *lease = &place->lease;

    if (lease->terms.is_unusable) {
        return QUOTA_BAD;
    }
    quota_enter_window(quota, place, now);
    if (claim->cost > terms_most(&lease->terms)) {
        return QUOTA_COST;
    }
    quota->counters.died += lease_expire(lease, now);
    if (is_enough(quota, lease, claim->cost)) {
        take_ahead(quota, place, now);
        return QUOTA_ENOUGH;
    }
    if (now.mono_us < lease->bad_until_us) {
        return QUOTA_BAD;
    }
    if (lease_is_exhausted(lease, claim->cost, now)) {
        quota->counters.exhausted++;
        return QUOTA_EXHAUSTED;
    }
    if (is_down(quota, lease, now)) {
        return check_outage(quota, claim, now);
    }
    waiter->units = claim->cost;
    waiter_add(&lease->waiters, waiter);
    quota->is_awaited = true;
    quota_mark_dirty(quota, place);
    return QUOTA_PENDING;
}

static int64_t until_window_ends_us(const struct place *place, struct now now)
{
    return place->window_until_us > now.mono_us ? place->window_until_us - now.mono_us : 0;
}

/* Of a refused claim: never earlier than more can be had. */
static int64_t refused_wait_us(const struct place *place, uint64_t cost, struct now now)
{
    const struct lease *lease = &place->lease;
    int64_t wait = lease->exhausted_until_us - now.mono_us;

    if (lease->terms.kind == LIMIT_QUOTA) {
        uint64_t most = lease->left + lease_units(lease) + lease->to_return;
        return most < cost ? until_window_ends_us(place, now) : wait;
    }
    if (lease->more_us > lease->exhausted_until_us) {
        wait = lease->more_us - now.mono_us;
    }
    if (cost > lease->exhausted_cost) {
        wait += terms_time_of(&lease->terms, cost - lease->exhausted_cost);
    }
    return wait;
}

/* Of one that was met. A quota's next lease comes within a second, if the store has more. */
static int64_t next_wait_us(const struct place *place, struct now now)
{
    const struct lease *lease = &place->lease;

    if (lease->terms.kind == LIMIT_RATE) {
        return lease->terms.unit_us;
    }
    return lease->left > 0 ? SECOND_US : until_window_ends_us(place, now);
}

static void describe(struct quota_claim *claim, struct place *place, struct now now)
{
    if (place->policy_length == 0) {
        place->policy_length =
            (uint8_t)policy_write(place_name(place), &place->lease, place->policy);
    }
    claim->policy = str_make(place->policy, place->policy_length);
    claim->left = lease_units(&place->lease);
    claim->wait_us = claim->answer == QUOTA_EXHAUSTED ? refused_wait_us(place, claim->cost, now)
                                                      : next_wait_us(place, now);
}

enum quota_answer quota_check(struct quota *quota, struct quota_claim *claim, struct now now,
                              struct waiter *waiter)
{
    struct place *place =
        claim->lease ? (struct place *)(void *)claim->lease : find(quota, claim, now);

    claim->is_outage = false;
    claim->left = 0;
    claim->granted_us = 0;
    if (!place) {
        claim->answer = QUOTA_BUSY;
        return QUOTA_BUSY;
    }
    quota_keep(&place->lease, now);
    claim->lease = &place->lease;
    claim->answer = check_lease(quota, claim, place, now, waiter);
    if (claim->answer != QUOTA_PENDING) {
        describe(claim, place, now);
    }
    return claim->answer;
}

static void spend(struct quota *quota, struct quota_claim *claim, struct now now)
{
    if (claim->is_outage) {
        struct place *place = (struct place *)(void *)claim->lease;

        (void)outage_spend(claim->lease, claim->cost, quota->settings.worker_count, now);
        quota->counters.outage_spent += claim->cost;
        quota_mark_dirty(quota, place);
        return;
    }
    claim->granted_us = lease_spend(claim->lease, claim->cost);
    claim->left = lease_units(claim->lease);
    quota->counters.spent += claim->cost;
}

void quota_spend(struct quota *quota, struct quota_claim *claims, size_t count, struct now now)
{
    for (size_t i = 0; i < count; i++) {
        spend(quota, &claims[i], now);
    }
}

void quota_refund(struct quota *quota, struct quota_claim *claims, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (claims[i].is_outage) {
            outage_refund(claims[i].lease, claims[i].cost);
            quota->counters.outage_spent -= claims[i].cost;
        } else {
            lease_refund(claims[i].lease, claims[i].cost, claims[i].granted_us);
            quota->counters.spent -= claims[i].cost;
        }
    }
}

static void give_all(struct quota *quota, struct place *place, struct now now)
{
    struct lease *lease = &place->lease;

    (void)now;
    if (lease->terms.kind == LIMIT_QUOTA) {
        lease_set_aside(lease, lease_units(lease));
    }
    if (lease->to_return > 0 || lease->owed > 0 || lease->call.kind != LEASE_CALL_NONE) {
        quota_mark_dirty(quota, place);
    }
}

bool quota_return_all(struct quota *quota, struct now now)
{
    quota->is_closing = true;
    each(quota, give_all, now);
    return !quota->dirty && !quota->later && quota->counters.calls_in_flight == 0;
}

uint64_t quota_generation(const struct quota *quota)
{
    return quota->leases.dropped_count;
}

void quota_keep(struct lease *lease, struct now now)
{
    struct place *place = (struct place *)(void *)lease;

    place->is_visited = true;
    place->used_us = now.mono_us;
}

void quota_look(const struct quota *quota, const struct quota_claim *claim,
                struct quota_standing *out)
{
    const struct lease *lease = claim->lease;
    bool is_quota = lease->terms.kind == LIMIT_QUOTA;
    uint64_t held = quota->settings.rehearses ? lease_units(lease) : 0;

    *out = (struct quota_standing){
        .most = terms_most(&lease->terms),
        .left = lease->left + held,
        .end_s = is_quota ? lease->window.end_ms / 1000 : 0,
        .is_known = lease->last > 0,
    };
}

void quota_counters(const struct quota *quota, struct quota_counters *out)
{
    *out = quota->counters;
    out->lease_count = quota->leases.count;
}
