/* What costs a hash: one for all who bring the same, and for guesses. */
#include <stdio.h>

#include "agent/base/phc.h"
#include "tests/scenario/passwords/desk.h"
#include "tests/scenario/passwords/suites.h"

START_TEST(many_with_one_password_cost_one_hash)
{
    uint64_t ids[4];

    for (int i = 0; i < 4; i++) {
        ids[i] = ask("alice:secret");
    }
    box_step(&box);
    ck_assert_uint_eq(box.work_count, 1);
    box_hash(&box, true);
    box_step(&box); /* the role */
    for (int i = 0; i < 4; i++) {
        expect_allowed(ids[i]);
    }
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(a_wrong_password_is_hashed_again_after_a_while)
{
    expect_refused(ask_through("alice:wrong"));
    box_advance(&box, PASSWORDS_WRONG_US - 1);
    expect_refused(ask_through("alice:wrong"));
    ck_assert_uint_eq(hashes(), 1);
    box_advance(&box, 1);
    expect_refused(ask_through("alice:wrong"));
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(guessing_pushes_no_right_password_out)
{
    char pair[64];

    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 200; i++) {
        snprintf(pair, sizeof(pair), "alice:guess %d", i);
        expect_refused(ask_through(pair));
        box.answers[0].length = 0;
    }
    uint64_t count = hashes();
    expect_allowed(ask_through("alice:secret"));
    ck_assert_uint_eq(hashes(), count);
}
END_TEST

START_TEST(the_oldest_right_ones_make_room)
{
    char key[64], pair[64];

    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "reeve:user:{u%d}", i);
        fake_store_set(box.fake, key, "state", "active");
        fake_store_set(box.fake, key, "roles", "reader");
        fake_store_set(box.fake, key, "password", hash_of("secret"));
        snprintf(pair, sizeof(pair), "u%d:secret", i);
        expect_allowed(ask_through(pair));
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(hashes(), 200);
    expect_allowed(ask_through("u199:secret"));
    ck_assert_uint_eq(hashes(), 200);
    expect_allowed(ask_through("u0:secret"));
    ck_assert_uint_le(hashes(), 201);
}
END_TEST

/* Nor does what is remembered tell a guess that it is right. */
START_TEST(who_guesses_too_often_waits_before_anything_is_looked_at)
{
    char pair[64];

    box_close(&box);
    open_with("gate \"fe\" { accept = {basic} }\nmax_failures = 10");
    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 10; i++) {
        snprintf(pair, sizeof(pair), "alice:guess %d", i);
        expect_refused(ask_through(pair));
    }
    uint64_t count = hashes();
    uint64_t right = ask_through("alice:secret"), wrong = ask_through("alice:guess");
    box_expect(&box, 0, wrong, "throttle", 429, "too_many_failures");
    ck_assert(str_equal(answer(right), answer(wrong)));
    ck_assert_uint_eq(hashes(), count);
    struct spop_question question = box_question(&box);
    question.apikey = NULL;
    question.source = "192.0.2.8";
    question.authorization = box_basic(STR("alice:secret"));
    expect_allowed(box_ask_through(&box, 0, &question));
}
END_TEST

START_TEST(the_right_password_ends_the_count_of_wrong_ones)
{
    char pair[64];

    box_close(&box);
    open_with("gate \"fe\" { accept = {basic} }\nmax_failures = 10");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 9; i++) {
            snprintf(pair, sizeof(pair), "alice:guess %d %d", round, i);
            expect_refused(ask_through(pair));
        }
        expect_allowed(ask_through("alice:secret"));
    }
}
END_TEST

static uint64_t nobody_us(void)
{
    struct passwords_counters counters;

    passwords_counters(box.passwords, &counters);
    return counters.nobody_us;
}

static void ask_at_cost(const char *parameters)
{
    char text[PHC_TEXT_MAX];

    snprintf(text, sizeof(text), "$%s$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", parameters);
    fake_store_set(box.fake, ALICE, "password", text);
    directory_invalidate(box.directory, RECORD_USER, STR("alice"));
    uint64_t id = ask_and_fetch("alice:wrong");
    box_hash(&box, false);
    box.work_capacity = 0;
    box_hash(&box, false); /* it was tried again */
    box.work_capacity = BOX_WORKS_MAX;
    box_expect(&box, 0, id, "deny", 503, "overload");
}

START_TEST(nobody_costs_as_much_as_the_dearest_that_was_met)
{
    struct phc_cost cost;

    ck_assert_uint_eq(nobody_us(), phc_cost_us(&phc_cost_default));
    ask_at_cost("pbkdf2-sha256$i=100000");
    ck_assert_uint_eq(nobody_us(), 31800);
    ask_at_cost("pbkdf2-sha256$i=200000");
    ck_assert_uint_eq(nobody_us(), 63600);
    ask_at_cost("pbkdf2-sha256$i=100000");
    ck_assert_uint_eq(nobody_us(), 63600);
    ask_at_cost("scrypt$ln=14,r=8,p=5");
    ck_assert_ptr_null(phc_parse_cost(PHC_SCRYPT, STR("ln=14,r=8,p=5"), &cost));
    ck_assert_uint_eq(nobody_us(), phc_cost_us(&cost));
    /* Nor does one record make all unknown users cost seconds. */
    ask_at_cost("pbkdf2-sha256$i=10000000");
    ck_assert_uint_eq(nobody_us(), phc_cost_us(&cost));
}
END_TEST

Suite *hashes_suite(void)
{
    Suite *suite = suite_create("hashes");
    TCase *cases = tcase_create("hashes");

    tcase_add_checked_fixture(cases, passwords_setup, passwords_teardown);
    tcase_add_test(cases, many_with_one_password_cost_one_hash);
    tcase_add_test(cases, a_wrong_password_is_hashed_again_after_a_while);
    tcase_add_test(cases, guessing_pushes_no_right_password_out);
    tcase_add_test(cases, the_oldest_right_ones_make_room);
    tcase_add_test(cases, who_guesses_too_often_waits_before_anything_is_looked_at);
    tcase_add_test(cases, the_right_password_ends_the_count_of_wrong_ones);
    tcase_add_test(cases, nobody_costs_as_much_as_the_dearest_that_was_met);
    suite_add_tcase(suite, cases);
    return suite;
}
