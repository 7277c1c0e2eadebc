/* Who fails too often has to wait: from NOTIFYs to verdicts, on virtual time. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/crc32.h"
#include "agent/base/enc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define SECOND INT64_C(1000000)

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, jwt} }\n"                                                     \
    "gate \"open\" { accept = {apikey} anonymous = \"guest\" }\n"                                  \
    "gate \"watch\" { accept = {apikey} mode = \"observe\" }\n"                                    \
    "issuer \"corp\" { issuer = \"https://id\" audience = {api} algorithms = {HS256}\n"            \
    "keys = {\"env:JWK\"} users = token roles_claim = roles }\n"                                   \
    "max_age = \"1s\" max_stale = \"300s\"\n"

static const char secret[] = "0123456789abcdef0123456789abcdef";

static struct box box;

static void setup(void)
{
    char *k = forge_base64url(STR(secret)), jwk[256];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"kid\":\"k1\",\"k\":\"%s\"}", k);
    setenv("JWK", jwk, 1);
    free(k);
    box_open(&box, CONF);
    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /public/**");
}

static void teardown(void)
{
    box_close(&box);
}

/* A well-formed key with alice's keyid, or with `id`, and the secret of the number. */
static const char *guess(const char *id, unsigned number)
{
    static char text[APIKEY_LENGTH + 1];

    memcpy(text, box.key, APIKEY_LENGTH);
    if (id) {
        memcpy(text + 3, id, APIKEY_ID_LENGTH);
    }
    enc_base62(number, 8, text + 14);
    size_t crc_at = APIKEY_LENGTH - APIKEY_CRC_LENGTH;
    enc_base62(crc32_ieee(text, crc_at - 1), APIKEY_CRC_LENGTH, text + crc_at);
    return text;
}

static uint64_t ask(const char *key, const char *source)
{
    struct spop_question question = box_question(&box);

    question.frontend = "fe";
    question.apikey = key;
    question.source = source;
    return box_ask_through(&box, 0, &question);
}

/* The store answers before and after. */
static void pass(int64_t us)
{
    box_step(&box);
    box_advance(&box, us);
    box_step(&box);
}

static bool is_throttled(uint64_t id)
{
    return strcmp(box_var(&box, 0, id, "reason"), "too_many_failures") == 0;
}

/* How many of so many guesses are looked at. */
static unsigned storm(const char *id, const char *source, unsigned first, unsigned count)
{
    unsigned judged = 0;

    for (unsigned i = first; i < first + count; i++) {
        judged += !is_throttled(ask(guess(id, i), source));
        box.answers[0].length = 0;
    }
    return judged;
}

START_TEST(guesses_are_throttled_and_told_when_to_come_again)
{
    for (int i = 0; i < 10; i++) {
        box_expect(&box, 0, ask(guess(NULL, (unsigned)i), "192.0.2.7"), "deny", 401,
                   "bad_credential");
    }
    for (int64_t wait_s = 1; wait_s <= 512; wait_s *= 2) {
        uint64_t id = ask(guess(NULL, 99), "192.0.2.7");
        box_expect(&box, 0, id, "throttle", 429, "too_many_failures");
        ck_assert_int_eq(box_number(&box, 0, id, "retry_after"), wait_s);
        ck_assert_str_eq(box_var(&box, 0, id, "user"), "");
        ck_assert_str_eq(box_var(&box, 0, id, "credential"), "");
        ck_assert_str_eq(box_var(&box, 0, id, "challenge"), "");
        pass(wait_s * SECOND);
        box_expect(&box, 0, ask(guess(NULL, 99), "192.0.2.7"), "deny", 401, "bad_credential");
    }
}
END_TEST

/* What HAProxy is told of the frame, but for its ids. */
static struct spop_bytes answer_to(uint64_t id)
{
    struct spop_frame ack;

    ck_assert_uint_eq(box_acks(&box, 0, id, &ack), 1);
    return ack.payload;
}

/* C2 */
START_TEST(unknown_and_wrong_are_one_answer)
{
    for (unsigned i = 0; i < 30; i++) {
        uint64_t unknown = ask(guess("Unknown000", i), "192.0.2.7");
        uint64_t wrong = ask(guess(NULL, i), "192.0.2.7");
        uint64_t malformed = ask("rv_malformed", "192.0.2.7");
        struct spop_bytes a = answer_to(unknown), b = answer_to(wrong), c = answer_to(malformed);

        ck_assert_uint_eq(a.length, b.length);
        ck_assert_mem_eq(a.data, b.data, a.length);
        ck_assert_uint_eq(a.length, c.length);
        ck_assert_mem_eq(a.data, c.data, a.length);
        ck_assert_int_eq(is_throttled(unknown), i >= 10);
    }
}
END_TEST

