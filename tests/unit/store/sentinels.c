/* Sentinels, asked where the primary is. */
#include "agent/store/sentinels.h"

#include <ev.h>
#include <stdio.h>

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/store/fake_resolver.h"
#include "tests/unit/store/sentinel_world.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define TIMEOUT_US 500000
#define LABEL_63   "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnopabcdefghijklmno"
#define HOST_253   LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63

static struct ev_loop *loop;
static struct sentinel_world world;
static struct sentinels *sentinels;
static char user[] = "asker";
static char secret[] = SENTINEL_WORLD_SECRET;

static struct {
    int count;
    char answer[300]; /* "host port", "" for none */
    char why[256];
} told;

static void start(void)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(loop);
}

static void stop(void)
{
    sentinels_free(sentinels);
    sentinel_world_fini(&world);
    ev_loop_destroy(loop);
}

static void begin(size_t count)
{
    sentinel_world_init(&world, loop, count);
}

static void make(void)
{
    sentinels = sentinels_new(loop, &world.settings);
    ck_assert_ptr_nonnull(sentinels);
}

static void keep_cb(void *context, const struct sentinel_answer *answer, const char *why)
{
    ck_assert_ptr_eq(context, &told);
    told.count++;
    told.answer[0] = told.why[0] = '\0';
    if (answer) {
        snprintf(told.answer, sizeof(told.answer), "%s %u", answer->host, answer->port);
    } else {
        snprintf(told.why, sizeof(told.why), "%s", why);
    }
}

static void ask(enum sentinels_first first)
{
    int before = told.count;

    sentinels_ask(sentinels, first, keep_cb, &told);
    ck_assert_int_eq(told.count, before);
    WORLD_UNTIL(&world, told.count > before);
    ck_assert_int_eq(told.count, before + 1);
}

START_TEST(one_that_knows_is_believed)
{
    static const struct {
        const char *host;
        uint16_t port;
        const char *want;
    } answers[] = {
        {"127.0.0.1", 6379, "127.0.0.1 6379"},
        {"::1", 1, "::1 1"},
        {"redis-1.example_x", 65535, "redis-1.example_x 65535"},
    };

    begin(1);
    make();
    for (int i = 0; i < COUNT(answers); i++) {
        sentinel_world_name(&world, 0, answers[i].host, answers[i].port);
        ask(SENTINELS_SAME);
        ck_assert_str_eq(told.answer, answers[i].want);
    }
    WORLD_UNTIL(&world, fake_redis_clients(world.items[0].server) == 0);
    ck_assert_str_eq(fake_redis_log(world.items[0].server),
                     "PING\nSENTINEL GET-MASTER-ADDR-BY-NAME reeve\n"
                     "PING\nSENTINEL GET-MASTER-ADDR-BY-NAME reeve\n"
                     "PING\nSENTINEL GET-MASTER-ADDR-BY-NAME reeve\n");
}
END_TEST

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define ANSWER(literal)                                                                            \
    {                                                                                              \
        NULL, TEXT(literal), "not the answer of a Sentinel"                                        \
    }

