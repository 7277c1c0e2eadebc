/* Passwords: nothing is right by accident, whatever fails. What they decide is in tests/scenario. */
#include "agent/authn/passwords.h"

#include "agent/authn/recent.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/authn/fake_crypto.h"
#include "tests/unit/authn/suites.h"

#define ALLOCATIONS_MAX 100
#define SECOND          INT64_C(1000000)

static struct now now = {.mono_us = SECOND, .wall_us = 1800000000 * SECOND};
static char hash[PHC_TEXT_MAX];
static struct password_work *submitted;
static struct password_place place;

static enum err submit_cb(void *context, struct password_work *work,
                          const struct password_place *at)
{
    (void)context;
    submitted = work;
    place = *at;
    return ERR_OK;
}

static struct passwords *make(void)
{
    const struct passwords_settings settings = {.max_remembered = 16, .submit_cb = submit_cb};

    return passwords_new(&settings);
}

static void start(void)
{
    const struct phc_cost cost = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};

    fake_crypto = (struct fake_crypto){.random_count = 0};
    submitted = NULL;
    ck_assert_int_eq(phc_make(&cost, STR("secret"), hash), ERR_OK);
}

static void wake_cb(struct waiter *waiter, struct now at)
{
    (void)waiter;
    (void)at;
}

/* Once, and once more where it was hashed. */
static enum password_answer verify(struct passwords *passwords, struct str password)
{
    struct waiter waiter = {.wake_cb = wake_cb};
    const struct password_question question = {.name = STR("alice"),
                                               .password = password,
                                               .hash = str_from_c(hash),
                                               .source = STR("\xc0\0\2\7"),
                                               .late_us = 5 * SECOND};
    enum password_answer answer = passwords_verify(passwords, &question, now, &waiter);

    if (answer == PASSWORD_PENDING) {
        password_work_do(submitted);
        passwords_done(passwords, submitted, true);
        passwords_tick(passwords, now);
        answer = passwords_verify(passwords, &question, now, &waiter);
    }
    return answer;
}

START_TEST(new_ones_are_whole_or_none)
{
    struct passwords *passwords = NULL;
    long n = 0;

    while (!passwords) {
        ck_assert_int_lt(n, ALLOCATIONS_MAX);
        failing_alloc_start(++n);
        passwords = make();
        bool has_failed = failing_alloc_stop();
        ck_assert(has_failed == !passwords);
    }
    ck_assert_int_gt(n, 3);
    passwords_free(passwords);
    fake_crypto = (struct fake_crypto){.random_fails_at = 1};
    ck_assert_ptr_null(make());
    passwords_free(NULL);
}
END_TEST

START_TEST(without_memory_they_are_busy_and_never_right)
{
    struct passwords *passwords = make();

    failing_alloc_start(1);
    enum password_answer answer = verify(passwords, STR("secret"));
    ck_assert(failing_alloc_stop());
    ck_assert_int_eq(answer, PASSWORD_BUSY);
    ck_assert_int_eq(verify(passwords, STR("secret")), PASSWORD_RIGHT);
    ck_assert_int_eq(verify(passwords, STR("secres")), PASSWORD_WRONG);
    passwords_free(passwords);
}
END_TEST

/* It says nothing of the password: neither is it wrong, which would count, nor tried at once again. */
START_TEST(what_can_not_be_hashed_is_busy_and_not_wrong)
{
    struct passwords *passwords = make();
    struct passwords_counters counters;

    fake_crypto.pbkdf2_fails = true;
    ck_assert_int_eq(verify(passwords, STR("secret")), PASSWORD_BUSY);
    ck_assert_int_eq(verify(passwords, STR("secret")), PASSWORD_BUSY);
    passwords_counters(passwords, &counters);
    ck_assert_uint_eq(counters.hashes, 1);
    fake_crypto.pbkdf2_fails = false;
    now.mono_us += PASSWORDS_FAILED_US;
    ck_assert_int_eq(verify(passwords, STR("secret")), PASSWORD_RIGHT);
    passwords_free(passwords);
}
END_TEST

/* Of another process, or another worker. */
START_TEST(others_have_other_numbers_and_remember_nothing)
{
    struct passwords *one = make(), *other = make();
    struct passwords_counters counters;

    ck_assert_int_eq(verify(one, STR("secret")), PASSWORD_RIGHT);
    struct password_place first = place;
    ck_assert_int_eq(verify(other, STR("secret")), PASSWORD_RIGHT);
    ck_assert(first.source != place.source && first.user != place.user);
    ck_assert_int_eq(place.late_us, 5 * SECOND);
    passwords_counters(other, &counters);
    ck_assert_uint_eq(counters.hashes, 1);
    passwords_free(one);
    passwords_free(other);
}
END_TEST

/* The work is handed to other threads: what stays in memory after it should not hold the password. */
START_TEST(a_work_that_was_done_does_not_hold_the_password)
{
    struct waiter waiter = {.wake_cb = wake_cb};
    struct passwords *passwords = make();
    const struct password_question question = {.name = STR("alice"),
                                               .password = STR("a very rare word"),
                                               .hash = str_from_c(hash),
                                               .source = STR("\xc0\0\2\7")};

    ck_assert_int_eq(passwords_verify(passwords, &question, now, &waiter), PASSWORD_PENDING);
    ck_assert_ptr_nonnull(memmem(submitted, 600, "a very rare word", 16));
    password_work_do(submitted);
    ck_assert_ptr_null(memmem(submitted, 600, "a very rare word", 16));
    passwords_done(passwords, submitted, true);
    passwords_free(passwords);
}
END_TEST

START_TEST(recent_ones_are_known_for_their_time_and_the_oldest_go)
{
    struct recent *recent = recent_new(4);
    struct siphash_digest digests[5] = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}};

    ck_assert(!recent_has(recent, &digests[0], 0));
    for (size_t i = 0; i < 4; i++) {
        recent_add(recent, &digests[i], 100);
    }
    for (size_t i = 0; i < 4; i++) {
        ck_assert(recent_has(recent, &digests[i], 99));
    }
    ck_assert(!recent_has(recent, &(struct siphash_digest){1, 2}, 0));
    ck_assert(recent_has(recent, &digests[0], 99)); /* so that the second is the oldest */
    recent_add(recent, &digests[4], 200);
    ck_assert(!recent_has(recent, &digests[1], 99));
    ck_assert(recent_has(recent, &digests[0], 99) && recent_has(recent, &digests[4], 199));
    ck_assert(!recent_has(recent, &digests[0], 100));
    ck_assert(!recent_has(recent, &digests[0], 99)); /* it is over once */
    recent_add(recent, &digests[4], 300);
    ck_assert(recent_has(recent, &digests[4], 299));
    recent_free(recent);
    recent_free(NULL);
}
END_TEST

Suite *passwords_suite(void)
{
    Suite *suite = suite_create("passwords");
    TCase *cases = tcase_create("passwords");

    tcase_add_checked_fixture(cases, start, NULL);
    tcase_add_test(cases, new_ones_are_whole_or_none);
    tcase_add_test(cases, without_memory_they_are_busy_and_never_right);
    tcase_add_test(cases, what_can_not_be_hashed_is_busy_and_not_wrong);
    tcase_add_test(cases, others_have_other_numbers_and_remember_nothing);
    tcase_add_test(cases, a_work_that_was_done_does_not_hold_the_password);
    tcase_add_test(cases, recent_ones_are_known_for_their_time_and_the_oldest_go);
    suite_add_tcase(suite, cases);
    return suite;
}
