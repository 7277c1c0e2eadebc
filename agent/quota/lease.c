#include "agent/quota/lease.h"

#define SECOND_US         INT64_C(1000000)
#define MICRO             UINT64_C(1000000)
#define DEMAND_SETTLED_US INT64_C(50000)
#define DEMAND_MIN_US     INT64_C(1000)
#define DEMAND_MAX        UINT64_C(1000000000)

/* A holder that is silent for two hours is forgotten by the store (lua/common.lua), and that is no
 * loss of data. */
#define MEMORY_US (INT64_C(3600) * SECOND_US)

/* The last quarter of a life is when a lease is renewed, if it is of this many units at least: a
 * slow caller rather waits for one call than has units die for him. */
#define RENEWAL_SHARE 4
#define RENEWED_FROM  8

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void lease_init(struct lease *lease, const struct terms *terms)
{
    *lease = (struct lease){.terms = *terms};
    waiter_queue_init(&lease->waiters);
}

static uint64_t expire_batch(struct lease_batch *batch, struct now now)
{
    uint64_t units = batch->units;

    if (now.mono_us < batch->ends_us) {
        return 0;
    }
    *batch = (struct lease_batch){0};
    return units;
}

uint64_t lease_expire(struct lease *lease, struct now now)
{
    return expire_batch(&lease->older, now) + expire_batch(&lease->newer, now);
}

/* They were granted together, or when does not matter. */
static bool are_alike(const struct lease *lease)
{
    return lease->older.granted_us == lease->newer.granted_us;
}

bool lease_has(const struct lease *lease, uint64_t units)
{
    return lease->older.units >= units || lease->newer.units >= units ||
           (are_alike(lease) && lease_units(lease) >= units);
}

int64_t lease_spend(struct lease *lease, uint64_t units)
{
    bool takes_older = lease->older.units >= units || are_alike(lease);
    uint64_t first = takes_older ? min_u64(units, lease->older.units) : 0;
    int64_t granted_us = first > 0 ? lease->older.granted_us : lease->newer.granted_us;

    lease->older.units -= first;
    lease->newer.units -= units - first;
    lease->spent += units;
    lease->spent_total += units;
    return granted_us;
}

/* Into the batch that ends first, so that nothing lives longer for it. */
void lease_refund(struct lease *lease, uint64_t units, int64_t granted_us)
{
    bool is_older = lease->older.ends_us > 0 && lease->older.granted_us == granted_us;
    struct lease_batch *batch = is_older ? &lease->older : &lease->newer;

    batch->units += units;
    lease->spent -= min_u64(units, lease->spent);
    lease->spent_total -= units;
}

bool lease_is_exhausted(const struct lease *lease, uint64_t cost, struct now now)
{
    return now.mono_us < lease->exhausted_until_us && cost >= lease->exhausted_cost;
}

/* How long leases are taken for. */
static uint64_t horizon_us(const struct lease *lease)
{
    return lease->terms.kind == LIMIT_RATE ? (uint64_t)lease->terms.life_us : (uint64_t)SECOND_US;
}

static uint64_t target(const struct lease *lease)
{
    return lease->demand * horizon_us(lease) / MICRO;
}

static uint64_t ahead(const struct lease *lease)
{
    if (lease->terms.kind == LIMIT_RATE) {
        return 0;
    }
    return min_u64(lease->terms.units / LEASE_AHEAD_SHARE, LEASE_AHEAD_MAX);
}

/* How long the last of its units live. */
static int64_t life_left_us(const struct lease *lease, struct now now)
{
    int64_t left = lease->newer.ends_us - now.mono_us;

    return left > 0 && lease->newer.units > 0 ? left : 0;
}

/* The lease of a rate is renewed a little before it dies, or all who come then would wait. */
static bool ends_soon(const struct lease *lease, struct now now)
{
    return lease->terms.life_us > 0 && target(lease) >= RENEWED_FROM &&
           life_left_us(lease, now) < lease->terms.life_us / RENEWAL_SHARE;
}

bool lease_is_low(const struct lease *lease, struct now now)
{
    return lease_units(lease) < target(lease) / 8 || ends_soon(lease, now);
}

/* What demand asks for, less what a rate's units that are here will have served by their end: units
 * that die are lost to everybody. */
static uint64_t wanted(const struct lease *lease, struct now now)
{
    uint64_t served = 0;

    if (lease->terms.kind == LIMIT_RATE) {
        served =
            min_u64(lease->demand * (uint64_t)life_left_us(lease, now) / MICRO, lease_units(lease));
    }
    return max_u64(target(lease) - min_u64(served, target(lease)), ahead(lease));
}

uint64_t lease_surplus(const struct lease *lease)
{
    uint64_t wanted = max_u64(target(lease), ahead(lease)), units = lease_units(lease);

    return units > 2 * wanted ? units - wanted : 0;
}

void lease_set_aside(struct lease *lease, uint64_t units)
{
    uint64_t first = min_u64(units, lease->older.units);

    lease->older.units -= first;
    lease->newer.units -= units - first;
    lease->to_return += units;
}