static const struct {
    const char *greeting; /* the command that is answered so; NULL: SENTINEL */
    struct str reply;
    const char *why;
} refusals[] = {
    {NULL, TEXT("*-1\r\n"), "it knows no primary of that name"},
    {NULL, TEXT("$-1\r\n"), "it knows no primary of that name"},
    {NULL, TEXT("-IDONTKNOW I have not enough information\r\n"),
     "SENTINEL: IDONTKNOW: the Sentinel does not know enough"},
    {NULL, TEXT("-NOAUTH Authentication required.\r\n"), "SENTINEL: NOAUTH: "},
    {NULL, TEXT("-NOPERM no\r\n"), "SENTINEL: NOPERM: "},
    {NULL, TEXT("-ERR unknown command 'SENTINEL'\r\n"),
     "SENTINEL: ERR: the server does not know the command"},
    {NULL, TEXT("-" SENTINEL_WORLD_SECRET "\r\n"), "SENTINEL: ?: "},
    {NULL, TEXT("HTTP/1.1 400 Bad Request\r\n"), "Protocol error"},
    {"AUTH", TEXT("-WRONGPASS no\r\n"), "AUTH: WRONGPASS: "},
    {"AUTH", TEXT("-ERR " SENTINEL_WORLD_SECRET "\r\n"), "AUTH: ERR"},
    {"PING", TEXT("-NOAUTH Authentication required.\r\n"), "PING: NOAUTH: "},
    {"PING", TEXT("+OK\r\n"), "PING: not the reply of a Redis server"},
    {"PING", TEXT("+PONG\r\n+PONG\r\n"), "not the answer of a Sentinel"},
    ANSWER("+OK\r\n"),
    ANSWER(":1\r\n"),
    ANSWER("$9\r\n127.0.0.1\r\n"),
    ANSWER("*0\r\n"),
    ANSWER("*1\r\n$9\r\n127.0.0.1\r\n"),
    ANSWER("*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n1\r\n"),
    ANSWER("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"),
    ANSWER("*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n:1\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$-1\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$0\r\n\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$1\r\n0\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$2\r\n01\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$2\r\n-1\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$2\r\n1x\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$5\r\n65536\r\n"),
    ANSWER("*2\r\n$1\r\na\r\n$20\r\n18446744073709551617\r\n"),
    ANSWER("*2\r\n$0\r\n\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$3\r\na b\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$3\r\na@b\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$3\r\na\nb\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$3\r\na\0b\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$3\r\na:1\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$5\r\n[::1]\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$8\r\nfe80::%1\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$10\r\n/run/redis\r\n$1\r\n1\r\n"),
    ANSWER("*2\r\n$256\r\n" HOST_253 "x\r\n$1\r\n1\r\n"),
};

START_TEST(one_that_does_not_is_named_and_the_next_one_asked)
{
    begin(2);
    world.settings.user = user;
    world.settings.password = secret;
    world.items[0].greeting = refusals[_i].greeting;
    world.items[0].greeting_reply = refusals[_i].reply.ptr;
    world.items[0].answer = refusals[_i].greeting ? STR_ABSENT : refusals[_i].reply;
    sentinel_world_name(&world, 1, "10.0.0.1", 6379);
    make();
    log_set_level(LOG_WARNING);
    world_log_start();
    ask(SENTINELS_SAME);
    ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    world.items[1].answer = refusals[_i].reply;
    ask(SENTINELS_SAME);
    const char *log = world_log_end();
    ck_assert_str_eq(told.answer, "");
    ck_assert_msg(strstr(log, world.items[0].text) && strstr(log, refusals[_i].why), "%s: %s",
                  refusals[_i].why, log);
    ck_assert_msg(!strstr(log, SENTINEL_WORLD_SECRET), "%s", log);
    ck_assert_ptr_null(strstr(told.why, SENTINEL_WORLD_SECRET));
}
END_TEST

START_TEST(why_none_answers_is_told_of_the_last_one)
{
    begin(1);
    world.items[0].answer = STR("*-1\r\n");
    make();
    ask(SENTINELS_SAME);
    char want[160];
    snprintf(want, sizeof(want), "%s: it knows no primary of that name", world.items[0].text);
    ck_assert_str_eq(told.why, want);
}
END_TEST

START_TEST(the_login_is_the_sentinels_own)
{
    begin(1);
    world.settings.user = _i == 0 ? NULL : user;
    world.settings.password = secret;
    sentinel_world_name(&world, 0, "10.0.0.1", 6379);
    make();
    ask(SENTINELS_SAME);
    ck_assert_str_eq(fake_redis_log(world.items[0].server),
                     _i == 0 ? "AUTH " SENTINEL_WORLD_SECRET "\nPING\n"
                               "SENTINEL GET-MASTER-ADDR-BY-NAME reeve\n"
                             : "AUTH asker " SENTINEL_WORLD_SECRET "\nPING\n"
                               "SENTINEL GET-MASTER-ADDR-BY-NAME reeve\n");
}
END_TEST

/* Refused, never answered, never greeted. */
START_TEST(one_that_is_slow_or_gone_costs_half_a_second_at_most)
{
    begin(2);
    sentinel_world_name(&world, 1, "10.0.0.1", 6379);
    world.items[0].greeting = _i == 1 ? "PING" : NULL;
    if (_i == 2) {
        sentinel_world_kill(&world, 0);
    }
    make();
    int64_t before_us = clock_read().mono_us;
    ask(SENTINELS_SAME);
    int64_t took_us = clock_read().mono_us - before_us;
    ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    ck_assert_int_ge(took_us, _i == 2 ? 0 : TIMEOUT_US - 20000);
    ck_assert_int_lt(took_us, 2 * TIMEOUT_US);
    /* From now on it comes last. */
    size_t asked = sentinel_world_asked(&world, 0);
    ask(SENTINELS_SAME);
    ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), asked);
}
END_TEST

