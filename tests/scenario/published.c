/* Keys that an issuer publishes: who waits for them, how long, and what they let in. The test is the
 * thread that fetches. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/enc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, jwt} }\n"                                                     \
    "issuer \"corp\" { issuer = \"https://id\" audience = {api} algorithms = {ES256}\n"            \
    "jwks_url = \"https://id/keys\" }\n"                                                           \
    "issuer \"files\" { issuer = \"https://files\" audience = {api} algorithms = {ES256}\n"        \
    "keys = {\"env:JWK_FILES\"} }\n"                                                               \
    "max_in_flight = 40 max_age = \"60s\"\n"

#define S(n)      (INT64_C(1000000) * (n))
#define COOLDOWN  S(30)
#define GOOD_FOR  S(100)
#define MS(n)     (INT64_C(1000) * (n))
#define WAITS_MAX 11 /* a quarter of max_in_flight, and one */

static struct box box;
static unsigned asks;
static int64_t next_ask_us;
static char token[8192]; /* "Bearer ..." */

static void ask_cb(void *context, size_t issuer)
{
    ck_assert_ptr_eq(context, &box);
    ck_assert_uint_eq(issuer, 0);
    asks++;
}

static void setup(void)
{
    char *files = forge_jwk(FORGE_P256_OTHER, ",\"kid\":\"files\"");
    setenv("JWK_FILES", files, 1);
    free(files);
    box_open(&box, CONF);
    tokens_on_ask(box.tokens, ask_cb, &box);
    asks = 0;
    next_ask_us = INT64_MIN;
}

static void teardown(void)
{
    box_close(&box);
}

/* Alice's token under the key, in the name of that issuer. */
static void sign_as(enum forge_key key, const char *kid, const char *issuer)
{
    char header[128], claims[512];
    long long now_s = box.engine.now.wall_us / 1000000;

    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
    snprintf(claims, sizeof(claims),
             "{\"iss\":\"%s\",\"aud\":\"api\",\"sub\":\"alice\",\"jti\":\"t1\",\"exp\":%lld}",
             issuer, now_s + 1000);
    char *text = forge_token(key, "ES256", str_from_c(header), str_from_c(claims));
    snprintf(token, sizeof(token), "Bearer %s", text);
    free(text);
}

static void sign(enum forge_key key, const char *kid)
{
    sign_as(key, kid, "https://id");
}

static uint64_t ask(void)
{
    struct spop_question asked = box_question(&box);

    asked.frontend = "fe";
    asked.apikey = NULL;
    asked.authorization = token;
    return box_ask(&box, 0, &asked);
}

static bool is_waiting(uint64_t id)
{
    struct spop_frame ack;

    return box_acks(&box, 0, id, &ack) == 0;
}

static void settle(void)
{
    for (int i = 0; i < 8; i++) {
        box_step(&box);
    }
}

static void expect(uint64_t id, const char *verdict, int status, const char *reason)
{
    settle();
    box_expect(&box, 0, id, verdict, status, reason);
}

static void expect_now(const char *verdict, int status, const char *reason)
{
    expect(ask(), verdict, status, reason);
}

/* News: a set of that key, or (kid NULL) none. */
static void bring(enum forge_key key, const char *kid)
{
    struct jose_keys *keys = NULL;
    struct diag diag = {""};

    if (kid) {
        char more[64], set[2048];
        snprintf(more, sizeof(more), ",\"kid\":\"%s\"", kid);
        char *jwk = forge_jwk(key, more);
        snprintf(set, sizeof(set), "{\"keys\":[%s]}", jwk);
        free(jwk);
        keys = jose_keys_new();
        ck_assert_int_eq(jose_keys_add_published(keys, str_from_c(set), &diag), ERR_OK);
    }
    int64_t now_us = box.engine.now.mono_us;
    tokens_use_keys(box.tokens, 0, keys, now_us + GOOD_FOR, next_ask_us, box.engine.now);
    box_advance(&box, 0);
}

/* The fetch that was asked for ended, with that news. */
static void answer(enum forge_key key, const char *kid)
{
    next_ask_us = box.engine.now.mono_us + COOLDOWN;
    bring(key, kid);
}

START_TEST(the_first_wait_for_the_keys)
{
    sign(FORGE_P256, "a");
    uint64_t id = ask();
    ck_assert(is_waiting(id));
    ck_assert_uint_eq(asks, 1);
    box_advance(&box, MS(300));
    ck_assert(is_waiting(id));
    bring(FORGE_P256, "a");
    expect(id, "allow", 200, "ok");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), "jwt:corp");
    expect_now("allow", 200, "ok");
    ck_assert_uint_eq(asks, 1);
}
END_TEST