/* What was spent since the last look. A short look at a sudden demand counts if it is more. */
void lease_measure(struct lease *lease, struct now now)
{
    int64_t elapsed_us = now.mono_us - lease->demand_since_us;
    uint64_t divisor = (uint64_t)(elapsed_us > DEMAND_MIN_US ? elapsed_us : DEMAND_MIN_US);
    uint64_t rate =
        min_u64(min_u64(lease->spent, UINT64_MAX / MICRO) * MICRO / divisor, DEMAND_MAX);

    if (elapsed_us >= DEMAND_SETTLED_US) {
        lease->demand = (lease->demand + rate) / 2;
        lease->spent = 0;
        lease->demand_since_us = now.mono_us;
    } else {
        lease->demand = max_u64(lease->demand, rate);
    }
}

static void begin(struct lease *lease, enum lease_call_kind kind, uint64_t sequence, struct now now)
{
    bool is_remembered = now.mono_us - lease->last_us < MEMORY_US;

    lease->call = (struct lease_call){.kind = kind,
                                      .is_in_flight = true,
                                      .sent_us = now.mono_us,
                                      .sequence = sequence,
                                      .last = is_remembered ? lease->last : 0,
                                      .window = lease->window,
                                      .units = lease->terms.units,
                                      .burst = lease->terms.burst,
                                      .period_us = lease->terms.period_us,
                                      .seen_used = lease->seen_used,
                                      .seen_us = lease->seen_us};
}

void lease_begin_take(struct lease *lease, uint64_t sequence, uint64_t waiting, uint64_t least,
                      struct now now)
{
    lease_measure(lease, now);
    begin(lease, LEASE_CALL_TAKE, sequence, now);
    lease->call.least = least;
    lease->call.waiting = waiting;
    lease->call.want = max_u64(max_u64(waiting, least), wanted(lease, now));
}

void lease_begin_adjust(struct lease *lease, uint64_t sequence, struct now now)
{
    begin(lease, LEASE_CALL_ADJUST, sequence, now);
    lease->call.back = lease->to_return;
    lease->call.owed = lease->owed;
}

static bool is_same_window(const struct window *a, const struct window *b)
{
    return a->start_ms == b->start_ms && a->end_ms == b->end_ms;
}

/* The older batch makes room: what is left of it joins the newer with the earlier end or, of exact
 * ones, dies. Gives how many that were. */
static uint64_t add_units(struct lease *lease, const struct lease_batch *batch)
{
    uint64_t died = 0;

    if (lease->older.units == 0) {
        lease->older = lease->newer;
    } else if (lease->newer.units > 0 && are_alike(lease)) {
        lease->older.units += lease->newer.units;
        lease->older.ends_us = min_i64(lease->older.ends_us, lease->newer.ends_us);
    } else if (lease->newer.units > 0) {
        died = lease->older.units;
        lease->older = lease->newer;
    }
    lease->newer = *batch;
    return died;
}

static int64_t end_of_grant(const struct lease *lease, const struct lease_answer *answer)
{
    const struct lease_call *call = &lease->call;

    if (lease->terms.kind == LIMIT_QUOTA) {
        return call->sent_us + (call->window.end_ms * 1000 - answer->now_us);
    }
    return call->sent_us + (answer->life_us > 0 ? answer->life_us : LEASE_EXACT_HOLD_US);
}

/* How long nothing more is asked for: a second at most, since an operator may have given units. A
 * rate tells when its next units come; who was refused again then has rivals, and stands back twice
 * as long. */
static int64_t pause_us(const struct lease *lease, const struct lease_answer *answer)
{
    int64_t pause = answer->wait_us;

    if (lease->terms.kind == LIMIT_QUOTA) {
        return SECOND_US;
    }
    for (unsigned i = 1; i < lease->refused_count && pause < SECOND_US; i++) {
        pause *= 2;
    }
    return min_i64(pause, SECOND_US);
}

static void take_refusal(struct lease *lease, const struct lease_answer *answer, uint64_t cost,
                         struct now now)
{
    lease->refused_count++;
    lease->exhausted_cost = cost;
    lease->exhausted_until_us = now.mono_us + pause_us(lease, answer);
    lease->more_us = now.mono_us + answer->wait_us;
    if (lease->terms.kind == LIMIT_QUOTA) {
        lease->exhausted_until_us = min_i64(lease->exhausted_until_us, end_of_grant(lease, answer));
    }
}

static uint64_t take_grant(struct lease *lease, const struct lease_answer *answer, struct now now)
{
    struct lease_batch batch = {.units = answer->granted, .ends_us = end_of_grant(lease, answer)};

    if (lease->terms.kind == LIMIT_RATE && answer->life_us == 0) {
        batch.granted_us = answer->now_us;
    }
    lease->refused_count = 0;
    if (now.mono_us >= batch.ends_us) {
        return batch.units;
    }
    return add_units(lease, &batch);
}

