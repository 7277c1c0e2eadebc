/* The connection that tells of changes: what it says, what proves it, and what ends it. */
#include "agent/store/tracking.h"

#include <stdio.h>

#include "tests/support/fake_store.h"
#include "tests/unit/store/sentinel_world.h"
#include "tests/unit/store/suites.h"
#include "tests/unit/store/world.h"

#define SILENCE_US 100000
#define SUBSCRIBED "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n"
#define MESSAGE(n) "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*" n "\r\n"
#define PRIMARY    "*3\r\n$6\r\nmaster\r\n:14\r\n*1\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\n14\r\n"
#define FLUSH      "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*-1\r\n"

static struct world world;
static struct fake_store *data;
static struct tracking *tracking;
static ev_timer tick;
static struct fake_redis_client *client; /* who subscribed last */
static bool is_mute;                     /* the server does not answer pings */
static bool is_elsewhere;                /* it does not tell of canaries */
static const char *role;                 /* what it says to ROLE */
static struct sentinel_world sentinels;

static struct {
    int proven, unproven, flushed;
    uint64_t session;
    int64_t as_of_us;
    char keys[256];
} told;

static void proven(void *context, uint64_t session, int64_t as_of_us)
{
    (void)context;
    told.proven++;
    ck_assert_int_ge(as_of_us, session == told.session ? told.as_of_us : 0);
    told.session = session;
    told.as_of_us = as_of_us;
}

static void unproven(void *context)
{
    (void)context;
    told.unproven++;
}

static void changed(void *context, struct str key)
{
    size_t length = strlen(told.keys);

    (void)context;
    snprintf(told.keys + length, sizeof(told.keys) - length, "%.*s;", STR_ARG(key));
}

static void flushed(void *context)
{
    (void)context;
    told.flushed++;
}

static const struct tracking_events events = {
    .proven = proven, .unproven = unproven, .changed = changed, .flushed = flushed};

static void send_key(struct fake_redis_client *to, const char *key)
{
    char text[256];

    snprintf(text, sizeof(text), MESSAGE("1") "$%zu\r\n%s\r\n", strlen(key), key);
    fake_redis_send_text(to, text);
}

static bool answer(void *context, struct fake_redis_client *from, const struct str *parts,
                   size_t count)
{
    char text[64];

    (void)context;
    if (count == 2 && str_equal(parts[1], STR("ID"))) {
        fake_redis_send_text(from, ":7\r\n");
    } else if (str_equal(parts[0], STR("ROLE"))) {
        fake_redis_send_text(from, role);
    } else if (count == 2 && str_equal(parts[0], STR("SUBSCRIBE"))) {
        client = from;
        fake_redis_send_text(from, SUBSCRIBED);
    } else if (count == 2 && str_equal(parts[0], STR("PING"))) {
        snprintf(text, sizeof(text), "*2\r\n$4\r\npong\r\n$%zu\r\n%.*s\r\n", parts[1].len,
                 STR_ARG(parts[1]));
        fake_redis_send_text(from, is_mute ? "" : text);
    } else {
        return false;
    }
    return true;
}

/* The data connection: what is written there is told by the server, unless it is another one. */
static void write_canary(void *context, const struct store_call *call,
                         struct fake_store_answer *reply)
{
    char key[128];

    (void)context;
    (void)reply;
    snprintf(key, sizeof(key), "%.*s", STR_ARG(call->key));
    if (!is_elsewhere) {
        send_key(client, key);
    }
}

/* As a worker's loop: it turns where nothing happens, too. */
static void tick_cb(struct ev_loop *loop, ev_timer *watcher, int revents)
{
    (void)loop;
    (void)watcher;
    (void)revents;
}

static void make(void)
{
    static const struct str suffixes[] = {{"key:", 4}, {"user:", 5}};

    const struct tracking_settings settings = {.address = &world.address,
                                               .client_name = "reeve-1",
                                               .prefix = STR("reeve:"),
                                               .suffixes = suffixes,
                                               .suffix_count = 2,
                                               .holder = STR("h.0"),
                                               .connect_timeout_us = 200000,
                                               .silence_us = SILENCE_US};
    tracking = tracking_new(world.loop, &data->store, &settings, &events, NULL);
    ck_assert_ptr_nonnull(tracking);
}

