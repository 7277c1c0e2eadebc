#include "tests/support/fake_counter.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/ensure.h"

#define MOST ((INT64_C(1) << 53) - 1)

/* One run: the arguments, and what is answered. */
struct run {
    struct fake_counter *counter;
    int64_t now_us;
    const struct store_call *call;
    struct fake_holder *holder;
    int64_t sequence, last;
    int64_t life, wait;
    bool is_window;
};

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static __int128 divide_up(__int128 a, int64_t b)
{
    return a > 0 ? (a + b - 1) / b : 0;
}

/* ARGV[i] */
static int64_t argument(const struct run *run, size_t i)
{
    uint64_t number = 0;

    ensure(i <= run->call->argument_count);
    ensure(str_to_uint64(run->call->arguments[i - 1], UINT64_MAX, &number));
    return (int64_t)number;
}

struct fake_counter *fake_counter_get(struct fake_counters *counters, const char *key)
{
    for (int i = 0; i < counters->count; i++) {
        if (strcmp(counters->items[i].key, key) == 0) {
            return &counters->items[i];
        }
    }
    ensure(counters->count < FAKE_COUNTERS_MAX);
    struct fake_counter *counter = &counters->items[counters->count++];
    *counter = (struct fake_counter){0};
    snprintf(counter->key, sizeof(counter->key), "%s", key);
    return counter;
}

void fake_counters_lose(struct fake_counters *counters)
{
    counters->count = 0;
}

static struct fake_holder *get_holder(struct fake_counter *counter, struct str name)
{
    for (int i = 0; i < counter->holder_count; i++) {
        if (str_equal(str_from_c(counter->holders[i].name), name)) {
            return &counter->holders[i];
        }
    }
    ensure(counter->holder_count < FAKE_HOLDERS_MAX);
    struct fake_holder *holder = &counter->holders[counter->holder_count++];
    *holder = (struct fake_holder){0};
    snprintf(holder->name, sizeof(holder->name), "%.*s", STR_ARG(name));
    return holder;
}

static void tell(const struct run *run, const char *state, int64_t granted, int64_t used,
                 struct fake_store_answer *answer)
{
    fake_store_answer_add(answer, "state", state);
    fake_store_answer_number(answer, "seq", run->sequence);
    fake_store_answer_number(answer, "granted", granted);
    fake_store_answer_number(answer, "used", used);
    fake_store_answer_number(answer, "holders", run->counter->holder_count);
    fake_store_answer_number(answer, "now", run->now_us);
    if (!run->is_window) {
        fake_store_answer_number(answer, "life", run->life);
        fake_store_answer_number(answer, "wait", run->wait);
    }
}

static void finish(const struct run *run, int64_t granted, int64_t used,
                   struct fake_store_answer *answer)
{
    run->holder->sequence = run->sequence;
    run->holder->units = granted;
    tell(run, "ok", granted, used, answer);
}

/* --- window.lua --- */

/* What the caller saw, and whether its last call is forgotten. */
struct loss {
    int64_t seen;
    bool has_lost;
};

static void window_take(const struct run *run, const struct loss *loss,
                        struct fake_store_answer *answer)
{
    struct fake_counter *counter = run->counter;
    int64_t limit = argument(run, 6), want = argument(run, 8), least = argument(run, 9);
    int64_t granted = 0;

    if (loss->has_lost) {
        counter->used = max(counter->used, loss->seen);
    }
    int64_t left = limit - counter->used;
    if (left >= least && run->now_us / 1000 - counter->lost >= 1000) {
        granted = min(want, max(least, left / (2 * counter->holder_count)));
    }
    counter->used += granted;
    finish(run, granted, counter->used, answer);
}

static void window_adjust(const struct run *run, bool is_same, const struct loss *loss,
                          struct fake_store_answer *answer)
{
    struct fake_counter *counter = run->counter;
    int64_t back = is_same ? argument(run, 8) : 0, owed = argument(run, 9);

    counter->used =
        loss->has_lost ? max(counter->used, loss->seen - back) : max(0, counter->used - back);
    counter->used = min(MOST, counter->used + owed);
    finish(run, 0, counter->used, answer);
}

static struct loss find_loss(const struct run *run)
{
    struct fake_counter *counter = run->counter;
    int64_t now_ms = run->now_us / 1000;
    struct loss loss = {
        .seen = argument(run, 10) < counter->reset * 1000 ? 0 : argument(run, 7),
        .has_lost = run->holder->sequence < run->last,
    };

    counter->lost = loss.has_lost ? now_ms : min(counter->lost, now_ms);
    return loss;
}

static void run_window(struct run *run, bool takes, struct fake_store_answer *answer)
{
    struct fake_counter *counter = run->counter;
    int64_t start = argument(run, 4), stop = argument(run, 5);
    int64_t now_ms = run->now_us / 1000;

    if (now_ms < start || now_ms >= stop) {
        tell(run, "window", 0, 0, answer);
        return;
    }
    if (start >= counter->stop) {
        counter->used = counter->lost = 0;
        counter->holder_count = 0;
        counter->start = start;
        counter->stop = stop;
    }
    bool is_same = start == counter->start && stop == counter->stop;
    if (stop <= counter->start) {
        start = counter->start;
        stop = counter->stop;
    }
    run->holder = get_holder(counter, run->call->arguments[0]);
    if (run->holder->sequence > run->sequence) {
        tell(run, "stale", 0, counter->used, answer);
        return;
    }
    if (run->holder->sequence == run->sequence) {
        tell(run, "ok", run->holder->units, counter->used, answer);
        return;
    }
    counter->start = start;
    counter->stop = stop;
    struct loss loss = find_loss(run);
    if (takes) {
        window_take(run, &loss, answer);
    } else {
        window_adjust(run, is_same, &loss, answer);
    }
}

