#include "agent/base/phc.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/base/suites.h"

/* The grammar's good and bad texts are in tests/corpus/records.txt. */

static const struct known {
    const char *text;
    const char *password;
} known[] = {
    /* Python's hashlib gave them. */
    {"$scrypt$ln=10,r=8,p=16$TmFDbFNhbHQ$"
     "5dQ+TTkaXHvEcXxR+tPE5C+J59eCJTvf+GDJELA7tzkqwPC4GS0WMzAchCN8p7ToMnYpgbgV4yobJ8KRt/mLGg",
     "password"},
    {"$pbkdf2-sha256$i=80000$TmFDbFNhbHQ$OR1ivolfE/+3rYtdl1ci3saapvdY1QzCokSaFO3owjs", "Password"},
    {"$pbkdf2-sha256$i=80000$TmFDbFNhbHQ$"
     "OR1ivolfE/+3rYtdl1ci3saapvdY1QzCokSaFO3owjtyBLW1S1lNvzIOpTIWdeGmOrUa3YjFoN84yxy6H9AlXw",
     "Password"},
};

static void start(void)
{
    ck_assert_int_eq(crypto_start(), ERR_OK);
}

static struct phc parsed(const char *text)
{
    struct phc phc;
    const char *fault = phc_parse(str_from_c(text), &phc);

    ck_assert_msg(!fault, "%s: %s", text, fault);
    return phc;
}

static bool is_right(const struct phc *phc, struct str password)
{
    bool is_right = false;

    ck_assert_int_eq(phc_verify(phc, password, &is_right), ERR_OK);
    return is_right;
}

START_TEST(verifies_what_others_hashed)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct phc phc = parsed(known[i].text);

        ck_assert_msg(is_right(&phc, str_from_c(known[i].password)), "%s", known[i].text);
        ck_assert(!is_right(&phc, STR("passwore")));
    }
}
END_TEST