static void prepare(void)
{
    world_init(&world);
    memset(&told, 0, sizeof(told));
    ev_timer_init(&tick, tick_cb, 0.002, 0.002);
    ev_timer_start(world.loop, &tick);
    role = PRIMARY;
    client = NULL;
    is_mute = is_elsewhere = false;
    fake_redis_set_handler(world.server, answer, NULL);
    data = fake_store_new();
    data->script_cb = write_canary;
    ck_assert_int_eq(tracking_start(), ERR_OK);
}

static void start(void)
{
    prepare();
    make();
}

static void start_with_sentinels(void)
{
    prepare();
    sentinel_world_init(&sentinels, world.loop, 2);
    sentinel_world_name_all(&sentinels, "127.0.0.1", fake_redis_port(world.server));
    world.address.sentinel = &sentinels.settings;
    make();
}

static void stop(void)
{
    ev_timer_stop(world.loop, &tick);
    tracking_free(tracking);
    store_free(&data->store);
    sentinel_world_fini(&sentinels);
    world_fini(&world);
}

static void turn(void)
{
    tracking_tick(tracking);
    fake_store_step(data);
    ev_run(world.loop, EVRUN_ONCE);
}

#define UNTIL(condition)                                                                           \
    while (!(condition)) {                                                                         \
        turn();                                                                                    \
    }

static void pass(int64_t us)
{
    int64_t until_us = clock_read().mono_us + us;

    UNTIL(clock_read().mono_us >= until_us);
}

START_TEST(says_what_it_wants_and_proves_it)
{
    UNTIL(told.proven > 0);
    ck_assert_ptr_nonnull(strstr(fake_redis_log(world.server),
                                 "CLIENT SETNAME reeve-1\nROLE\nCLIENT ID\n"
                                 "CLIENT TRACKING ON REDIRECT 7 BCAST PREFIX reeve:key: PREFIX "
                                 "reeve:user: PREFIX reeve:~canary:h.0:\n"
                                 "SUBSCRIBE __redis__:invalidate\n"));
    ck_assert_uint_eq(told.session, 1);
    ck_assert_int_eq(told.unproven, 0);
    ck_assert_str_eq(told.keys, "");
}
END_TEST

/* It tells too, behind its primary. */
START_TEST(a_replica_is_refused)
{
    role = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n";
    UNTIL(fake_redis_connections(world.server) >= 2);
    ck_assert_int_eq(told.proven, 0);
    ck_assert_ptr_null(strstr(fake_redis_log(world.server), "TRACKING"));
}
END_TEST

START_TEST(a_server_that_does_not_let_it_ask_is_taken)
{
    role = "-NOPERM this user has no permissions\r\n";
    UNTIL(told.proven > 0);
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
}
END_TEST

START_TEST(proves_again_and_again)
{
    UNTIL(told.proven > 0);
    int64_t first_us = told.as_of_us;
    UNTIL(told.proven >= 5);
    ck_assert_int_gt(told.as_of_us, first_us);
    ck_assert_int_le(told.as_of_us, clock_read().mono_us);
    ck_assert_int_eq(told.unproven, 0);
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
}
END_TEST

START_TEST(tells_of_keys_and_floods)
{
    UNTIL(told.proven > 0);
    if (_i == 1) {
        fake_redis_drip(client);
    }
    fake_redis_send_text(client, MESSAGE("3") "$11\r\nreeve:key:a\r\n$0\r\n\r\n$1\r\nb\r\n");
    fake_redis_send_text(client, MESSAGE("0") FLUSH);
    send_key(client, "reeve:key:c");
    UNTIL(strstr(told.keys, "c;"));
    ck_assert_str_eq(told.keys, "reeve:key:a;;b;reeve:key:c;");
    ck_assert_int_eq(told.flushed, 1);
    ck_assert_int_eq(told.unproven, 0);
}
END_TEST

