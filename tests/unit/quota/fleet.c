/* Agents that share counters, through histories of fixed seeds: requests of all costs, waits,
 * replies that are late or lost, stores that come and go. Whatever happens, no more is admitted
 * than the limit. */
#include <stdlib.h>

#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/world.h"

#define AGENTS   3
#define WAITING  16
#define TURNS    4000
#define INSTANTS 20000

static struct world world;

/* A generator of our own, so that histories are the same everywhere. */
static uint64_t state;

static unsigned dice(unsigned sides)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(state >> 33) % sides;
}

static struct asker askers[AGENTS][WAITING];

/* What was admitted: when, on the store's clock, and how much. */
static struct {
    int64_t at_us;
    int64_t units;
} admitted[INSTANTS];
static int admitted_count;

static void note(int64_t at_us, uint64_t units)
{
    ck_assert_int_lt(admitted_count, INSTANTS);
    admitted[admitted_count].at_us = at_us;
    admitted[admitted_count++].units = (int64_t)units;
}

static void open_fleet(const struct limit_record *limit, int seed)
{
    state = (uint64_t)seed * 977 + 5;
    admitted_count = 0;
    world_open(&world, AGENTS);
    for (int i = 0; i < AGENTS; i++) {
        for (int n = 0; n < WAITING; n++) {
            asker_init(&askers[i][n], &world, i, limit, 1);
        }
    }
}

static void ask_somebody(const struct limit_record *limit, unsigned cost_max)
{
    struct asker *asker = &askers[dice(AGENTS)][dice(WAITING)];

    if (asker->waiter.next) {
        if (dice(8) == 0) {
            waiter_cancel(&asker->waiter); /* its deadline passed */
        }
        return;
    }
    asker->claim.cost = 1 + dice(cost_max);
    asker->claim.limit = limit;
    asker_ask(asker);
}

static void disturb(struct fake_store *fake)
{
    switch (dice(12)) {
    case 0:
        fake_store_execute(fake);
        fake_store_drop(fake);
        break;
    case 1:
        fake_store_drop(fake);
        break;
    case 2:
        fake_store_execute(fake);
        break;
    case 3:
        fake_store_set_mode(fake, dice(4) == 0 ? FAKE_STORE_DOWN : FAKE_STORE_UP);
        break;
    case 4:
        fake_store_set_mode(fake, dice(3) == 0 ? FAKE_STORE_FULL : FAKE_STORE_UP);
        break;
    case 5:
        fake_store_step_last(fake);
        break;
    default:
        fake_store_step(fake);
        break;
    }
}

/* Adds up what was admitted since the last look. An exact grant counts when it was made. */
static int64_t collect(void)
{
    int64_t units = 0;

    for (int i = 0; i < AGENTS; i++) {
        for (int n = 0; n < WAITING; n++) {
            struct asker *asker = &askers[i][n];
            int64_t at_us = asker->claim.granted_us;
            if (asker->admitted_count > 0) {
                units += (int64_t)asker->claim.cost;
                note(at_us > 0 ? at_us : world.counters.now_us, asker->claim.cost);
                asker->admitted_count = 0;
            }
        }
    }
    return units;
}

static void one_turn(const struct limit_record *limit, unsigned cost_max, unsigned pause_us)
{
    ask_somebody(limit, cost_max);
    for (int i = 0; i < AGENTS; i++) {
        disturb(world.agents[i].fake);
    }
    world_tick(&world);
    world_pass(&world, dice(pause_us));
}

START_TEST(a_quota_is_never_exceeded)
{
    unsigned cost_max = 1 + (unsigned)_i % 7;
    struct limit_record limit = limit_quota(20 + (unsigned)_i * 37, LIMIT_PER_MINUTE);
    int64_t total = 0, minute = 0;

    open_fleet(&limit, _i);
    for (int turn = 0; turn < TURNS; turn++) {
        int64_t at = world.counters.now_us / (60 * SECOND);
        total = at == minute ? total : 0;
        minute = at;
        one_turn(&limit, cost_max, 30000);
        total += collect();
        ck_assert_msg(total <= (int64_t)limit.units, "turn %d: %lld", turn, (long long)total);
    }
    world_close(&world);
}
END_TEST

