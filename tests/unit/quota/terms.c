#include "agent/quota/terms.h"

#include "agent/quota/policy.h"
#include "agent/quota/quota.h"
#include "tests/unit/quota/suites.h"

#define SECOND INT64_C(1000000)

static struct limit_record rate(uint64_t units, int64_t period_us, uint64_t burst)
{
    return (struct limit_record){
        .kind = LIMIT_RATE, .units = units, .period_us = period_us, .burst = burst};
}

/* The boundary of leases: L = burst / (10 x rate), exact below 10 ms; and where the reserve, rounded
 * up to whole units, would be more than a tenth of the burst. */
static const struct {
    uint64_t units;
    int64_t period_us;
    uint64_t burst;
    int64_t life_us;
} lives[] = {
    {100, SECOND, 1, 0},
    {100, SECOND, 9, 0},
    {100, SECOND, 10, 10000},
    {100, SECOND, 19, 10000},
    {100, SECOND, 99, 90000},
    {2005, SECOND, 2005, 99750},
    {100, SECOND, 100, 100000},
    {100, SECOND, 1000000000, 100000},
    {10, SECOND, 1, 0},
    {10000, SECOND, 10, 0},
    {1000, SECOND, 5, 0},
    {1000000000, SECOND, 1000000000, 100000},
    {1000000000, SECOND, 1, 0},
    {1, 3600 * SECOND, 1, 0},
    {1, 3600 * SECOND, 10, 100000},
    {1, 3600 * SECOND, 1000000000, 100000},
};

START_TEST(life_of_a_lease)
{
    struct limit_record record = rate(lives[_i].units, lives[_i].period_us, lives[_i].burst);
    struct terms terms;

    terms_set(&terms, &record, NULL);
    if (lives[_i].life_us > 0) {
        uint64_t reserve =
            (record.units * (uint64_t)terms.life_us + (uint64_t)record.period_us - 1) /
            (uint64_t)record.period_us;
        ck_assert_uint_le(reserve * 10, record.burst);
    }
    ck_assert_int_eq(terms.life_us, lives[_i].life_us);
    ck_assert_int_eq(quota_is_exact(&record), terms.life_us == 0);
}
END_TEST

START_TEST(a_quota_is_never_exact)
{
    struct limit_record record = {.kind = LIMIT_QUOTA, .units = 1};

    ck_assert(!quota_is_exact(&record));
}
END_TEST

START_TEST(every_change_that_counts_is_seen)
{
    struct limit_record record = {.kind = LIMIT_QUOTA,
                                  .units = 10,
                                  .per = LIMIT_PER_DAY,
                                  .tz = STR("UTC"),
                                  .outage = LIMIT_OUTAGE_BUDGET,
                                  .budget_percent = 5};
    struct limit_record changed[8];
    struct terms terms;

    terms_set(&terms, &record, NULL);
    ck_assert(terms_match(&terms, &record));
    ck_assert(!terms.is_unusable);
    for (int i = 0; i < 8; i++) {
        changed[i] = record;
    }
    changed[0].kind = LIMIT_RATE;
    changed[1].units = 11;
    changed[2].per = LIMIT_PER_WEEK;
    changed[3].tz = STR("UTD");
    changed[4].outage = LIMIT_OUTAGE_ALLOW;
    changed[5].budget_percent = 6;
    changed[6].burst = 1;
    changed[7].period_us = 1;
    for (int i = 0; i < 8; i++) {
        ck_assert_msg(!terms_match(&terms, &changed[i]), "%d", i);
    }
    record.is_shadow = true; /* nothing to a lease */
    ck_assert(terms_match(&terms, &record));
}
END_TEST

START_TEST(a_zone_that_is_not_there_is_unusable)
{
    struct limit_record record = {.kind = LIMIT_QUOTA, .units = 10, .tz = STR("Europe/Berlin")};
    struct terms terms;

    terms_set(&terms, &record, NULL);
    ck_assert(terms.is_unusable);
}
END_TEST