START_TEST(silence_ends_it)
{
    UNTIL(told.proven > 0);
    is_mute = true;
    int64_t last_us = told.as_of_us;
    UNTIL(told.unproven > 0);
    ck_assert_int_ge(clock_read().mono_us - last_us, SILENCE_US);
    ck_assert_int_le(told.as_of_us - last_us, SILENCE_US);
    is_mute = false;
    UNTIL(told.session == 2);
}
END_TEST

START_TEST(a_lost_connection_ends_it)
{
    UNTIL(told.proven > 0);
    fake_redis_end(client, _i == 0 ? FAKE_REDIS_CLOSE : FAKE_REDIS_RESET);
    UNTIL(told.unproven > 0);
    UNTIL(told.session == 2);
    ck_assert_int_eq(told.unproven, 1);
}
END_TEST

/* It may lead where the other one does not. */
START_TEST(another_data_connection_needs_another_one)
{
    UNTIL(told.proven > 0);
    fake_store_drop(data);
    tracking_tick(tracking);
    ck_assert_int_eq(told.unproven, 1);
    int before = told.proven;
    UNTIL(told.proven > before);
    ck_assert_uint_eq(told.session, 2);
    ck_assert_uint_eq(fake_redis_connections(world.server), 2);
}
END_TEST

START_TEST(data_from_elsewhere_proves_nothing)
{
    is_elsewhere = true;
    UNTIL(fake_redis_connections(world.server) >= 2);
    ck_assert_int_eq(told.proven, 0);
    is_elsewhere = false;
    UNTIL(told.proven > 0);
}
END_TEST

START_TEST(the_canary_of_an_earlier_connection_proves_nothing)
{
    is_elsewhere = true;
    UNTIL(client);
    pass(SILENCE_US / 2);
    fake_store_drop(data);
    pass(SILENCE_US / 2);
    send_key(client, "reeve:~canary:h.0:1");
    pass(SILENCE_US / 2);
    ck_assert_int_eq(told.proven, 0);
}
END_TEST

START_TEST(without_data_there_is_none)
{
    fake_store_set_mode(data, FAKE_STORE_DOWN);
    pass(2 * SILENCE_US);
    ck_assert_uint_eq(fake_redis_connections(world.server), 0);
    fake_store_set_mode(data, FAKE_STORE_UP);
    UNTIL(told.proven > 0);
    fake_store_set_mode(data, FAKE_STORE_DOWN);
    UNTIL(told.unproven > 0);
    pass(2 * SILENCE_US);
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
    UNTIL(fake_redis_clients(world.server) == 0);
}
END_TEST

static const char *const nonsense[] = {
    "*2\r\n$4\r\npong\r\n$3\r\n999\r\n",
    "*2\r\n$4\r\npong\r\n",
    "+OK\r\n",
    ":1\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "$3\r\nabc\r\n",
    "-ERR whatever\r\n",
    "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n*1\r\n$1\r\na\r\n",
    "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$1\r\na\r\n",
    "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n:1\r\n",
    "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n*1\r\n$1\r\na\r\n",
    "*4\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*0\r\n:1\r\n",
    "*2\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n",
    "*3\r\n*0\r\n$20\r\n__redis__:invalidate\r\n*0\r\n",
    "$999999999999\r\n",
    "*2\r\n$4\r\npong\r\n$2000000\r\n",
    "garbage\r\n",
};

START_TEST(nonsense_ends_it)
{
    char filler[4096];

    UNTIL(told.proven > 0);
    fake_redis_send_text(client, nonsense[_i]);
    memset(filler, 'x', sizeof(filler));
    for (int i = 0; i < 400 && told.unproven == 0; i++) {
        fake_redis_send(client, filler, sizeof(filler));
        turn();
    }
    ck_assert_int_eq(told.unproven, 1);
    UNTIL(told.session == 2);
    ck_assert_str_eq(told.keys, "");
    ck_assert_int_eq(told.flushed, 0);
}
END_TEST

