#include "agent/decide/memo.h"

#include <check.h>

#include "tests/support/fake_store.h"
#include "tests/unit/decide/suites.h"

#define MAX_AGE_US 1000000
#define USER       "reeve:user:{a}"

static const struct siphash_digest digest = {.low = 77, .high = 78};

static struct fake_store *fake;
static struct directory *directory;
static struct memo *memo;
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
    memo = memo_new();
    ck_assert_ptr_nonnull(memo);
    now = (struct now){.mono_us = 1000000, .wall_us = 1000000};
}

static void stop(void)
{
    memo_free(memo);
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

static struct directory_entry *find_key(void)
{
    return memo_find_key(memo, &digest, directory, now);
}

/* A user linked to its role, and the user's entry remembered under the digest. */
static struct directory_entry *remember(void)
{
    struct directory_entry *user = get(RECORD_USER, "a");
    struct directory_entry *role = get(RECORD_ROLE, "r");

    memo_link(user, DIRECTORY_LINK_ROLE, directory, role);
    memo_keep_key(memo, &digest, directory, user);
    ck_assert_ptr_eq(follow(user), role);
    ck_assert_ptr_eq(find_key(), user);
    return user;
}

START_TEST(knows_nothing_at_first)
{
    struct directory_entry *user = get(RECORD_USER, "a");

    ck_assert_ptr_null(follow(user));
    ck_assert_ptr_null(find_key());
    ck_assert_ptr_null(memo_find_key(NULL, &digest, directory, now));
    memo_keep_key(NULL, &digest, directory, user);
}
END_TEST

START_TEST(tells_digests_with_one_place_apart)
{
    struct siphash_digest other = {.low = digest.low, .high = digest.high + 1};

    remember();
    ck_assert_ptr_null(memo_find_key(memo, &other, directory, now));
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
    ck_assert_ptr_null(find_key());
}
END_TEST

START_TEST(forgets_a_link_with_the_record_that_names_it)
{
    remember();
    fake_store_set(fake, USER, "roles", "s");
    directory_invalidate(directory, RECORD_USER, STR("a"));
    ck_assert_ptr_null(find_key());
    ck_assert_ptr_null(follow(get(RECORD_USER, "a")));
}
END_TEST

START_TEST(forgets_what_was_evicted)
{
    struct directory_entry *user = remember();

    get(RECORD_ROLE, "s");
    /* One of the two went; which, is not known, so neither is trusted. */
    ck_assert_ptr_null(find_key());
    (void)user;
}
END_TEST

START_TEST(gives_nothing_that_is_stale_or_due)
{
    struct directory_entry *user = remember();

    now.mono_us += MAX_AGE_US / 2 - 1;
    ck_assert_ptr_nonnull(follow(user));
    now.mono_us += 1;
    ck_assert_ptr_null(follow(user));
    ck_assert_ptr_null(find_key());
    now.mono_us += MAX_AGE_US;
    ck_assert_ptr_null(follow(user));
    ck_assert_ptr_null(find_key());
}
END_TEST

START_TEST(gives_nothing_after_everything_was_invalidated)
{
    struct directory_entry *user = remember();

    directory_invalidate_all(directory);
    ck_assert_ptr_null(follow(user));
    ck_assert_ptr_null(find_key());
}
END_TEST

START_TEST(keeps_what_a_refresh_found_unchanged)
{
    struct directory_entry *user = remember();

    now.mono_us += MAX_AGE_US;
    ck_assert_ptr_eq(get(RECORD_USER, "a"), user);
    struct directory_entry *role = get(RECORD_ROLE, "r");
    ck_assert_ptr_eq(follow(user), role);
    ck_assert_ptr_eq(find_key(), user);
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
    get(RECORD_USER, "a");
    get(RECORD_ROLE, "r");
    ck_assert_ptr_null(find_key());
}
END_TEST

Suite *memo_suite(void)
{
    Suite *suite = suite_create("memo");
    TCase *tests = tcase_create("memo");

    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, knows_nothing_at_first);
    tcase_add_test(tests, tells_digests_with_one_place_apart);
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
