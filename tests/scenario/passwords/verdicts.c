/* Right and wrong passwords, who is told what, and what each gate takes. */
#include <stdio.h>

#include "agent/base/phc.h"
#include "tests/scenario/passwords/desk.h"
#include "tests/scenario/passwords/suites.h"

START_TEST(a_password_stands_for_its_user)
{
    uint64_t id = ask_through("alice:secret");

    expect_allowed(id);
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "alice");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), "password");
    ck_assert_str_eq(box_var(&box, 0, id, "rule"), "reader/10");
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(its_rules_hold_for_who_comes_with_a_password)
{
    struct spop_question question = box_question(&box);

    question.apikey = NULL;
    question.path = "/admin";
    question.authorization = box_basic(STR("alice:secret"));
    uint64_t id = box_ask(&box, 0, &question);
    run_on(id);
    box_expect(&box, 0, id, "deny", 403, "no_rule");
}
END_TEST

START_TEST(a_password_costs_its_hash_once)
{
    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 3; i++) {
        box_advance(&box, 200000);
        uint64_t id = ask("alice:secret");
        expect_allowed(id);
    }
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(refuses_what_is_not_the_password)
{
    static const char *const wrong[] = {
        "alice:Secret", "alice:secre",   "alice:secrets", "alice: secret", "alice:secret ",
        "Alice:secret", "alice::secret", "bob:secret",    "carol:secret",  "alice:secret:",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_refused(ask_through(wrong[i]));
    }
    expect_allowed(ask_through("alice:secret"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_refused(ask_through(wrong[i]));
    }
}
END_TEST

START_TEST(a_password_may_hold_colons_and_all_of_unicode)
{
    fake_store_set(box.fake, ALICE, "password", hash_of("a:b:\xf0\x9f\x94\x91 \xc3\xbc"));
    expect_allowed(ask_through("alice:a:b:\xf0\x9f\x94\x91 \xc3\xbc"));
    expect_refused(ask_through("alice:a"));
}
END_TEST

static char long_password[8 + 600];

START_TEST(what_can_be_no_password_costs_nothing)
{
    const struct str pairs[] = {
        STR("alice:sec\0ret"),
        STR("alice:secret\0"),
        STR("alice:"),
        STR(":secret"),
        STR(":"),
        STR("alice:se\xff"),
        STR("alice:\xc0\x80"),
        STR("al\xffice:secret"),
        STR("al\0ice:secret"),
        STR("alice\0:secret"),
        STR("al\nice:x"),
        STR("alice:se\ncret"),
        STR("alice:\x7f"),
        STR("alice:\xc2\x85"),
        str_make(long_password, 6 + 513),
        str_make(long_password + 6, 256 + 2),
    };

    memset(long_password, 'a', sizeof(long_password));
    memcpy(long_password, "alice:", 6);
    long_password[6 + 256] = ':';
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t requests = box.fake->request_count;
        uint64_t id = ask_bytes("fe", pairs[i]);
        expect_refused(id);
        ck_assert_uint_eq(box.fake->request_count, requests);
    }
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

START_TEST(the_longest_name_and_password_are_taken)
{
    char password[PHC_PASSWORD_BYTES_MAX + 1] = {0}, key[300], pair[256 + 513];

    memset(password, 'p', PHC_PASSWORD_BYTES_MAX);
    snprintf(key, sizeof(key), "reeve:user:{%0255d}", 0);
    snprintf(pair, sizeof(pair), "%0255d:%s", 0, password);
    fake_store_set(box.fake, key, "state", "active");
    fake_store_set(box.fake, key, "roles", "reader");
    fake_store_set(box.fake, key, "password", hash_of(password));
    uint64_t id = ask_through(pair);
    box_expect(&box, 0, id, "allow", 200, "ok");
}
END_TEST

START_TEST(a_poisoned_record_is_bad_and_costs_no_hash)
{
    static const char *const poisons[] = {
        "secret",
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$i=4000000000$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
    };

    for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++) {
        fake_store_set(box.fake, ALICE, "password", poisons[i]);
        box_advance(&box, 5000000);
        uint64_t id = ask_through("alice:secret");
        box_expect(&box, 0, id, "deny", 503, "bad_record");
    }
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

START_TEST(nobody_is_answered_as_a_wrong_password_is)
{
    uint64_t wrong = ask_through("alice:wrong");
    uint64_t unknown = ask_through("carol:wrong");
    uint64_t without = ask_through("bob:wrong");

    expect_refused(wrong);
    ck_assert(str_equal(answer(wrong), answer(unknown)));
    ck_assert(str_equal(answer(wrong), answer(without)));
    ck_assert_uint_eq(hashes(), 3);
    uint64_t again[] = {ask("alice:wrong"), ask("carol:wrong"), ask("bob:wrong")};
    for (int i = 0; i < 3; i++) {
        ck_assert(str_equal(answer(wrong), answer(again[i])));
    }
    ck_assert_uint_eq(hashes(), 3);
}
END_TEST

START_TEST(a_disabled_user_is_told_only_with_the_right_password)
{
    fake_store_set(box.fake, ALICE, "state", "disabled");
    uint64_t wrong = ask_through("alice:wrong"), unknown = ask_through("carol:wrong");
    ck_assert(str_equal(answer(wrong), answer(unknown)));
    uint64_t right = ask_through("alice:secret");
    box_expect(&box, 0, right, "deny", 403, "user_disabled");
    ck_assert_uint_eq(hashes(), 3);
}
END_TEST

START_TEST(the_challenge_lists_what_the_gate_takes)
{
    static const char *const cases[][2] = {
        {"fe", "Bearer realm=\"reeve\", Basic realm=\"reeve\", charset=\"UTF-8\""},
        {"basic", "Basic realm=\"reeve\", charset=\"UTF-8\""},
        {"keys", "Bearer realm=\"reeve\""},
    };

    for (size_t i = 0; i < 3; i++) {
        struct spop_question question = box_question(&box);
        question.frontend = cases[i][0];
        question.apikey = NULL;
        uint64_t id = box_ask(&box, 0, &question);
        box_expect(&box, 0, id, "deny", 401, "no_credential");
        ck_assert_str_eq(box_var(&box, 0, id, "challenge"), cases[i][1]);
    }
}
END_TEST

START_TEST(a_gate_that_does_not_list_passwords_ignores_them)
{
    uint64_t id = ask_bytes("keys", STR("alice:secret"));

    box_expect(&box, 0, id, "deny", 401, "no_credential");
    ck_assert_uint_eq(box.fake->request_count, 0);
}
END_TEST

START_TEST(a_wrong_password_is_never_anonymous)
{
    uint64_t id = ask_bytes("open", STR("alice:wrong"));

    run_on(id);
    expect_refused(id);
}
END_TEST

START_TEST(a_key_and_a_password_are_one_too_many)
{
    struct spop_question question = box_question(&box);

    question.authorization = box_basic(STR("alice:secret"));
    uint64_t id = box_ask(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 400, "bad_request");
}
END_TEST

START_TEST(a_key_for_the_password_is_a_key)
{
    char pair[80];

    snprintf(pair, sizeof(pair), "x:%s", box.key);
    uint64_t id = ask_through(pair);
    expect_allowed(id);
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

START_TEST(a_gate_that_observes_says_what_it_would_have_been)
{
    uint64_t id = ask_bytes("watch", STR("alice:wrong"));

    run_on(id);
    ck_assert_str_eq(box_var(&box, 0, id, "verdict"), "allow");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:bad_credential");
}
END_TEST

Suite *verdicts_suite(void)
{
    Suite *suite = suite_create("verdicts");
    TCase *cases = tcase_create("verdicts");

    tcase_add_checked_fixture(cases, passwords_setup, passwords_teardown);
    tcase_add_test(cases, a_password_stands_for_its_user);
    tcase_add_test(cases, its_rules_hold_for_who_comes_with_a_password);
    tcase_add_test(cases, a_password_costs_its_hash_once);
    tcase_add_test(cases, refuses_what_is_not_the_password);
    tcase_add_test(cases, a_password_may_hold_colons_and_all_of_unicode);
    tcase_add_test(cases, what_can_be_no_password_costs_nothing);
    tcase_add_test(cases, the_longest_name_and_password_are_taken);
    tcase_add_test(cases, a_poisoned_record_is_bad_and_costs_no_hash);
    tcase_add_test(cases, nobody_is_answered_as_a_wrong_password_is);
    tcase_add_test(cases, a_disabled_user_is_told_only_with_the_right_password);
    tcase_add_test(cases, the_challenge_lists_what_the_gate_takes);
    tcase_add_test(cases, a_gate_that_does_not_list_passwords_ignores_them);
    tcase_add_test(cases, a_wrong_password_is_never_anonymous);
    tcase_add_test(cases, a_key_and_a_password_are_one_too_many);
    tcase_add_test(cases, a_key_for_the_password_is_a_key);
    tcase_add_test(cases, a_gate_that_observes_says_what_it_would_have_been);
    suite_add_tcase(suite, cases);
    return suite;
}
