/* Who waits for what, and when they are woken. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/directory/suites.h"
#include "tests/unit/directory/world.h"

#define TEAM   "reeve:team:ops"
#define ASKERS 100

static struct world world;
static struct asker askers[ASKERS];

static void start(void)
{
    world_init(&world);
    for (size_t i = 0; i < ASKERS; i++) {
        asker_init(&askers[i]);
    }
}

static void stop(void)
{
    world_fini(&world);
}

static void ask_all(void)
{
    for (size_t i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(world_ask(&world, "ops", &askers[i]), DIRECTORY_PENDING);
    }
}

START_TEST(a_hundred_askers_cost_one_fetch)
{
    world_team(&world, "ops", NULL);
    ask_all();
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
    ck_assert_uint_eq(world_counters(&world).misses_in_flight, 1);
    world_turn(&world);
    for (size_t i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].woken_count, 1);
        ck_assert_int_eq(world_ask(&world, "ops", &askers[i]), DIRECTORY_FOUND);
    }
    ck_assert_uint_eq(world_counters(&world).misses_in_flight, 0);
}
END_TEST

START_TEST(wakes_in_the_order_of_asking)
{
    ask_all();
    world_turn(&world);
    for (size_t i = 1; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].order, askers[i - 1].order + 1);
    }
}
END_TEST

START_TEST(wakes_nobody_before_the_tick)
{
    ask_all();
    fake_store_step(world.fake);
    ck_assert_int_eq(askers[0].woken_count, 0);
    /* Who asks between the reply and the tick is served at once. */
    struct asker late;
    asker_init(&late);
    ck_assert_int_eq(world_ask(&world, "ops", &late), DIRECTORY_ABSENT);
    world_tick(&world);
    ck_assert_int_eq(askers[0].woken_count, 1);
}
END_TEST

START_TEST(a_cancelled_asker_is_not_woken)
{
    ask_all();
    waiter_cancel(&askers[0].waiter);
    waiter_cancel(&askers[50].waiter);
    waiter_cancel(&askers[99].waiter);
    waiter_cancel(&askers[99].waiter);
    fake_store_step(world.fake);
    waiter_cancel(&askers[1].waiter);
    world_tick(&world);
    for (size_t i = 0; i < ASKERS; i++) {
        bool is_cancelled = i == 0 || i == 1 || i == 50 || i == 99;
        ck_assert_int_eq(askers[i].woken_count, is_cancelled ? 0 : 1);
    }
}
END_TEST

START_TEST(the_answer_counts_though_everybody_left)
{
    world_team(&world, "ops", NULL);
    ask_all();
    for (size_t i = 0; i < ASKERS; i++) {
        waiter_cancel(&askers[i].waiter);
    }
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "ops", &askers[0]), DIRECTORY_FOUND);
    ck_assert_uint_eq(fake_store_requests(world.fake, TEAM), 1);
}
END_TEST

START_TEST(takes_replies_in_any_order)
{
    world_team(&world, "a", NULL);
    world_team(&world, "c", NULL);
    ck_assert_int_eq(world_ask(&world, "a", &askers[0]), DIRECTORY_PENDING);
    ck_assert_int_eq(world_ask(&world, "b", &askers[1]), DIRECTORY_PENDING);
    ck_assert_int_eq(world_ask(&world, "c", &askers[2]), DIRECTORY_PENDING);
    ck_assert(fake_store_step_last(world.fake));
    world_tick(&world);
    ck_assert_int_eq(world_ask(&world, "c", &askers[2]), DIRECTORY_FOUND);
    ck_assert(fake_store_step_last(world.fake));
    ck_assert(fake_store_step_last(world.fake));
    world_tick(&world);
    ck_assert_int_eq(world_ask(&world, "b", &askers[1]), DIRECTORY_ABSENT);
    ck_assert_int_eq(world_ask(&world, "a", &askers[0]), DIRECTORY_FOUND);
}
END_TEST

/* What a woken request may do to the directory and to others. */

struct actor {
    struct waiter waiter;
    struct actor *other;
    enum directory_answer answer;
};

static void cancel_and_free_other_cb(struct waiter *waiter, struct now now)
{
    struct actor *actor = (struct actor *)(void *)waiter;

    (void)now;
    waiter_cancel(&actor->other->waiter);
    free(actor->other);
    actor->other = NULL;
}

static void fail_cb(struct waiter *waiter, struct now now)
{
    (void)waiter;
    (void)now;
    ck_abort_msg("a cancelled waiter was woken");
}

static enum directory_answer ask_for(const char *team, struct waiter *waiter)
{
    struct directory_entry *entry;

    return directory_get(world.directory, RECORD_TEAM, str_from_c(team), STR("s"), world.now,
                         waiter, &entry);
}

