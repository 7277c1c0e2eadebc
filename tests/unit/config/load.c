/* Overrides, what concerns several options, files that options name, snapshots. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

START_TEST(overrides_win_over_the_file_and_the_last_over_the_first)
{
    const struct config_override overrides[] = {
        {"workers", "3"}, {"workers", "4"}, {"listen", "tcp://127.0.0.1:2,unix:///x"}};
    struct config *config =
        box_load_with("workers = 2 listen = {tcp://127.0.0.1:1}\n" GATE, overrides, 3);

    ck_assert_uint_eq(config->workers, 4);
    ck_assert_uint_eq(config->listen.count, 2);
    ck_assert_str_eq(config->listen.items[0].text, "tcp://127.0.0.1:2");
    ck_assert_str_eq(config->listen.items[1].text, "unix:///x");
    config_unref(config);
}
END_TEST

static const struct {
    struct config_override override;
    const char *want;
} bad_overrides[] = {
    {{"nope", "1"}, "command line: no such option 'nope'\n"},
    {{"gate", "x"}, "command line: no such option 'gate'\n"},
    {{"mode", "observe"}, "command line: no such option 'mode'\n"},
    {{"listen", "tcp://127.0.0.1:1,"},
     "command line: listen: expected tcp://ADDRESS:PORT or unix:///PATH, got \"\"\n"},
    {{"workers", ""}, "command line: workers: expected a number from 1 to 64, got \"\"\n"},
    {{"redis", "redis://:hidden@127.0.0.1"},
     "command line: redis: an argument list is no place for a password; set redis_password_file\n"},
    {{"redis", "redis://reeve:hidden@127.0.0.1:6379/1"},
     "command line: redis: an argument list is no place for a password; set redis_password_file\n"},
    {{"workers", "${X}"}, "command line: workers: expected a number from 1 to 64, got \"${X}\"\n"},
};

START_TEST(refuses_bad_overrides)
{
    ck_assert_str_eq(box_errors_with(GATE, &bad_overrides[_i].override, 1), bad_overrides[_i].want);
}
END_TEST

START_TEST(errors_of_file_and_overrides_stand_together)
{
    const struct config_override overrides[] = {{"nope", "1"}, {"max_age", "0"}};

    ck_assert_str_eq(box_errors_with("workers = 0\n" GATE, overrides, 2),
                     "reeve.conf:1: workers: expected a number from 1 to 64, got \"0\"\n"
                     "command line: no such option 'nope'\n"
                     "command line: max_age: expected a duration from 10ms to 10m, got \"0\"\n");
}
END_TEST

#define SENTINELS "sentinels = {tcp://s:1} sentinel_primary = p\n"

static const struct {
    const char *text, *want;
} bad_pairs[] = {
    {"store_timeout = 150ms\n",
     "reeve.conf:1: store_timeout: 150ms must be below deadline, which is 150ms\n"},
    {"\ndeadline = 80ms\n",
     "reeve.conf:2: store_timeout: 100ms must be below deadline, which is 80ms\n"},
    {"deadline = 80ms\nstore_timeout = 1s\n",
     "reeve.conf:2: store_timeout: 1s must be below deadline, which is 80ms\n"},
    {"drain_timeout = 4s\n",
     "reeve.conf:1: drain_delay: 4s must be below drain_timeout, which is 4s\n"},
    {"drain_delay = 10s\n",
     "reeve.conf:1: drain_delay: 10s must be below drain_timeout, which is 10s\n"},
    {"audit_mode = durable\non_audit_full = count\n",
     "reeve.conf:2: on_audit_full: count lets requests pass without a record, which audit_mode = "
     "durable rules out\n"},
    {"failure_wait = 1h\n",
     "reeve.conf:1: failure_wait: 1h must not be above failure_wait_max, which is 15m\n"},
    {"failure_wait_max = 999ms\n",
     "reeve.conf:1: failure_wait: 1s must not be above failure_wait_max, which is 999ms\n"},
    /* A refused value says nothing about the other. */
    {"deadline = 5ms\nstore_timeout = 1s\n",
     "reeve.conf:1: deadline: expected a duration from 10ms to 10s, got \"5ms\"\n"},
    {"redis = redis://ann@h\n",
     "reeve.conf:1: redis: a user without a password; set redis_password_file\n"},
    {"redis = redis://:sesame@h\nredis_password_file = password\n",
     "reeve.conf:2: redis_password_file: the password stands in redis already\n"},
    {"redis_password_file = open\n",
     "reeve.conf:1: redis_password_file: open: group or others can read or write it; chmod 600\n"},
    {"redis_password_file = absent\n",
     "reeve.conf:1: redis_password_file: absent: No such file or directory\n"},
    {"redis_password_file = empty\n", "reeve.conf:1: redis_password_file: the file is empty\n"},
    {"redis_password_file = lines\n",
     "reeve.conf:1: redis_password_file: expected one line, without control characters\n"},
    {"redis = redis:///1\n", "reeve.conf:1: redis: no host; set one, or sentinels\n"},
    {"redis = redis://:sesame@\n", "reeve.conf:1: redis: no host; set one, or sentinels\n"},
    {"sentinels = {tcp://s:1}\n",
     "reeve.conf:1: sentinels: set sentinel_primary, the name that they give the primary\n"},
    {SENTINELS "redis = redis://h/1\n",
     "reeve.conf:2: redis: sentinels know where the store is; write redis://[user:password@]/DB\n"},
    {SENTINELS "redis = redis://127.0.0.1:6379/0\n",
     "reeve.conf:2: redis: sentinels know where the store is; write redis://[user:password@]/DB\n"},
    {SENTINELS "redis = unix:///run/r.sock\n",
     "reeve.conf:2: redis: sentinels know where the store is; write redis://[user:password@]/DB\n"},
    {SENTINELS "redis = redis://ann@/1\n",
     "reeve.conf:2: redis: a user without a password; set redis_password_file\n"},
    {SENTINELS "sentinel_user = ann\n",
     "reeve.conf:2: sentinel_user: a user without a password; set sentinel_password_file\n"},
    {SENTINELS "sentinel_password_file = open\n",
     "reeve.conf:2: sentinel_password_file: open: group or others can read or write it; chmod "
     "600\n"},
    {SENTINELS "sentinel_password_file = empty\n",
     "reeve.conf:2: sentinel_password_file: the file is empty\n"},
    {"sentinel_primary = p\n",
     "reeve.conf:1: sentinel_primary: without sentinels it has no meaning\n"},
    {"sentinel_password_file = password\n",
     "reeve.conf:1: sentinel_password_file: without sentinels it has no meaning\n"},
    {"sentinel_password_file = password\nsentinel_user = ann\n",
     "reeve.conf:2: sentinel_user: without sentinels it has no meaning\n"
     "reeve.conf:1: sentinel_password_file: without sentinels it has no meaning\n"},
    /* A refused value says nothing about the others. */
    {"sentinels = {s:1}\nsentinel_primary = p\nredis = redis:///1\n",
     "reeve.conf:1: sentinels: expected tcp://HOST:PORT, got \"s:1\"\n"},
    {"pepper_file = open\n",
     "reeve.conf:1: pepper_file: open: group or others can read or write it; chmod 600\n"},
    {"pepper_file = lines\n",
     "reeve.conf:1: pepper_file: lines:1: expected \"<id> <hex of 16 to 64 bytes>\"\n"},
};

