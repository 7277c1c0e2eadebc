/* Changes of a user count at once, also while its password is hashed: C7. */
#include <stdio.h>

#include "tests/scenario/passwords/desk.h"
#include "tests/scenario/passwords/suites.h"

START_TEST(a_new_password_counts_at_once_and_the_old_one_no_more)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_set(box.fake, ALICE, "password", hash_of("other"));
    forget_alice();
    expect_refused(ask_through("alice:secret"));
    expect_allowed(ask_through("alice:other"));
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    forget_alice();
    expect_refused(ask_through("alice:other"));
    expect_allowed(ask_through("alice:secret"));
}
END_TEST

/* The same password under another salt is another hash to be right against. */
START_TEST(a_hash_that_changed_is_verified_again)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    forget_alice();
    expect_allowed(ask_through("alice:secret"));
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(a_password_that_was_wrong_counts_once_it_is_set)
{
    expect_refused(ask_through("bob:new"));
    expect_refused(ask_through("carol:new"));
    fake_store_set(box.fake, BOB, "password", hash_of("new"));
    fake_store_set(box.fake, "reeve:user:{carol}", "state", "active");
    fake_store_set(box.fake, "reeve:user:{carol}", "roles", "reader");
    fake_store_set(box.fake, "reeve:user:{carol}", "password", hash_of("new"));
    directory_invalidate_all(box.directory);
    expect_allowed(ask_through("bob:new"));
    expect_allowed(ask_through("carol:new"));
}
END_TEST

START_TEST(a_deleted_user_has_no_password_any_more)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_delete(box.fake, ALICE);
    forget_alice();
    expect_refused(ask_through("alice:secret"));
}
END_TEST

START_TEST(state_and_expiry_count_at_each_use)
{
    char until[24];

    expect_allowed(ask_through("alice:secret"));
    snprintf(until, sizeof(until), "%lld", (long long)(box.engine.now.wall_us / 1000000 + 10));
    fake_store_set(box.fake, ALICE, "expires", until);
    forget_alice();
    expect_allowed(ask_through("alice:secret"));
    box_advance(&box, 10000000);
    uint64_t id = ask_through("alice:secret");
    box_expect(&box, 0, id, "deny", 403, "user_disabled");
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "alice");
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(a_change_while_it_is_hashed_counts)
{
    uint64_t id = ask_and_fetch("alice:secret");

    fake_store_set(box.fake, ALICE, "password", hash_of("other"));
    forget_alice();
    run_on(id);
    expect_refused(id);
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(a_user_disabled_while_it_is_hashed_is_refused)
{
    uint64_t id = ask_and_fetch("alice:secret");

    fake_store_set(box.fake, ALICE, "state", "disabled");
    forget_alice();
    run_on(id);
    box_expect(&box, 0, id, "deny", 403, "user_disabled");
}
END_TEST

Suite *changes_suite(void)
{
    Suite *suite = suite_create("changes");
    TCase *cases = tcase_create("changes");

    tcase_add_checked_fixture(cases, passwords_setup, passwords_teardown);
    tcase_add_test(cases, a_new_password_counts_at_once_and_the_old_one_no_more);
    tcase_add_test(cases, a_hash_that_changed_is_verified_again);
    tcase_add_test(cases, a_password_that_was_wrong_counts_once_it_is_set);
    tcase_add_test(cases, a_deleted_user_has_no_password_any_more);
    tcase_add_test(cases, state_and_expiry_count_at_each_use);
    tcase_add_test(cases, a_change_while_it_is_hashed_counts);
    tcase_add_test(cases, a_user_disabled_while_it_is_hashed_is_refused);
    suite_add_tcase(suite, cases);
    return suite;
}