START_TEST(time_is_rounded_up_and_bounded)
{
    struct limit_record record = rate(3, SECOND, 3);
    struct terms terms;

    terms_set(&terms, &record, NULL);
    ck_assert_int_eq(terms_time_of(&terms, 0), 0);
    ck_assert_int_eq(terms_time_of(&terms, 1), 333334);
    ck_assert_int_eq(terms_time_of(&terms, 3), SECOND);
    ck_assert_int_eq(terms_time_of(&terms, 4), 1333334);
    record = rate(1, 3600 * SECOND, 1000000000);
    terms_set(&terms, &record, NULL);
    ck_assert_int_eq(terms_time_of(&terms, 1000000000), INT64_C(3600000000000000000));
    ck_assert_int_eq(terms_time_of(&terms, UINT64_MAX), INT64_MAX / 2);
}
END_TEST

static const struct {
    struct limit_record record;
    const char *policy;
} policies[] = {
    {{.kind = LIMIT_QUOTA, .units = 100000}, "\"daily\";q=100000;w=86400"},
    {{.kind = LIMIT_QUOTA, .units = 1000000000000000}, "\"daily\";q=1000000000000000;w=86400"},
    {{.kind = LIMIT_RATE, .units = 100, .period_us = SECOND, .burst = 200}, "\"daily\";q=200;w=2"},
    {{.kind = LIMIT_RATE, .units = 100, .period_us = SECOND, .burst = 201}, "\"daily\";q=201;w=3"},
    {{.kind = LIMIT_RATE, .units = 100, .period_us = SECOND, .burst = 1}, "\"daily\";q=1;w=1"},
    {{.kind = LIMIT_RATE, .units = 1, .period_us = 3600 * SECOND, .burst = 1000000000},
     "\"daily\";q=1000000000;w=3600000000000"},
};

START_TEST(a_policy_has_units_and_whole_seconds)
{
    char text[POLICY_BYTES_MAX];
    struct lease lease;
    struct terms terms;

    terms_set(&terms, &policies[_i].record, NULL);
    lease_init(&lease, &terms);
    lease.window = (struct window){86400000, 2 * 86400000};
    size_t length = policy_write(STR("daily"), &lease, text);
    ck_assert_msg(str_equal(str_make(text, length), str_from_c(policies[_i].policy)), "%.*s",
                  (int)length, text);
}
END_TEST

START_TEST(the_longest_policy_fits)
{
    const struct limit_record record = {.kind = LIMIT_QUOTA, .units = 1000000000000000};
    char text[POLICY_BYTES_MAX], name[64];
    struct lease lease;
    struct terms terms;

    memset(name, 'n', sizeof(name));
    terms_set(&terms, &record, NULL);
    lease_init(&lease, &terms);
    ck_assert_uint_eq(policy_write(str_make(name, sizeof(name)), &lease, text), 0);
    lease.window = (struct window){0, INT64_C(31) * 86400000};
    ck_assert_uint_gt(policy_write(str_make(name, sizeof(name)), &lease, text), 64);
}
END_TEST

Suite *terms_suite(void)
{
    Suite *suite = suite_create("terms");
    TCase *tests = tcase_create("terms");

    tcase_add_loop_test(tests, life_of_a_lease, 0, COUNT(lives));
    tcase_add_test(tests, a_quota_is_never_exact);
    tcase_add_test(tests, every_change_that_counts_is_seen);
    tcase_add_test(tests, a_zone_that_is_not_there_is_unusable);
    tcase_add_test(tests, time_is_rounded_up_and_bounded);
    suite_add_tcase(suite, tests);
    return suite;
}

Suite *policy_suite(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");

    tcase_add_loop_test(tests, a_policy_has_units_and_whole_seconds, 0, COUNT(policies));
    tcase_add_test(tests, the_longest_policy_fits);
    suite_add_tcase(suite, tests);
    return suite;
}