static void open_box(void)
{
    box_open();
    box_write("password", "sesame\n", 0600);
    box_write("open", "sesame\n", 0640);
    box_write("empty", "\n", 0600);
    box_write("lines", "sesame\nsesame\n", 0600);
    box_write("pepper", "p1 000102030405060708090a0b0c0d0e0f\n", 0600);
}

START_TEST(refuses_what_does_not_fit_together)
{
    char text[512];

    snprintf(text, sizeof(text), "%s" GATE, bad_pairs[_i].text);
    ck_assert_str_eq(box_errors(text), bad_pairs[_i].want);
    ck_assert_ptr_null(strstr(bad_pairs[_i].want, "sesame"));
}
END_TEST

START_TEST(default_agent_id_is_a_name_and_stays_over_reloads)
{
    struct config *first = box_load(GATE), *second = box_load(GATE);
    size_t length = strlen(first->agent_id);

    ck_assert(str_is_name(str_from_c(first->agent_id)));
    ck_assert_str_eq(first->agent_id, second->agent_id);
    ck_assert_uint_gt(length, 9);
    ck_assert_int_eq(first->agent_id[length - 9], '-');
    ck_assert_uint_eq(strspn(first->agent_id + length - 8, "0123456789abcdef"), 8);
    config_unref(first);
    config_unref(second);
}
END_TEST

START_TEST(a_snapshot_lives_until_its_last_reference)
{
    struct config *config = box_load(GATE);

    ck_assert_ptr_eq(config_ref(config), config);
    config_unref(config);
    ck_assert_ptr_nonnull(config_gate(config, STR("x")));
    config_unref(config);
    config_unref(NULL);
}
END_TEST