/* --- bucket.lua --- */

struct bucket {
    int64_t rate, period, burst;
    int64_t reserve, late;
};

/* In place. */
static void refill(const struct bucket *bucket, int64_t elapsed, int64_t *debt, int64_t *rem)
{
    __int128 product = (__int128)max(0, elapsed) * bucket->rate + *rem % bucket->period;
    __int128 units = product / bucket->period;

    *rem = units >= *debt ? 0 : (int64_t)(product % bucket->period);
    *debt = units >= *debt ? 0 : *debt - (int64_t)units;
}

static int64_t wait_for(const struct run *run, const struct bucket *bucket, int64_t units)
{
    __int128 wait = divide_up((__int128)units * bucket->period - run->counter->rem, bucket->rate);

    return (int64_t)(wait > 1000000000000000 ? 1000000000000000 : wait < 1 ? 1 : wait);
}

static void bucket_take(struct run *run, struct bucket *bucket, struct fake_store_answer *answer)
{
    struct fake_counter *counter = run->counter;
    int64_t want = argument(run, 9), least = argument(run, 10), granted;

    if (least > bucket->burst - bucket->reserve && least <= bucket->burst) {
        counter->exact_until = run->now_us + 1000000;
        run->life = bucket->reserve = 0;
    }
    if (run->life == 0 && run->now_us >= counter->leased_until && counter->leased_until > 0) {
        if (run->now_us < counter->leased_until + wait_for(run, bucket, bucket->burst)) {
            counter->debt += bucket->late;
        }
        counter->leased_until = 0;
    }
    int64_t left = bucket->burst - bucket->reserve - counter->debt;
    if (run->life == 0 && run->now_us < counter->leased_until) {
        run->wait = counter->leased_until - run->now_us;
        finish(run, 0, counter->debt, answer);
        return;
    }
    if (left < least) {
        run->wait = wait_for(run, bucket, least - left);
        finish(run, 0, counter->debt, answer);
        return;
    }
    if (run->life == 0) {
        granted = min(argument(run, 11), left);
    } else {
        counter->leased_until = run->now_us + run->life;
        granted = min(want, max(least, left / (2 * counter->holder_count)));
    }
    counter->debt += granted;
    finish(run, granted, counter->debt, answer);
}

static void set_life(struct run *run, struct bucket *bucket)
{
    __int128 tenth = (__int128)bucket->burst * bucket->period / (10 * (__int128)bucket->rate);

    run->life = tenth < 100000 ? (int64_t)tenth : 100000;
    bucket->reserve = (int64_t)divide_up((__int128)bucket->rate * run->life, bucket->period);
    bucket->late = bucket->reserve;
    if (run->life < 10000 || bucket->reserve * 10 > bucket->burst ||
        run->now_us < run->counter->exact_until) {
        run->life = bucket->reserve = 0;
    }
}

/* Refills, and takes the larger of what is stored and what the holder saw. */
static void prepare_bucket(const struct run *run, const struct bucket *bucket)
{
    struct fake_counter *counter = run->counter;
    int64_t seen = argument(run, 7), seen_at = argument(run, 8), seen_rem = 0;

    refill(bucket, run->now_us - counter->at, &counter->debt, &counter->rem);
    counter->at = run->now_us;
    counter->leased_until = min(counter->leased_until, run->now_us + 100000);
    counter->exact_until = min(counter->exact_until, run->now_us + 1000000);
    if (seen_at < counter->reset * 1000) {
        seen = 0;
    }
    refill(bucket, run->now_us - seen_at, &seen, &seen_rem);
    if (run->holder->sequence < run->last && seen > counter->debt) {
        counter->debt = seen;
        counter->rem = seen_rem;
    }
}

static void run_bucket(struct run *run, bool takes, struct fake_store_answer *answer)
{
    struct fake_counter *counter = run->counter;
    struct bucket bucket = {argument(run, 4), argument(run, 5), argument(run, 6), 0, 0};

    run->holder = get_holder(counter, run->call->arguments[0]);
    prepare_bucket(run, &bucket);
    set_life(run, &bucket);
    if (run->holder->sequence == run->sequence) {
        tell(run, "ok", takes ? run->holder->units : 0, counter->debt, answer);
    } else if (run->holder->sequence > run->sequence) {
        tell(run, takes ? "stale" : "ok", 0, counter->debt, answer);
    } else if (takes) {
        bucket_take(run, &bucket, answer);
    } else {
        counter->debt = min(counter->debt + argument(run, 9), bucket.burst * 2);
        finish(run, 0, counter->debt, answer);
    }
}

void fake_counter_script(void *context, const struct store_call *call,
                         struct fake_store_answer *answer)
{
    struct fake_counters *counters = context;
    bool takes = strstr(call->script->name, "_take") != NULL;
    char key[160];

    snprintf(key, sizeof(key), "%.*s", STR_ARG(call->key));
    struct run run = {.counter = fake_counter_get(counters, key),
                      .now_us = counters->now_us,
                      .call = call,
                      .is_window = strncmp(call->script->name, "window", 6) == 0};
    run.sequence = argument(&run, 2);
    run.last = argument(&run, 3);
    counters->takes += takes;
    counters->adjusts += !takes;
    if (takes && counters->is_unsynced) {
        answer->status = STORE_UNSYNCED;
    }
    if (run.counter->is_bad) {
        tell(&run, "bad", 0, 0, answer);
    } else if (run.is_window) {
        run_window(&run, takes, answer);
    } else {
        run_bucket(&run, takes, answer);
    }
}