/* Of the same record, and of one that is answered in the same turn. */
START_TEST(a_woken_asker_may_free_another)
{
    const char *other_team = _i == 0 ? "ops" : "dev";
    struct actor actor = {.waiter.wake_cb = cancel_and_free_other_cb};

    actor.other = calloc(1, sizeof(*actor.other));
    actor.other->waiter.wake_cb = fail_cb;
    ck_assert_int_eq(ask_for("ops", &actor.waiter), DIRECTORY_PENDING);
    ck_assert_int_eq(ask_for(other_team, &actor.other->waiter), DIRECTORY_PENDING);
    ck_assert_int_eq(ask_for(other_team, &askers[0].waiter), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_ptr_null(actor.other);
    ck_assert_int_eq(askers[0].woken_count, 1);
}
END_TEST

static void ask_next_cb(struct waiter *waiter, struct now now)
{
    struct actor *actor = (struct actor *)(void *)waiter;

    (void)now;
    actor->answer = ask_for("dev", waiter);
}

START_TEST(a_woken_asker_may_wait_for_the_next_record)
{
    struct actor actor = {.waiter.wake_cb = ask_next_cb};

    ck_assert_int_eq(ask_for("ops", &actor.waiter), DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(actor.answer, DIRECTORY_PENDING);
    world_turn(&world);
    ck_assert_int_eq(actor.answer, DIRECTORY_ABSENT);
    ck_assert_uint_eq(world.fake->request_count, 2);
}
END_TEST

START_TEST(a_woken_asker_that_finds_its_record_evicted_asks_again)
{
    struct directory_settings settings = world_settings();
    struct asker others[4];
    char name[8];

    world_fini(&world);
    settings.max_records = 1;
    settings.max_source_misses = 16;
    world_init_with(&world, &settings);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "t%d", i);
        world_team(&world, name, NULL);
        asker_init(&others[i]);
        ck_assert_int_eq(world_ask(&world, name, &others[i]), DIRECTORY_PENDING);
    }
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "t0", &others[0]), DIRECTORY_PENDING);
    ck_assert_int_eq(world_ask(&world, "t3", &others[3]), DIRECTORY_FOUND);
    ck_assert_uint_eq(world_counters(&world).evictions, 3);
    world_turn(&world);
    ck_assert_int_eq(world_ask(&world, "t0", &others[0]), DIRECTORY_FOUND);
}
END_TEST

/* The evicted slot must outlive its own tick, even where asking again is refused. */
START_TEST(an_evicted_record_may_be_refused_while_the_turn_ends)
{
    struct directory_settings settings = world_settings();
    struct actor actor = {.waiter.wake_cb = ask_next_cb};

    world_fini(&world);
    settings.max_records = 1;
    world_init_with(&world, &settings);
    world_team(&world, "dev", NULL);
    world_team(&world, "ops", NULL);
    ck_assert_int_eq(ask_for("dev", &actor.waiter), DIRECTORY_PENDING);
    ck_assert_int_eq(ask_for("ops", &askers[0].waiter), DIRECTORY_PENDING);
    fake_store_step(world.fake);
    fake_store_set_mode(world.fake, FAKE_STORE_FULL);
    world_tick(&world);
    ck_assert_int_eq(actor.answer, DIRECTORY_BUSY);
    ck_assert_uint_eq(world_counters(&world).record_count, 1);
}
END_TEST

START_TEST(may_be_freed_while_fetches_are_under_way)
{
    struct waiter never_woken = {.wake_cb = fail_cb};
    struct fake_store *fake = world.fake;

    ask_all();
    ck_assert_int_eq(ask_for("dev", &never_woken), DIRECTORY_PENDING);
    fake_store_step_first(fake);
    directory_free(world.directory);
    ck_assert_ptr_null(never_woken.next);
    ck_assert_ptr_null(askers[0].waiter.next);
    ck_assert_int_eq(askers[0].woken_count, 0);
    fake_store_step(fake);
    world.directory = NULL;
}
END_TEST

Suite *waiting_suite(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tcase = tcase_create("waiting");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_hundred_askers_cost_one_fetch);
    tcase_add_test(tcase, wakes_in_the_order_of_asking);
    tcase_add_test(tcase, wakes_nobody_before_the_tick);
    tcase_add_test(tcase, a_cancelled_asker_is_not_woken);
    tcase_add_test(tcase, the_answer_counts_though_everybody_left);
    tcase_add_test(tcase, takes_replies_in_any_order);
    tcase_add_loop_test(tcase, a_woken_asker_may_free_another, 0, 2);
    tcase_add_test(tcase, a_woken_asker_may_wait_for_the_next_record);
    tcase_add_test(tcase, a_woken_asker_that_finds_its_record_evicted_asks_again);
    tcase_add_test(tcase, an_evicted_record_may_be_refused_while_the_turn_ends);
    tcase_add_test(tcase, may_be_freed_while_fetches_are_under_way);
    suite_add_tcase(suite, tcase);
    return suite;
}
