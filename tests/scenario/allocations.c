/* A locally answered decision allocates nothing: every allocator call of the process is counted,
 * shared libraries' included. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/phc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define DECISIONS 1000

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

static unsigned long allocation_count;

void *malloc(size_t bytes)
{
    allocation_count++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    allocation_count++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    allocation_count++;
    return __libc_realloc(memory, bytes);
}

static struct box box;

static void setup(void)
{
    setenv("JWK", "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}", 1);
    box_open(&box, "gate \"*\" { accept = {apikey, basic, jwt, cert} }\nmax_age = \"600s\"\n"
                   "issuer id { issuer = id audience = {api} algorithms = {HS256}\n"
                   "keys = {\"env:JWK\"} }\n"
                   "certificates ca { issuer = \"CN=CA\" gates = {\"*\"} }\n"
                   "spool_size = \"4MiB\"");
    box_see(&box);
}

static void teardown(void)
{
    box_close(&box);
}

static void limit_alice(void)
{
    fake_store_set(box.fake, "reeve:limit:a", "quota", "1000000");
    fake_store_set(box.fake, "reeve:limit:a", "per", "day");
    fake_store_set(box.fake, "reeve:limit:b", "rate", "100000/s");
    fake_store_set(box.fake, "reeve:limit:c", "quota", "2000000");
    fake_store_set(box.fake, "reeve:limit:c", "per", "month");
    fake_store_set(box.fake, "reeve:limit:c", "scope", "global");
    fake_store_set(box.fake, "reeve:limit:d", "quota", "2000000");
    fake_store_set(box.fake, "reeve:limit:d", "per", "week");
    fake_store_set(box.fake, "reeve:limit:d", "scope", "source");
    fake_store_set(box.fake, "reeve:user:{alice}", "limits", "a,b,c,d");
}

/* Until leases are as large as these decisions need. */
static void warm_up(const struct spop_question *question)
{
    for (int i = 0; i < 3 * DECISIONS; i++) {
        box_ask_through(&box, 0, question);
        box.answers[0].length = 0;
        box_advance(&box, i < 2 * DECISIONS ? 100 : 0);
        box_step(&box);
    }
}

static unsigned long count_decisions(const struct spop_question *question)
{
    box_ask_through(&box, 0, question);
    box_collect(&box, 0);
    box.answers[0].length = 0;
    unsigned long before = allocation_count;
    for (int i = 0; i < DECISIONS; i++) {
        box_ask(&box, 0, question);
        box_collect(&box, 0);
        box.answers[0].length = 0;
    }
    return allocation_count - before;
}

START_TEST(the_counter_counts)
{
    unsigned long before = allocation_count;
    void *volatile memory = malloc(1);

    free(memory);
    ck_assert_uint_eq(allocation_count - before, 1);
}
END_TEST

START_TEST(an_allow_allocates_nothing)
{
    struct spop_question question = box_question(&box);
    struct spool_counters counters;

    ck_assert_uint_eq(count_decisions(&question), 0);
    spool_counters(box.spool, &counters);
    ck_assert_uint_eq(counters.recorded, DECISIONS + 1);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], DECISIONS + 1);
}
END_TEST

START_TEST(a_use_that_is_noted_allocates_nothing)
{
    struct spop_question question = box_question(&box);
    struct seen_counters counters;
    unsigned long count = 0;

    box_ask_through(&box, 0, &question);
    for (int i = 0; i < 4; i++) {
        box.engine.now.mono_us += 60000000; /* due again, and the records are fresh */
        unsigned long before = allocation_count;
        box_ask(&box, 0, &question);
        count += allocation_count - before;
    }
    ck_assert_uint_eq(count, 0);
    seen_counters(box.seen, &counters);
    ck_assert_uint_eq(counters.noted, 5);
}
END_TEST

/* But for its first sight. */
START_TEST(an_allow_by_a_token_allocates_nothing)
{
    struct spop_question question = box_question(&box);
    char authorization[1024];
    char *token = forge_mac_token(STR("0123456789abcdef0123456789abcdef"), "HS256",
                                  STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                                  STR("{\"iss\":\"id\",\"aud\":\"api\",\"sub\":\"alice\","
                                      "\"jti\":\"t1\",\"exp\":4000000000}"));

    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    free(token);
    question.apikey = NULL;
    question.authorization = authorization;
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], DECISIONS + 1);
}
END_TEST

/* But for its first sight. */
START_TEST(an_allow_by_a_password_allocates_nothing)
{
    static const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};
    struct spop_question question = box_question(&box);
    char hash[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, STR("secret"), hash), ERR_OK);
    fake_store_set(box.fake, "reeve:user:{alice}", "password", hash);
    question.apikey = NULL;
    question.authorization = box_basic(STR("alice:secret"));
    box_ask(&box, 0, &question);
    box_step(&box);
    box_hash(&box, true);
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], DECISIONS + 2);
}
END_TEST

/* By its subject, and by its record. */
START_TEST(an_allow_by_a_certificate_allocates_nothing)
{
    static const uint8_t sha256[32] = {0};
    const struct spop_certificate certificate = {
        .is_used = true, .sha256 = sha256, .subject = "CN=alice,O=Corp", .issuer = "CN=CA"};
    struct spop_question question = box_question(&box);
    char key[80] = "reeve:cert:";

    question.apikey = NULL;
    question.certificate = &certificate;
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], DECISIONS + 1);
    memset(key + strlen("reeve:cert:"), '0', 64);
    fake_store_set(box.fake, key, "user", "alice");
    fake_store_set(box.fake, key, "state", "active");
    box_advance(&box, 601000000);
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.verdicts[VERDICT_ALLOW], 2 * (DECISIONS + 1));
}
END_TEST

START_TEST(four_limits_allocate_nothing)
{
    struct spop_question question = box_question(&box);
    unsigned long count = 0;

    limit_alice();
    warm_up(&question);
    box_ask_through(&box, 0, &question);
    for (int i = 0; i < 100; i++) {
        unsigned long before = allocation_count;
        uint64_t id = box_ask(&box, 0, &question);
        count += allocation_count - before;
        box_expect(&box, 0, id, "allow", 200, "ok");
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_throttle_allocates_nothing)
{
    struct spop_question question = box_question(&box);

    limit_alice();
    fake_store_set(box.fake, "reeve:limit:a", "quota", "1");
    box_ask_through(&box, 0, &question);
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.reasons[REASON_QUOTA], DECISIONS + 1);
}
END_TEST

START_TEST(a_deny_allocates_nothing)
{
    struct spop_question question = box_question(&box);

    question.path = "/v2";
    ck_assert_uint_eq(count_decisions(&question), 0);
    ck_assert_uint_eq(box.engine.counters.reasons[REASON_NO_RULE], DECISIONS + 1);
    question.apikey = "rv_bad";
    ck_assert_uint_eq(count_decisions(&question), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocations");
    TCase *tcase = tcase_create("allocations");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_counter_counts);
    tcase_add_test(tcase, an_allow_allocates_nothing);
    tcase_add_test(tcase, a_use_that_is_noted_allocates_nothing);
    tcase_add_test(tcase, an_allow_by_a_token_allocates_nothing);
    tcase_add_test(tcase, an_allow_by_a_password_allocates_nothing);
    tcase_add_test(tcase, an_allow_by_a_certificate_allocates_nothing);
    tcase_add_test(tcase, four_limits_allocate_nothing);
    tcase_add_test(tcase, a_throttle_allocates_nothing);
    tcase_add_test(tcase, a_deny_allocates_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