START_TEST(nobody_waits_longer_than_deadline_slow)
{
    sign(FORGE_P256, "a");
    uint64_t id = ask();
    box_advance(&box, MS(799));
    ck_assert(is_waiting(id));
    box_advance(&box, MS(1));
    expect(id, "deny", 503, "deadline");
    bring(FORGE_P256, "a");
    expect(id, "deny", 503, "deadline");
}
END_TEST

/* What must wait for the store after that keeps the longer deadline. */
START_TEST(the_store_has_what_is_left_of_the_time)
{
    sign(FORGE_P256, "a");
    uint64_t id = ask();
    box_advance(&box, MS(500));
    bring(FORGE_P256, "a");
    ck_assert(is_waiting(id));
    box_advance(&box, MS(299));
    ck_assert(is_waiting(id));
    expect(id, "allow", 200, "ok");
}
END_TEST

START_TEST(without_keys_it_is_issuer_down_at_once)
{
    sign(FORGE_P256, "a");
    uint64_t id = ask();
    answer(FORGE_P256, NULL);
    expect(id, "deny", 503, "issuer_down");
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "");
    uint64_t next = ask();
    ck_assert(!is_waiting(next));
    expect(next, "deny", 503, "issuer_down");
    ck_assert_uint_eq(asks, 1);
    box_advance(&box, COOLDOWN);
    ck_assert(is_waiting(ask()));
    ck_assert_uint_eq(asks, 2);
}
END_TEST