START_TEST(throttled_attempts_cost_no_look_up)
{
    storm("Unknown000", "192.0.2.7", 0, 10);
    box_advance(&box, SECOND - 1);
    size_t before = fake_store_requests(box.fake, "reeve:key:Unknown000");
    ck_assert_uint_eq(storm("Unknown000", "192.0.2.7", 0, 100), 0);
    ck_assert_uint_eq(fake_store_requests(box.fake, "reeve:key:Unknown000"), before);
}
END_TEST

/* C4 */
START_TEST(the_victim_goes_on_from_elsewhere)
{
    ck_assert_uint_eq(storm(NULL, "203.0.113.9", 0, 1000), 10);
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    ck_assert_uint_eq(storm(NULL, "203.0.113.9", 0, 10), 0);
}
END_TEST

/* Nothing is guessed by a key that is known to be good, and it costs nothing. */
START_TEST(a_key_that_was_proven_passes_its_source_s_throttle)
{
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    storm(NULL, "192.0.2.7", 0, 10);
    for (unsigned i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "Unknown%03u", i);
        ask(guess(id, 0), "192.0.2.7");
    }
    ck_assert(is_throttled(ask(guess("Unknown999", 0), "192.0.2.7")));
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    /* But what it may do is asked as always. */
    fake_store_set(box.fake, "reeve:user:{alice}", "state", "disabled");
    box_advance(&box, 2 * SECOND);
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "deny", 403, "user_disabled");
}
END_TEST

/* Each text is a credential of its own, so the source has to wait, for two seconds, and nothing else. */
static void exhaust(const char *source)
{
    char text[16];

    for (unsigned i = 0; i <= 100; i++) {
        if (i == 100) {
            pass(SECOND / 10);
            pass(SECOND);
        }
        snprintf(text, sizeof(text), "rv_%u", i);
        box_expect(&box, 0, ask(text, source), "deny", 401, "bad_credential");
        box.answers[0].length = 0;
    }
}

START_TEST(a_proven_key_passes_while_its_record_is_read_again)
{
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    exhaust("192.0.2.7");
    box_advance(&box, 3 * SECOND / 2);
    ck_assert(is_throttled(ask("rv_malformed", "192.0.2.7")));
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
}
END_TEST

/* The same while the store is away: what it would be allowed without the attack it is allowed. */
START_TEST(a_proven_key_passes_while_the_store_is_away)
{
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    fake_store_drop(box.fake);
    exhaust("192.0.2.7");
    box_advance(&box, 3 * SECOND / 2);
    ck_assert(is_throttled(ask("rv_malformed", "192.0.2.7")));
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
}
END_TEST

START_TEST(a_good_key_that_was_never_seen_waits_like_all_others)
{
    storm(NULL, "192.0.2.7", 0, 10);
    uint64_t id = ask(box.key, "192.0.2.7");
    box_expect(&box, 0, id, "throttle", 429, "too_many_failures");
    pass(SECOND);
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    /* That clears the pair. */
    ck_assert_uint_eq(storm(NULL, "192.0.2.7", 0, 100), 10);
}
END_TEST

/* C5 */
START_TEST(stuffing_throttles_the_source)
{
    unsigned judged = 0;
    char id[16];

    for (unsigned i = 0; i < 10000; i++) {
        snprintf(id, sizeof(id), "Acc%07u", i);
        judged += !is_throttled(ask(guess(id, 0), "203.0.113.9"));
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(judged, 100);
    ck_assert(!is_throttled(ask(guess("Acc9999999", 0), "203.0.113.10")));
}
END_TEST

START_TEST(who_offers_nothing_does_not_wait)
{
    struct spop_question question = box_question(&box);

    storm(NULL, "192.0.2.7", 0, 10);
    for (unsigned i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "Unknown%03u", i);
        ask(guess(id, 0), "192.0.2.7");
    }
    question.frontend = "open";
    question.path = "/public/a";
    question.apikey = NULL;
    box_expect(&box, 0, box_ask_through(&box, 0, &question), "allow", 200, "ok");
    question.frontend = "fe";
    box_expect(&box, 0, box_ask_through(&box, 0, &question), "deny", 401, "no_credential");
}
END_TEST