START_TEST(a_late_answer_is_not_taken_for_another_question_s)
{
    struct fake_redis_client *client;

    begin(1);
    make();
    ask(SENTINELS_SAME);
    ck_assert_str_eq(told.answer, "");
    ck_assert_ptr_nonnull(strstr(told.why, "no answer in time"));
    sentinels_ask(sentinels, SENTINELS_SAME, keep_cb, &told);
    WORLD_UNTIL(&world, sentinel_world_asked(&world, 0) == 2);
    client = fake_redis_newest(world.items[0].server);
    ck_assert_uint_eq(fake_redis_clients(world.items[0].server), 1);
    sentinel_world_name(&world, 0, "10.0.0.2", 6379);
    WORLD_UNTIL(&world, told.count == 2);
    ck_assert_ptr_nonnull(client);
    ck_assert_str_eq(told.answer, "10.0.0.2 6379");
}
END_TEST

START_TEST(the_same_one_is_asked_until_it_fails_or_the_next_one_is_wanted)
{
    begin(3);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    make();
    for (int i = 0; i < 3; i++) {
        ask(SENTINELS_SAME);
    }
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), 3);
    ask(SENTINELS_NEXT);
    ask(SENTINELS_SAME);
    ck_assert_uint_eq(sentinel_world_asked(&world, 1), 2);
    ask(SENTINELS_NEXT);
    ask(SENTINELS_NEXT);
    ck_assert_uint_eq(sentinel_world_asked(&world, 2), 1);
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), 4);
}
END_TEST

START_TEST(one_that_was_bad_gets_its_turn_again)
{
    begin(2);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    world.items[0].answer = STR("*-1\r\n");
    make();
    ask(SENTINELS_SAME);
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), 1);
    sentinel_world_name(&world, 0, "10.0.0.2", 6379);
    ask(SENTINELS_NEXT);
    ck_assert_str_eq(told.answer, "10.0.0.2 6379");
    ask(SENTINELS_SAME);
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), 3);
}
END_TEST

/* One warning, however often it fails in a row. */
START_TEST(a_bad_one_is_logged_when_it_becomes_bad)
{
    begin(2);
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    world.items[0].answer = STR("*-1\r\n");
    make();
    log_set_level(LOG_WARNING);
    world_log_start();
    for (int i = 0; i < 10; i++) {
        ask(SENTINELS_NEXT);
    }
    const char *log = world_log_end();
    const char *line = strstr(log, world.items[0].text);
    ck_assert_ptr_nonnull(line);
    ck_assert_msg(!strstr(line + 1, world.items[0].text), "%s", log);
    ck_assert_ptr_null(strstr(log, world.items[1].text));
}
END_TEST

static const char *const here[] = {"127.0.0.1"};

START_TEST(a_sentinel_may_have_a_name)
{
    fake_resolver_set(here, 1);
    begin(1);
    snprintf(world.items[0].host, sizeof(world.items[0].host), "sentinel.example");
    sentinel_world_name(&world, 0, "10.0.0.1", 6379);
    make();
    for (int i = 0; i < 3; i++) {
        ask(SENTINELS_SAME);
        ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    }
    ck_assert_int_eq(fake_resolver_begun(), 1);
    /* What does not answer is looked up anew. */
    world.items[0].answer = STR("*-1\r\n");
    ask(SENTINELS_SAME);
    fake_resolver_set(NULL, 0);
    ask(SENTINELS_SAME);
    ck_assert_ptr_nonnull(strstr(told.why, "the name has no address"));
    ck_assert_int_eq(fake_resolver_begun(), 2);
}
END_TEST

START_TEST(a_name_server_that_hangs_holds_up_no_other_one)
{
    fake_resolver_set(here, 1);
    fake_resolver_hold();
    begin(2);
    snprintf(world.items[0].host, sizeof(world.items[0].host), "sentinel.example");
    sentinel_world_name(&world, 0, "10.0.0.1", 6379);
    sentinel_world_name(&world, 1, "10.0.0.2", 6379);
    make();
    int64_t before_us = clock_read().mono_us;
    ask(SENTINELS_SAME);
    ck_assert_int_lt(clock_read().mono_us - before_us, 2 * TIMEOUT_US);
    ck_assert_str_eq(told.answer, "10.0.0.2 6379");
    ask(SENTINELS_NEXT);
    ck_assert_str_eq(told.answer, "10.0.0.2 6379");
    /* One look-up, however often it was wanted; what it finds is used. */
    ck_assert_int_eq(fake_resolver_begun(), 1);
    fake_resolver_release();
    ask(SENTINELS_NEXT);
    ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    ck_assert_int_eq(fake_resolver_begun(), 1);
}
END_TEST