static int by_time(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* From every admission on: no interval holds more than rate x T + burst. Runs a bucket: that is the
 * same. */
static void judge_rate(const struct limit_record *limit)
{
    __int128 level = 0; /* millionths of units x seconds */
    int64_t at_us = 0;

    qsort(admitted, (size_t)admitted_count, sizeof(admitted[0]), by_time);
    for (int i = 0; i < admitted_count; i++) {
        __int128 refilled = (__int128)(admitted[i].at_us - at_us) * (int64_t)limit->units;
        level = level > refilled ? level - refilled : 0;
        level += (__int128)admitted[i].units * limit->period_us;
        at_us = admitted[i].at_us;
        ck_assert_msg(level <= (__int128)limit->burst * (uint64_t)limit->period_us,
                      "admission %d of %d", i, admitted_count);
    }
}

START_TEST(a_rate_is_never_exceeded)
{
    static const struct {
        uint64_t units, burst;
    } rates[] = {{100, 5}, {100, 100}, {1000, 200}, {50, 500}, {10, 3}};
    struct limit_record limit = limit_rate(rates[_i % 5].units, rates[_i % 5].burst);

    open_fleet(&limit, _i);
    for (int turn = 0; turn < TURNS; turn++) {
        one_turn(&limit, 1 + (unsigned)_i % 3, 8000);
        collect();
    }
    ck_assert_int_gt(admitted_count, 50);
    judge_rate(&limit);
    world_close(&world);
}
END_TEST

START_TEST(nobody_waits_for_ever_and_nothing_is_stranded)
{
    struct limit_record limit = limit_quota(500, LIMIT_PER_DAY);

    open_fleet(&limit, _i);
    for (int turn = 0; turn < 500; turn++) {
        one_turn(&limit, 3, 10000);
        collect();
    }
    world_set_mode(&world, FAKE_STORE_UP);
    for (int i = 0; i < 40; i++) {
        world_turn(&world);
        world_pass(&world, SECOND / 5);
    }
    int64_t used = world_used(&world)->used, total = 0;
    collect();
    for (int i = 0; i < admitted_count; i++) {
        total += admitted[i].units;
    }
    ck_assert_int_eq(used, total);
    for (int i = 0; i < AGENTS; i++) {
        ck_assert_uint_eq(agent_counters(&world.agents[i]).calls_in_flight, 0);
        for (int n = 0; n < WAITING; n++) {
            ck_assert_ptr_null(askers[i][n].waiter.next);
        }
    }
    world_close(&world);
}
END_TEST

START_TEST(a_small_limit_is_used_up_whoever_asks)
{
    struct limit_record limit = limit_quota(20, LIMIT_PER_DAY);
    int total = 0;

    open_fleet(&limit, _i);
    for (int i = 0; i < 60; i++) {
        total += asker_admitted(&askers[dice(AGENTS)][0], 1);
        world_pass(&world, SECOND / 4);
        world_turn(&world);
    }
    ck_assert_int_eq(total, 20);
    world_close(&world);
}
END_TEST

Suite *fleet_suite(void)
{
    Suite *suite = suite_create("fleet");
    TCase *tests = tcase_create("fleet");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_quota_is_never_exceeded, 0, 10);
    tcase_add_loop_test(tests, a_rate_is_never_exceeded, 0, 10);
    tcase_add_loop_test(tests, nobody_waits_for_ever_and_nothing_is_stranded, 0, 10);
    tcase_add_loop_test(tests, a_small_limit_is_used_up_whoever_asks, 0, 5);
    suite_add_tcase(suite, tests);
    return suite;
}