START_TEST(what_is_no_failed_attempt_is_not_counted)
{
    struct spop_question question = box_question(&box);

    question.frontend = "fe";
    for (int i = 0; i < 200; i++) {
        question.apikey = i % 2 ? NULL : box.key;
        question.path = "/v1/elsewhere";
        box_ask_through(&box, 0, &question);
        box.answers[0].length = 0;
    }
    fake_store_set(box.fake, "reeve:user:{alice}", "state", "disabled");
    box_advance(&box, 2 * SECOND);
    for (int i = 0; i < 200; i++) {
        ask(box.key, "192.0.2.7");
    }
    ck_assert_uint_eq(storm(NULL, "192.0.2.7", 0, 100), 10);
}
END_TEST

START_TEST(an_observing_gate_says_what_it_would_have_done)
{
    struct spop_question question = box_question(&box);

    storm(NULL, "192.0.2.7", 0, 10);
    question.frontend = "watch";
    question.apikey = guess(NULL, 1);
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "too_many_failures");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "throttle:too_many_failures");
    ck_assert_int_eq(box_number(&box, 0, id, "retry_after"), 0);
}
END_TEST

START_TEST(basic_that_can_not_be_read_is_an_attempt)
{
    struct spop_question question = box_question(&box);
    unsigned judged = 0;

    question.frontend = "fe";
    question.apikey = NULL;
    question.authorization = "Basic !!!";
    for (int i = 0; i < 100; i++) {
        judged += !is_throttled(box_ask_through(&box, 0, &question));
    }
    ck_assert_uint_eq(judged, 10);
}
END_TEST

/* FLUSHALL, and records that are written again. */
START_TEST(a_store_that_lost_its_data_makes_nobody_wait)
{
    char key[64], hash[APIKEY_HASH_TEXT_MAX];

    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
    snprintf(key, sizeof(key), "reeve:key:%s", box.keyid);
    fake_store_delete(box.fake, key);
    for (int i = 0; i < 300; i++) {
        directory_invalidate_all(box.directory);
        box_expect(&box, 0, ask(box.key, "192.0.2.7"), "deny", 401, "bad_credential");
        box.answers[0].length = 0;
    }
    ck_assert_int_eq(apikey_hash_text(NULL, str_from_c(box.key), hash), ERR_OK);
    fake_store_set(box.fake, key, "user", "alice");
    fake_store_set(box.fake, key, "state", "active");
    fake_store_set(box.fake, key, "hash", hash);
    directory_invalidate_all(box.directory);
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
}
END_TEST

START_TEST(a_changed_record_is_a_new_start)
{
    storm(NULL, "192.0.2.7", 0, 10);
    ck_assert(is_throttled(ask(guess(NULL, 0), "192.0.2.7")));
    shield_changed(box.shield, CREDENTIAL_APIKEY, str_from_c(box.keyid));
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
}
END_TEST

/* ---- tokens ---- */

static uint64_t ask_token(const char *authorization)
{
    struct spop_question question = box_question(&box);

    question.frontend = "fe";
    question.apikey = NULL;
    question.authorization = authorization;
    return box_ask_through(&box, 0, &question);
}

static void sign(struct str key, const char *subject, char out[2048])
{
    char claims[512];

    snprintf(claims, sizeof(claims),
             "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"%s\",\"roles\":[\"reader\"],"
             "\"exp\":%lld}",
             subject, (long long)(box.engine.now.wall_us / 1000000 + 3000));
    char *text = forge_mac_token(key, "HS256", STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                                 str_from_c(claims));
    snprintf(out, 2048, "Bearer %s", text);
    free(text);
}