START_TEST(any_bit_of_the_hash_decides)
{
    char text[PHC_TEXT_MAX];
    struct phc_cost cost = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};

    ck_assert_int_eq(phc_make(&cost, STR("secret"), text), ERR_OK);
    struct phc phc = parsed(text);
    for (size_t i = 0; i < phc.hash_length * 8; i++) {
        phc.hash[i / 8] ^= (uint8_t)(1u << (i % 8));
        ck_assert(!is_right(&phc, STR("secret")));
        phc.hash[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    ck_assert(is_right(&phc, STR("secret")));
}
END_TEST

static int64_t verifying_ns(const char *text)
{
    struct phc phc = parsed(text);
    struct timespec before, after;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    (void)is_right(&phc, STR("Password"));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    return (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + (after.tv_nsec - before.tv_nsec);
}

static void keep_least(int64_t *least_ns, int64_t ns)
{
    *least_ns = ns < *least_ns ? ns : *least_ns;
}

/* What nobody's password costs knows the parameters, and not how long each record's hash is. Twice the
 * work never looks like less than one and a half of it; a neighbour on the processor may make it look so
 * for a while. */
START_TEST(the_length_of_a_hash_costs_nothing)
{
    int64_t one_block_ns = INT64_MAX, two_blocks_ns = INT64_MAX;

    for (int i = 0; i < 100; i++) {
        keep_least(&one_block_ns, verifying_ns(known[1].text));
        keep_least(&two_blocks_ns, verifying_ns(known[2].text));
        if (i >= 4 && two_blocks_ns < one_block_ns * 3 / 2) {
            return;
        }
    }
    ck_abort_msg("%lld ns against %lld ns", (long long)two_blocks_ns, (long long)one_block_ns);
}
END_TEST

START_TEST(makes_what_it_verifies_under_a_new_salt_each_time)
{
    static const struct phc_cost costs[] = {
        {.scheme = PHC_SCRYPT, .scrypt = {10, 8, 1}},
        {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000},
    };

    for (size_t i = 0; i < 2; i++) {
        char first[PHC_TEXT_MAX], second[PHC_TEXT_MAX];

        ck_assert_int_eq(phc_make(&costs[i], STR("a:b \xc3\xbc"), first), ERR_OK);
        ck_assert_int_eq(phc_make(&costs[i], STR("a:b \xc3\xbc"), second), ERR_OK);
        ck_assert_str_ne(first, second);
        struct phc phc = parsed(first);
        ck_assert_uint_eq(phc.salt_length, 16);
        ck_assert_uint_eq(phc.hash_length, 32);
        ck_assert(is_right(&phc, STR("a:b \xc3\xbc")));
        ck_assert(!is_right(&phc, STR("a:b \xc3\xbd")));
    }
}
END_TEST

START_TEST(the_default_is_within_its_own_bounds)
{
    char text[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&phc_cost_default, STR("secret"), text), ERR_OK);
    ck_assert_int_eq(strncmp(text, "$scrypt$ln=14,r=8,p=5$", 22), 0);
    struct phc phc = parsed(text);
    ck_assert(is_right(&phc, STR("secret")));
}
END_TEST

/* Nothing that is cut is another good text but where a hash remains long enough. */
START_TEST(no_head_of_a_text_is_good)
{
    const char *text = known[0].text;
    size_t hash_at = (size_t)(strrchr(text, '$') - text) + 1;
    struct phc phc;

    for (size_t length = 0; length < hash_at + 22; length++) {
        ck_assert_ptr_nonnull(phc_parse(str_make(text, length), &phc));
    }
    ck_assert_ptr_nonnull(phc_parse(STR_ABSENT, &phc));
}
END_TEST

START_TEST(names_what_is_wrong_with_a_password)
{
    static char long_one[PHC_PASSWORD_BYTES_MAX + 1];
    const struct {
        struct str password;
        const char *fault;
    } cases[] = {
        {STR(""), "empty"},
        {STR_ABSENT, "empty"},
        {STR("a\0b"), "holds a control character"},
        {STR("a\tb"), "holds a control character"},
        {STR("a\x7f"), "holds a control character"},
        {STR("a\xc2\x85"), "holds a control character"},
        {STR("a\xff"), "not UTF-8"},
        {STR("\xc3"), "not UTF-8"},
        {STR("\xc0\x80"), "not UTF-8"},
        {str_make(long_one, PHC_PASSWORD_BYTES_MAX + 1), "longer than 512 bytes"},
        {str_make(long_one, PHC_PASSWORD_BYTES_MAX), NULL},
        {STR("x"), NULL},
        {STR("\xc2\xa0\xf0\x9f\x94\x91"), NULL},
    };

    memset(long_one, 'a', sizeof(long_one));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *fault = phc_password_fault(cases[i].password);
        ck_assert_msg(fault ? cases[i].fault && strcmp(fault, cases[i].fault) == 0
                            : !cases[i].fault,
                      "case %zu: %s", i, fault ? fault : "none");
    }
}
END_TEST

START_TEST(costs_can_be_compared)
{
    static const char *const rising[] = {"i=1000",        "ln=10,r=8,p=1", "i=100000",  "i=600000",
                                         "ln=14,r=8,p=5", "ln=17,r=8,p=1", "i=10000000"};
    uint64_t last_us = 0;

    for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++) {
        enum phc_scheme scheme = rising[i][0] == 'i' ? PHC_PBKDF2_SHA256 : PHC_SCRYPT;
        struct phc_cost cost;

        ck_assert_ptr_null(phc_parse_cost(scheme, str_from_c(rising[i]), &cost));
        ck_assert_uint_gt(phc_cost_us(&cost), last_us);
        last_us = phc_cost_us(&cost);
    }
}
END_TEST

Suite *phc_suite(void)
{
    Suite *suite = suite_create("phc");
    TCase *cases = tcase_create("phc");

    tcase_add_checked_fixture(cases, start, crypto_stop);
    tcase_add_test(cases, verifies_what_others_hashed);
    tcase_add_test(cases, any_bit_of_the_hash_decides);
    tcase_add_test(cases, the_length_of_a_hash_costs_nothing);
    tcase_add_test(cases, makes_what_it_verifies_under_a_new_salt_each_time);
    tcase_add_test(cases, the_default_is_within_its_own_bounds);
    tcase_add_test(cases, no_head_of_a_text_is_good);
    tcase_add_test(cases, names_what_is_wrong_with_a_password);
    tcase_add_test(cases, costs_can_be_compared);
    suite_add_tcase(suite, cases);
    return suite;
}
