#include "agent/decide/memo.h"

#include <check.h>

#include "tests/support/fake_store.h"
#include "tests/unit/decide/suites.h"

#define MAX_AGE_US 1000000
#define USER       "reeve:user:{a}"

static struct fake_store *fake;
static struct directory *directory;
static struct now now;

static struct directory *make_directory(void)
{
    const struct directory_settings settings = {.prefix = STR("reeve:"),
                                                .max_age_us = MAX_AGE_US,
                                                .max_records = 2,
                                                .max_absent = 8,
                                                .max_source_misses = 8,
                                                .max_misses = 8};
    struct directory *made = directory_new(&fake->store, &settings);

    ck_assert_ptr_nonnull(made);
    return made;
}

static void start(void)
{
    fake = fake_store_new();
    fake_store_set(fake, USER, "state", "active");
    fake_store_set(fake, USER, "roles", "r");
    fake_store_set(fake, "reeve:role:r", "rule:1", "allow GET * /");
    fake_store_set(fake, "reeve:role:s", "rule:1", "allow GET * /");
    directory = make_directory();
    now = (struct now){.mono_us = 1000000, .wall_us = 1000000};
}

static void stop(void)
{
    directory_free(directory);
    store_free(&fake->store);
}

static void wake_cb(struct waiter *waiter, struct now at)
{
    (void)waiter;
    (void)at;
}

static void answer_all(void)
{
    fake_store_step(fake);
    directory_tick(directory, now);
}

static struct directory_entry *get(enum record_kind kind, const char *name)
{
    struct waiter waiter = {.wake_cb = wake_cb};
    struct directory_entry *entry = NULL;

    while (directory_get(directory, kind, str_from_c(name), STR("source"), now, &waiter, &entry) ==
           DIRECTORY_PENDING) {
        answer_all();
    }
    ck_assert_ptr_nonnull(entry);
    return entry;
}

static struct directory_entry *follow(struct directory_entry *from)
{
    return memo_follow(from, DIRECTORY_LINK_ROLE, directory, now);
}

/* A user linked to its role. */
static struct directory_entry *remember(void)
{
    struct directory_entry *user = get(RECORD_USER, "a");
    struct directory_entry *role = get(RECORD_ROLE, "r");

    memo_link(user, DIRECTORY_LINK_ROLE, directory, role);
    ck_assert_ptr_eq(follow(user), role);
    return user;
}

START_TEST(knows_nothing_at_first)
{
    struct directory_entry *user = get(RECORD_USER, "a");

    ck_assert_ptr_null(follow(user));
}
END_TEST

START_TEST(forgets_with_every_change_of_a_record)
{
    struct directory_entry *user = remember();

    fake_store_set(fake, "reeve:role:r", "rule:2", "deny GET * /");
    directory_invalidate(directory, RECORD_ROLE, STR("r"));
    ck_assert_ptr_null(follow(user));
    get(RECORD_ROLE, "r");
    ck_assert_ptr_null(follow(user));
}
END_TEST

START_TEST(forgets_a_link_with_the_record_that_names_it)
{
    remember();
    fake_store_set(fake, USER, "roles", "s");
    directory_invalidate(directory, RECORD_USER, STR("a"));
    ck_assert_ptr_null(follow(get(RECORD_USER, "a")));
}
END_TEST

START_TEST(forgets_what_was_evicted)
{
    struct directory_entry *user = remember();

    /* The user is used, so its role goes. */
    follow(user);
    now.mono_us += 1;
    ck_assert_ptr_eq(get(RECORD_USER, "a"), user);
    get(RECORD_ROLE, "s");
    ck_assert_ptr_null(follow(get(RECORD_USER, "a")));
}
END_TEST

START_TEST(gives_nothing_that_is_stale_or_due)
{
    struct directory_entry *user = remember();

    now.mono_us += MAX_AGE_US / 2 - 1;
    ck_assert_ptr_nonnull(follow(user));
    now.mono_us += 1;
    ck_assert_ptr_null(follow(user));
    now.mono_us += MAX_AGE_US;
    ck_assert_ptr_null(follow(user));
}
END_TEST

START_TEST(gives_nothing_after_everything_was_invalidated)
{
    struct directory_entry *user = remember();

    directory_invalidate_all(directory);
    ck_assert_ptr_null(follow(user));
}
END_TEST

START_TEST(keeps_what_a_refresh_found_unchanged)
{
    struct directory_entry *user = remember();

    now.mono_us += MAX_AGE_US;
    ck_assert_ptr_eq(get(RECORD_USER, "a"), user);
    struct directory_entry *role = get(RECORD_ROLE, "r");
    ck_assert_ptr_eq(follow(user), role);
}
END_TEST

START_TEST(links_of_an_earlier_count_go_together)
{
    struct directory_entry *user = remember();

    fake_store_set(fake, "reeve:role:r", "rule:2", "deny GET * /");
    directory_invalidate(directory, RECORD_ROLE, STR("r"));
    get(RECORD_ROLE, "r");
    memo_link(user, DIRECTORY_LINK_TEAM, directory, user);
    ck_assert_ptr_null(follow(user));
}
END_TEST

START_TEST(knows_nothing_of_another_directory)
{
    remember();
    directory_free(directory);
    directory = make_directory();
    get(RECORD_ROLE, "r");
    ck_assert_ptr_null(follow(get(RECORD_USER, "a")));
}
END_TEST

Suite *memo_suite(void)
{
    Suite *suite = suite_create("memo");
    TCase *tests = tcase_create("memo");

    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, knows_nothing_at_first);
    tcase_add_test(tests, forgets_with_every_change_of_a_record);
    tcase_add_test(tests, forgets_a_link_with_the_record_that_names_it);
    tcase_add_test(tests, forgets_what_was_evicted);
    tcase_add_test(tests, gives_nothing_that_is_stale_or_due);
    tcase_add_test(tests, gives_nothing_after_everything_was_invalidated);
    tcase_add_test(tests, keeps_what_a_refresh_found_unchanged);
    tcase_add_test(tests, links_of_an_earlier_count_go_together);
    tcase_add_test(tests, knows_nothing_of_another_directory);
    suite_add_tcase(suite, tests);
    return suite;
}