START_TEST(a_new_kid_is_waited_for_and_an_old_one_ends)
{
    bring(FORGE_P256, "a");
    sign(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
    sign(FORGE_P256_OTHER, "b");
    uint64_t id = ask();
    ck_assert(is_waiting(id));
    ck_assert_uint_eq(asks, 1);
    answer(FORGE_P256_OTHER, "b");
    expect(id, "allow", 200, "ok");
    sign(FORGE_P256, "a");
    expect_now("deny", 401, "bad_credential");
    ck_assert_uint_eq(asks, 1);
}
END_TEST

/* The remembered token's key is not the one that has its kid now. */
START_TEST(another_key_under_the_old_kid_ends_its_tokens)
{
    bring(FORGE_P256, "a");
    sign(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
    answer(FORGE_P256_OTHER, "a");
    expect_now("deny", 401, "bad_credential");
    ck_assert_uint_eq(asks, 0);
    sign(FORGE_P256_OTHER, "a");
    expect_now("allow", 200, "ok");
}
END_TEST

START_TEST(a_set_with_the_same_key_keeps_its_tokens)
{
    bring(FORGE_P256, "a");
    sign(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
    bring(FORGE_P256, "a");
    uint64_t id = ask();
    ck_assert(!is_waiting(id));
    expect(id, "allow", 200, "ok");
}
END_TEST

START_TEST(keys_end_with_their_time_also_for_what_is_remembered)
{
    bring(FORGE_P256, "a");
    sign(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
    box_advance(&box, GOOD_FOR - 1);
    expect_now("allow", 200, "ok");
    box_advance(&box, 1);
    uint64_t id = ask();
    ck_assert(is_waiting(id));
    answer(FORGE_P256, NULL);
    expect(id, "deny", 503, "issuer_down");
    bring(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
}
END_TEST

START_TEST(a_flood_of_unknown_kids_asks_once_and_parks_within_bounds)
{
    uint64_t ids[50];
    char kid[16];

    bring(FORGE_P256, "a");
    for (int i = 0; i < 50; i++) {
        snprintf(kid, sizeof(kid), "unknown-%d", i);
        sign(FORGE_P256_OTHER, kid);
        ids[i] = ask();
    }
    ck_assert_uint_eq(asks, 1);
    ck_assert_uint_eq(box.engine.parked_count, WAITS_MAX);
    for (int i = WAITS_MAX; i < 50; i++) {
        expect(ids[i], "deny", 503, "overload");
    }
    sign(FORGE_P256, "a");
    expect_now("allow", 200, "ok");
    answer(FORGE_P256, "a");
    for (int i = 0; i < WAITS_MAX; i++) {
        expect(ids[i], "deny", 401, "bad_credential");
    }
    for (int i = 0; i < 50; i++) {
        sign(FORGE_P256_OTHER, "again");
        expect_now("deny", 401, "bad_credential");
    }
    ck_assert_uint_eq(asks, 1);
}
END_TEST

/* No news, as from a thread that hangs: asked again, but not for each request. */
START_TEST(an_ask_without_news_is_repeated_now_and_then)
{
    sign(FORGE_P256, "a");
    for (int i = 0; i < 8; i++) {
        uint64_t id = ask();
        box_advance(&box, MS(800));
        expect(id, "deny", 503, "deadline");
    }
    ck_assert_uint_ge(asks, 3);
    ck_assert_uint_le(asks, 8);
}
END_TEST

START_TEST(only_tokens_of_publishers_wait)
{
    sign_as(FORGE_P256, "a", "https://files");
    expect_now("deny", 401, "bad_credential");
    sign_as(FORGE_P256, "a", "https://nobody");
    expect_now("deny", 401, "bad_credential");
    strcpy(token, "Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkIn0.AAAA");
    expect_now("deny", 401, "bad_credential");
    sign_as(FORGE_P256_OTHER, "files", "https://files");
    expect_now("allow", 200, "ok");
    /* In a publisher's name, signed by another issuer's key. */
    sign_as(FORGE_P256_OTHER, "files", "https://id");
    expect_now("deny", 401, "bad_credential");
    ck_assert_uint_eq(asks, 0);
}
END_TEST

/* n - s of the group's order, in place of s: ECDSA takes both (RFC 6979 has no say in it). */
static void mirror_signature(void)
{
    static const uint8_t order[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
                                    0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
    char *at = strrchr(token, '.') + 1;
    uint8_t raw[64];
    size_t length;
    int borrow = 0;

    ck_assert_int_eq(enc_unbase64url(str_from_c(at), raw, sizeof(raw), &length), ERR_OK);
    for (int i = 31; i >= 0; i--) {
        int digit = order[i] - raw[32 + i] - borrow;
        borrow = digit < 0;
        raw[32 + i] = (uint8_t)(digit + (borrow ? 256 : 0));
    }
    char *text = forge_base64url(str_make((const char *)raw, sizeof(raw)));
    strcpy(at, text);
    free(text);
}

/* sha256 of "https://id\nt1". */
#define REVOKED_T1 "reeve:revoked:12f99608f7607c7cd93071a524c144c4"

/* So a revocation by the token's text would be none. */
START_TEST(a_revoked_token_stays_so_under_its_other_signature)
{
    char first[sizeof(token)];

    bring(FORGE_P256, "a");
    sign(FORGE_P256, "a");
    strcpy(first, token);
    mirror_signature();
    ck_assert_str_ne(first, token);
    expect_now("allow", 200, "ok");
    fake_store_set(box.fake, REVOKED_T1, "until", "4000000000");
    box_advance(&box, S(61));
    expect_now("deny", 401, "revoked");
    strcpy(token, first);
    expect_now("deny", 401, "revoked");
}
END_TEST

START_TEST(who_leaves_while_waiting_is_not_woken)
{
    sign(FORGE_P256, "a");
    uint64_t id = ask();
    peer_fini(&box.peers[0]);
    ck_assert_uint_eq(box.engine.parked_count, 0);
    bring(FORGE_P256, "a");
    ck_assert(is_waiting(id));
}
END_TEST

/* As on a reload. */
START_TEST(who_waits_is_decided_by_the_tokens_that_follow)
{
    struct tokens *old = box.tokens;

    sign(FORGE_P256, "a");
    uint64_t id = ask();
    box.tokens = tokens_new(box.config);
    tokens_on_ask(box.tokens, ask_cb, &box);
    box.engine.decide.tokens = box.tokens;
    tokens_wake(old, box.engine.now);
    tokens_free(old);
    ck_assert(is_waiting(id));
    ck_assert_uint_eq(asks, 2);
    bring(FORGE_P256, "a");
    expect(id, "allow", 200, "ok");
}
END_TEST

static Suite *published_suite(void)
{
    Suite *suite = suite_create("published");
    TCase *tests = tcase_create("published");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_first_wait_for_the_keys);
    tcase_add_test(tests, nobody_waits_longer_than_deadline_slow);
    tcase_add_test(tests, the_store_has_what_is_left_of_the_time);
    tcase_add_test(tests, without_keys_it_is_issuer_down_at_once);
    tcase_add_test(tests, a_new_kid_is_waited_for_and_an_old_one_ends);
    tcase_add_test(tests, another_key_under_the_old_kid_ends_its_tokens);
    tcase_add_test(tests, a_set_with_the_same_key_keeps_its_tokens);
    tcase_add_test(tests, keys_end_with_their_time_also_for_what_is_remembered);
    tcase_add_test(tests, a_flood_of_unknown_kids_asks_once_and_parks_within_bounds);
    tcase_add_test(tests, an_ask_without_news_is_repeated_now_and_then);
    tcase_add_test(tests, only_tokens_of_publishers_wait);
    tcase_add_test(tests, a_revoked_token_stays_so_under_its_other_signature);
    tcase_add_test(tests, who_leaves_while_waiting_is_not_woken);
    tcase_add_test(tests, who_waits_is_decided_by_the_tokens_that_follow);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(published_suite());

    forge_make_keys();
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