START_TEST(cancelled_or_freed_at_any_time_it_tells_nobody)
{
    fake_resolver_set(here, 1);
    begin(2);
    snprintf(world.items[0].host, sizeof(world.items[0].host), "sentinel.example");
    world.items[0].answer = STR("*-1\r\n");
    sentinel_world_name(&world, 1, "10.0.0.2", 6379);
    make();
    sentinels_ask(sentinels, SENTINELS_SAME, keep_cb, &told);
    for (int i = 0; i < _i && told.count == 0; i++) {
        ev_run(loop, EVRUN_NOWAIT);
    }
    int before = told.count;
    if (_i % 2 == 0) {
        sentinels_cancel(sentinels);
        ev_run(loop, EVRUN_NOWAIT);
        ck_assert_int_eq(told.count, before);
        ask(SENTINELS_SAME);
        ck_assert_str_eq(told.answer, "10.0.0.2 6379");
    } else {
        sentinels_free(sentinels);
        sentinels = NULL;
        ev_run(loop, EVRUN_NOWAIT);
        ck_assert_int_eq(told.count, before);
    }
}
END_TEST

START_TEST(new_ones_are_whole_or_none)
{
    bool has_failed = true;

    begin(2);
    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        struct sentinels *made = sentinels_new(loop, &world.settings);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(made == NULL, has_failed);
        sentinels_free(made);
    }
}
END_TEST

/* The n-th of those that a question needs, for all n: of the two one is asked in vain. The fake
 * servers' own allocations may not fail, so the loop turns without the failure where theirs come. */
START_TEST(out_of_memory_another_one_is_asked)
{
    fake_resolver_set(here, 1);
    begin(2);
    snprintf(world.items[0].host, sizeof(world.items[0].host), "sentinel.example");
    sentinel_world_name_all(&world, "10.0.0.1", 6379);
    make();
    sentinels_ask(sentinels, SENTINELS_SAME, keep_cb, &told);
    failing_alloc_start(1);
    ev_run(loop, EVRUN_NOWAIT);
    ck_assert(failing_alloc_stop());
    WORLD_UNTIL(&world, told.count == 1);
    ck_assert_str_eq(told.answer, "10.0.0.1 6379");
    ck_assert_uint_eq(sentinel_world_asked(&world, 0), 0);
    ck_assert_uint_eq(sentinel_world_asked(&world, 1), 1);
}
END_TEST

Suite *sentinels_suite(void)
{
    Suite *suite = suite_create("sentinels");
    TCase *tcase = tcase_create("sentinels");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, one_that_knows_is_believed);
    tcase_add_loop_test(tcase, one_that_does_not_is_named_and_the_next_one_asked, 0,
                        COUNT(refusals));
    tcase_add_test(tcase, why_none_answers_is_told_of_the_last_one);
    tcase_add_loop_test(tcase, the_login_is_the_sentinels_own, 0, 2);
    tcase_add_loop_test(tcase, one_that_is_slow_or_gone_costs_half_a_second_at_most, 0, 3);
    tcase_add_test(tcase, a_late_answer_is_not_taken_for_another_question_s);
    tcase_add_test(tcase, the_same_one_is_asked_until_it_fails_or_the_next_one_is_wanted);
    tcase_add_test(tcase, one_that_was_bad_gets_its_turn_again);
    tcase_add_test(tcase, a_bad_one_is_logged_when_it_becomes_bad);
    tcase_add_test(tcase, a_sentinel_may_have_a_name);
    tcase_add_test(tcase, a_name_server_that_hangs_holds_up_no_other_one);
    tcase_add_loop_test(tcase, cancelled_or_freed_at_any_time_it_tells_nobody, 0, 20);
    tcase_add_test(tcase, new_ones_are_whole_or_none);
    tcase_add_test(tcase, out_of_memory_another_one_is_asked);
    suite_add_tcase(suite, tcase);
    return suite;
}