START_TEST(forged_tokens_are_throttled_and_proven_ones_pass)
{
    char good[2048], late[2048], forged[2048];
    unsigned judged = 0;

    sign(STR(secret), "bob", good);
    sign(STR(secret), "carol", late);
    box_expect(&box, 0, ask_token(good), "allow", 200, "ok");
    for (unsigned i = 0; i < 1000; i++) {
        char subject[16];
        snprintf(subject, sizeof(subject), "u%u", i);
        sign(STR("another secret, another secret.."), subject, forged);
        judged += !is_throttled(ask_token(forged));
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(judged, 100);
    box_expect(&box, 0, ask_token(good), "allow", 200, "ok");
    box_expect(&box, 0, ask_token(late), "throttle", 429, "too_many_failures");
    box_advance(&box, SECOND);
    box_expect(&box, 0, ask_token(late), "allow", 200, "ok");
}
END_TEST

START_TEST(one_bad_token_again_and_again_spares_its_source)
{
    char forged[2048], good[2048];

    sign(STR("another secret, another secret.."), "bob", forged);
    for (int i = 0; i < 3600; i++) {
        ask_token(forged);
        box.answers[0].length = 0;
        pass(SECOND);
    }
    sign(STR(secret), "bob", good);
    box_expect(&box, 0, ask_token(good), "allow", 200, "ok");
}
END_TEST

START_TEST(a_key_that_is_not_read_yet_is_nobody_s_failure)
{
    char text[2048];

    char *made = forge_mac_token(STR(secret), "HS256", STR("{\"alg\":\"HS256\",\"kid\":\"k2\"}"),
                                 STR("{\"iss\":\"https://id\"}"));
    snprintf(text, sizeof(text), "Bearer %s", made);
    free(made);
    for (int i = 0; i < 200; i++) {
        box_expect(&box, 0, ask_token(text), "deny", 401, "bad_credential");
        box.answers[0].length = 0;
    }
}
END_TEST

/* ---- the store ---- */

START_TEST(without_the_store_local_counting_decides)
{
    unsigned judged = 0;

    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    fake_store_drop(box.fake);
    for (int i = 0; i < 1000; i++) {
        judged += !is_throttled(ask("rv_malformed", "192.0.2.7"));
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(judged, 10);
    box_advance(&box, SECOND);
    box_expect(&box, 0, ask("rv_malformed", "192.0.2.7"), "deny", 401, "bad_credential");
    ck_assert_int_eq(box_number(&box, 0, ask("rv_malformed", "192.0.2.7"), "retry_after"), 2);
}
END_TEST

START_TEST(an_unlock_ends_the_wait)
{
    char key[160], name[32];

    storm(NULL, "192.0.2.7", 0, 10);
    pass(SECOND / 10);
    ck_assert_int_gt(box.failures.count, 0);
    /* The pair's key is failed:<credential>:<source>. */
    for (int i = 0; i < box.failures.count; i++) {
        if (sscanf(box.failures.items[i].key, "reeve:failed:%24[0-9a-f]:", name) == 1 &&
            strlen(name) == 24) {
            snprintf(key, sizeof(key), "reeve:unlock:%s", name);
        }
    }
    ck_assert(is_throttled(ask(guess(NULL, 0), "192.0.2.7")));
    ck_assert(shield_unlock(box.shield, str_from_c(key)));
    box_expect(&box, 0, ask(box.key, "192.0.2.7"), "allow", 200, "ok");
}
END_TEST

static Suite *shields_suite(void)
{
    Suite *suite = suite_create("shields");
    TCase *tests = tcase_create("shields");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, guesses_are_throttled_and_told_when_to_come_again);
    tcase_add_test(tests, unknown_and_wrong_are_one_answer);
    tcase_add_test(tests, throttled_attempts_cost_no_look_up);
    tcase_add_test(tests, the_victim_goes_on_from_elsewhere);
    tcase_add_test(tests, a_key_that_was_proven_passes_its_source_s_throttle);
    tcase_add_test(tests, a_proven_key_passes_while_its_record_is_read_again);
    tcase_add_test(tests, a_proven_key_passes_while_the_store_is_away);
    tcase_add_test(tests, a_good_key_that_was_never_seen_waits_like_all_others);
    tcase_add_test(tests, stuffing_throttles_the_source);
    tcase_add_test(tests, who_offers_nothing_does_not_wait);
    tcase_add_test(tests, what_is_no_failed_attempt_is_not_counted);
    tcase_add_test(tests, an_observing_gate_says_what_it_would_have_done);
    tcase_add_test(tests, basic_that_can_not_be_read_is_an_attempt);
    tcase_add_test(tests, a_store_that_lost_its_data_makes_nobody_wait);
    tcase_add_test(tests, a_changed_record_is_a_new_start);
    tcase_add_test(tests, forged_tokens_are_throttled_and_proven_ones_pass);
    tcase_add_test(tests, one_bad_token_again_and_again_spares_its_source);
    tcase_add_test(tests, a_key_that_is_not_read_yet_is_nobody_s_failure);
    tcase_add_test(tests, without_the_store_local_counting_decides);
    tcase_add_test(tests, an_unlock_ends_the_wait);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(shields_suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