START_TEST(goes_while_a_canary_is_on_its_way)
{
    UNTIL(client);
    while (data->pending_count == 0) {
        ev_run(world.loop, EVRUN_ONCE);
    }
    tracking_free(tracking);
    tracking = NULL;
    is_elsewhere = true;
    ck_assert_uint_eq(fake_store_step(data), 1);
    ck_assert_int_eq(told.proven, 0);
}
END_TEST

START_TEST(where_sentinels_say_it_is_the_primary_it_must_say_so)
{
    UNTIL(told.proven > 0);
    ck_assert_ptr_nonnull(strstr(fake_redis_log(world.server),
                                 "CLIENT SETNAME reeve-1\nROLE\nCLIENT ID\nCLIENT TRACKING ON"));
}
END_TEST

static const char *const other_roles[] = {
    "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n",
    "*2\r\n$8\r\nsentinel\r\n*1\r\n$5\r\nreeve\r\n",
    "*2\r\n:1\r\n$6\r\nmaster\r\n",
    "*1\r\n*1\r\n$6\r\nmaster\r\n",
    "*0\r\n",
    "*-1\r\n",
    "$6\r\nmaster\r\n",
    "+master\r\n",
    "-master\r\n",
    "-NOPERM this user has no permissions\r\n",
    ":1\r\n",
};

START_TEST(of_a_server_that_is_not_the_primary_nothing_is_believed)
{
    role = other_roles[_i];
    UNTIL(fake_redis_connections(world.server) >= 2);
    ck_assert_int_eq(told.proven, 0);
    ck_assert_ptr_null(strstr(fake_redis_log(world.server), "TRACKING"));
    role = PRIMARY;
    UNTIL(told.proven > 0);
}
END_TEST

START_TEST(another_primary_ends_it)
{
    UNTIL(told.proven > 0);
    sentinel_world_name_all(&sentinels, "127.0.0.1", 1);
    UNTIL(told.unproven > 0);
    ck_assert_uint_eq(fake_redis_connections(world.server), 1);
    sentinel_world_name_all(&sentinels, "127.0.0.1", fake_redis_port(world.server));
    UNTIL(told.session == 2);
}
END_TEST

static TCase *sentinel_tcase(void)
{
    TCase *tcase = tcase_create("sentinels");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, start_with_sentinels, stop);
    tcase_add_test(tcase, where_sentinels_say_it_is_the_primary_it_must_say_so);
    tcase_add_loop_test(tcase, of_a_server_that_is_not_the_primary_nothing_is_believed, 0,
                        COUNT(other_roles));
    tcase_add_test(tcase, another_primary_ends_it);
    return tcase;
}

Suite *tracking_suite(void)
{
    Suite *suite = suite_create("tracking");
    TCase *tcase = tcase_create("tracking");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, says_what_it_wants_and_proves_it);
    tcase_add_test(tcase, a_replica_is_refused);
    tcase_add_test(tcase, a_server_that_does_not_let_it_ask_is_taken);
    tcase_add_test(tcase, proves_again_and_again);
    tcase_add_loop_test(tcase, tells_of_keys_and_floods, 0, 2);
    tcase_add_test(tcase, silence_ends_it);
    tcase_add_loop_test(tcase, a_lost_connection_ends_it, 0, 2);
    tcase_add_test(tcase, another_data_connection_needs_another_one);
    tcase_add_test(tcase, data_from_elsewhere_proves_nothing);
    tcase_add_test(tcase, the_canary_of_an_earlier_connection_proves_nothing);
    tcase_add_test(tcase, without_data_there_is_none);
    tcase_add_loop_test(tcase, nonsense_ends_it, 0, sizeof(nonsense) / sizeof(nonsense[0]));
    tcase_add_test(tcase, goes_while_a_canary_is_on_its_way);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, sentinel_tcase());
    return suite;
}