/* Remembers what the store said of its counter. */
static void learn(struct lease *lease, const struct lease_answer *answer, struct now now)
{
    uint64_t most = lease->terms.kind == LIMIT_RATE ? lease->terms.burst : lease->terms.units;

    lease->last = answer->sequence;
    lease->last_us = now.mono_us;
    lease->seen_used = answer->used;
    lease->seen_us = answer->now_us;
    lease->left = most > answer->used ? most - answer->used : 0;
}

static uint64_t take_granted(struct lease *lease, const struct lease_answer *answer, struct now now)
{
    if (answer->granted == 0) {
        uint64_t held = lease->terms.kind == LIMIT_QUOTA ? lease_units(lease) : 0;
        take_refusal(lease, answer, lease->call.least + held, now);
        return 0;
    }
    lease->exhausted_until_us = 0;
    if (lease->terms.kind == LIMIT_QUOTA && lease->left == 0) {
        take_refusal(lease, answer, 1, now);
    }
    return take_grant(lease, answer, now);
}

static void take_adjusted(struct lease *lease)
{
    lease->to_return -= min_u64(lease->call.back, lease->to_return);
    lease->owed -= min_u64(lease->call.owed, lease->owed);
}

static uint64_t take_ok(struct lease *lease, const struct lease_answer *answer, struct now now)
{
    bool is_current =
        lease->terms.kind == LIMIT_RATE || is_same_window(&lease->call.window, &lease->window);

    lease->window_misses = 0;
    if (lease->call.kind == LEASE_CALL_ADJUST) {
        if (is_current) {
            take_adjusted(lease);
            learn(lease, answer, now);
        }
        return 0;
    }
    if (!is_current) {
        return answer->granted;
    }
    learn(lease, answer, now);
    if (lease->call.is_outdated) {
        lease->to_return += lease->terms.kind == LIMIT_QUOTA ? answer->granted : 0;
        return 0;
    }
    return take_granted(lease, answer, now);
}

/* The window is not the store's. An adjustment of it has no object any more. */
static void take_window_miss(struct lease *lease, struct now now)
{
    if (lease->call.kind == LEASE_CALL_ADJUST) {
        if (is_same_window(&lease->call.window, &lease->window)) {
            take_adjusted(lease);
        }
    } else if (++lease->window_misses >= 3) {
        lease->down_until_us = now.mono_us + LEASE_RETRY_US;
        lease->window_misses = 0;
    }
}

uint64_t lease_take_answer(struct lease *lease, const struct lease_answer *answer, struct now now)
{
    uint64_t died = 0;

    switch (answer->state) {
    case LEASE_ANSWER_OK:
        died = take_ok(lease, answer, now);
        break;
    case LEASE_ANSWER_WINDOW:
        take_window_miss(lease, now);
        break;
    case LEASE_ANSWER_STALE:
        lease->down_until_us = now.mono_us + LEASE_RETRY_US;
        break;
    case LEASE_ANSWER_BAD:
        lease->bad_until_us = now.mono_us + SECOND_US;
        break;
    }
    lease->call = (struct lease_call){0};
    return died;
}

void lease_take_failure(struct lease *lease, struct now now)
{
    lease->call.is_in_flight = false;
    lease->down_until_us = now.mono_us + LEASE_RETRY_US;
}

uint64_t lease_enter(struct lease *lease, const struct window *window)
{
    uint64_t died = lease_units(lease);

    if (is_same_window(&lease->window, window)) {
        return 0;
    }
    lease->window = *window;
    if (!lease->call.is_in_flight) {
        lease->call = (struct lease_call){0};
    }
    lease->older = (struct lease_batch){0};
    lease->newer = (struct lease_batch){0};
    lease->to_return = 0;
    lease->last = 0;
    lease->seen_used = 0;
    lease->exhausted_until_us = 0;
    lease->owed = 0;
    lease->outage_spent = 0;
    return died;
}

void lease_change_terms(struct lease *lease, const struct terms *terms)
{
    bool was_quota = lease->terms.kind == LIMIT_QUOTA;

    if (was_quota && terms->kind == LIMIT_QUOTA) {
        lease_set_aside(lease, lease_units(lease));
    }
    lease->older = (struct lease_batch){0};
    lease->newer = (struct lease_batch){0};
    lease->exhausted_until_us = 0;
    lease->refused_count = 0;
    lease->call.is_outdated = true;
    if (was_quota != (terms->kind == LIMIT_QUOTA)) {
        lease->to_return = lease->owed = lease->last = 0;
        lease->outage_us = 0;
        lease->outage_spent = 0;
        lease->call = (struct lease_call){0};
    }
    lease->terms = *terms;
}

static bool is_alive(const struct lease_batch *batch, struct now now)
{
    return batch->units > 0 && now.mono_us < batch->ends_us;
}

bool lease_is_disposable(const struct lease *lease, struct now now)
{
    return !is_alive(&lease->older, now) && !is_alive(&lease->newer, now) &&
           lease->to_return == 0 && lease->owed == 0 && lease->call.kind == LEASE_CALL_NONE &&
           waiter_queue_is_empty(&lease->waiters);
}