static const struct {
    const char *before, *after, *want;
} reloads[] = {
    {"", "", ""},
    {"workers = 1\n", "", ""},
    {"", "log_level = debug deadline = 200ms drain_delay = 1s on_audit_full = count\n", ""},
    {"", "pepper_file = pepper accept_unpeppered = true max_in_flight = 5\n", ""},
    {"", "gate x { anonymous = guest }\n", ""},
    {"", "workers = 2\n", "workers"},
    {"", "sink a { to = \"tcp://h:1\" }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" }\n", ""},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" facility = local1 }\n",
     "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" app_name = x }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" sd_id = x }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" max_message = 2KiB }\n",
     "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" timeout = 6s }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:1\" hold = 5 }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink a { to = \"tcp://h:2\" }\n", "sink"},
    {"sink a { to = \"tcp://h:1\" }\n", "sink b { to = \"tcp://h:1\" }\n", "sink"},
    {"", "agent_id = other\n", "agent_id"},
    {"", "listen = {tcp://127.0.0.1:1}\n", "listen"},
    {"listen = {tcp://127.0.0.1:1}\n", "listen = {tcp://127.0.0.1:1, unix:///x}\n", "listen"},
    {"", "redis = redis://127.0.0.1:6379/1\n", "redis"},
    {"", "redis = redis://:sesame@127.0.0.1\n", "redis"},
    {"", "redis = redis://ann:sesame@127.0.0.1\n", "redis"},
    {"", "redis_password_file = password\n", "redis, redis_password_file"},
    {SENTINELS, SENTINELS, ""},
    {"", SENTINELS, "sentinels, sentinel_primary"},
    {SENTINELS, "sentinels = {tcp://s:1, tcp://s:2} sentinel_primary = q\n",
     "sentinels, sentinel_primary"},
    {SENTINELS, SENTINELS "sentinel_user = ann sentinel_password_file = password\n",
     "sentinels, sentinel_user, sentinel_password_file"},
    {"spool_dir = a spool_size = 1MiB\n", "spool_dir = b spool_size = 2MiB prefix = x\n",
     "prefix, spool_dir, spool_size"},
    {"socket_owner = a\n", "socket_mode = 0600\n", "socket_mode, socket_owner"},
};

START_TEST(reload_names_what_only_a_restart_changes)
{
    char names[64], text[256];

    snprintf(text, sizeof(text), "%s" GATE, reloads[_i].before);
    struct config *before = box_load(text);
    snprintf(text, sizeof(text), "%s" GATE, reloads[_i].after);
    struct config *after = box_load(text);

    config_restart_only(before, after, names, sizeof(names));
    ck_assert_str_eq(names, reloads[_i].want);
    config_unref(before);
    config_unref(after);
}
END_TEST

START_TEST(reload_names_never_exceed_their_room)
{
    struct config *before = box_load("workers = 1\n" GATE);
    struct config *after = box_load("workers = 2 max_age = 2s\n" GATE);

    for (size_t capacity = 1; capacity < 20; capacity++) {
        char names[20];

        memset(names, 'x', sizeof(names));
        config_restart_only(before, after, names, capacity);
        ck_assert_str_eq(names, capacity < sizeof("workers")            ? ""
                                : capacity < sizeof("workers, max_age") ? "workers"
                                                                        : "workers, max_age");
    }
    config_unref(before);
    config_unref(after);
}
END_TEST

Suite *load_suite(void)
{
    Suite *suite = suite_create("load");
    TCase *tests = tcase_create("load");

    tcase_add_checked_fixture(tests, open_box, box_close);
    tcase_add_test(tests, overrides_win_over_the_file_and_the_last_over_the_first);
    tcase_add_loop_test(tests, refuses_bad_overrides, 0, COUNT(bad_overrides));
    tcase_add_test(tests, errors_of_file_and_overrides_stand_together);
    tcase_add_loop_test(tests, refuses_what_does_not_fit_together, 0, COUNT(bad_pairs));
    tcase_add_test(tests, default_agent_id_is_a_name_and_stays_over_reloads);
    tcase_add_test(tests, a_snapshot_lives_until_its_last_reference);
    tcase_add_loop_test(tests, reload_names_what_only_a_restart_changes, 0, COUNT(reloads));
    tcase_add_test(tests, reload_names_never_exceed_their_room);
    suite_add_tcase(suite, tests);
    return suite;
}
