/* JSON Web Tokens, from Authorization to the verdict. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define ISSUER                                                                                     \
    "issuer = \"https://id\" audience = {api} algorithms = {HS256} keys = {\"env:JWK\"}\n"
#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, jwt} }\n"                                                     \
    "gate \"open\" { accept = {jwt} anonymous = \"guest\" }\n"                                     \
    "gate \"keys\" { accept = {apikey} }\n"                                                        \
    "issuer \"corp\" { " ISSUER " }\n"                                                             \
    "max_age = \"1s\" max_stale = \"10s\"\n"

/* One more issuer beside, with a secret of its own. */
#define BESIDE(fields)                                                                             \
    CONF "issuer \"beside\" { issuer = \"https://beside\" audience = {api} algorithms = {HS384}\n" \
         "keys = {\"env:JWK_BESIDE\"}\n" fields "}\n"

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char secret_beside[] = "0123456789abcdef0123456789abcdef0123456789abcdef";

static struct box box;
static char token[8192]; /* "Bearer ..." */

static void set_key(const char *variable, struct str bytes)
{
    char *k = forge_base64url(bytes), jwk[256];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    setenv(variable, jwk, 1);
    free(k);
}

static void open_with(const char *conf)
{
    set_key("JWK", STR(secret));
    set_key("JWK_BESIDE", STR(secret_beside));
    box_open(&box, conf);
}

static void setup(void)
{
    open_with(CONF);
}

static void teardown(void)
{
    box_close(&box);
}

static long long now_s(void)
{
    return box.engine.now.wall_us / 1000000;
}

/* Alice's, good for a minute, with `more` claims. */
static void sign(const char *more)
{
    char claims[4096];

    snprintf(
        claims, sizeof(claims),
        "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"alice\",\"iat\":%lld,\"exp\":%lld%s}",
        now_s(), now_s() + 60, more);
    char *text = forge_mac_token(STR(secret), "HS256", STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                                 str_from_c(claims));
    snprintf(token, sizeof(token), "Bearer %s", text);
    free(text);
}

static void sign_beside(const char *user, const char *more)
{
    char claims[4096];

    snprintf(claims, sizeof(claims),
             "{\"iss\":\"https://beside\",\"aud\":\"api\",\"sub\":\"%s\",\"exp\":%lld%s}", user,
             now_s() + 60, more);
    char *text = forge_mac_token(STR(secret_beside), "HS384",
                                 STR("{\"alg\":\"HS384\",\"typ\":\"JWT\"}"), str_from_c(claims));
    snprintf(token, sizeof(token), "Bearer %s", text);
    free(text);
}

static struct spop_question question(void)
{
    struct spop_question asked = box_question(&box);

    asked.frontend = "fe";
    asked.apikey = NULL;
    asked.authorization = token;
    return asked;
}

static uint64_t expect(const char *verdict, int status, const char *reason)
{
    struct spop_question asked = question();
    uint64_t id = box_ask_through(&box, 0, &asked);

    box_expect(&box, 0, id, verdict, status, reason);
    return id;
}

/* What HAProxy is told of who it is. */
static void expect_var(uint64_t id, const char *name, const char *want)
{
    ck_assert_str_eq(box_var(&box, 0, id, name), want);
}

/* sha256 of "https://id\nt1". */
#define REVOKED_T1 "reeve:revoked:12f99608f7607c7cd93071a524c144c4"

START_TEST(a_token_stands_for_its_user)
{
    sign("");
    uint64_t id = expect("allow", 200, "ok");
    expect_var(id, "user", "alice");
    expect_var(id, "roles", "reader");
    expect_var(id, "rule", "reader/10");
    expect_var(id, "credential", "jwt:corp");
}
END_TEST

START_TEST(what_is_no_good_token_is_401)
{
    static const char *const bad[] = {
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.AAAA",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        strcpy(token, bad[i]);
        uint64_t id = expect("deny", 401, "bad_credential");
        expect_var(id, "user", "");
        expect_var(id, "challenge", "Bearer realm=\"reeve\"");
    }
    sign("");
    token[strlen(token) - 10] ^= 1;
    expect("deny", 401, "bad_credential");
    sign(",\"sub\":\"root\"");
    expect("deny", 401, "bad_credential");
}
END_TEST

START_TEST(a_bad_token_is_never_anonymous)
{
    struct spop_question asked;

    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /v1/orders/**");
    sign("");
    token[strlen(token) - 10] ^= 1;
    asked = question();
    asked.frontend = "open";
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "deny", 401, "bad_credential");
    asked.authorization = NULL;
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "allow", 200, "ok");
}
END_TEST

START_TEST(a_token_and_a_key_at_once_are_refused)
{
    struct spop_question asked;

    sign("");
    asked = question();
    asked.apikey = box.key;
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "deny", 400, "bad_request");
    /* A gate that does not listen to tokens takes the key alone. */
    asked.frontend = "keys";
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "allow", 200, "ok");
}
END_TEST

/* Also one that is remembered. */
START_TEST(a_token_ends)
{
    sign("");
    expect("allow", 200, "ok");
    box_advance(&box, 89 * 1000000);
    expect("allow", 200, "ok");
    box_advance(&box, 1000000);
    uint64_t id = expect("deny", 401, "expired");
    expect_var(id, "user", "");
    sign(",\"nbf\":4000000000");
    expect("deny", 401, "expired");
}
END_TEST

START_TEST(users_are_asked_of_the_store)
{
    sign("");
    expect("allow", 200, "ok");
    fake_store_set(box.fake, "reeve:user:{alice}", "state", "disabled");
    box_advance(&box, 2000000);
    expect("deny", 403, "user_disabled");
    fake_store_delete(box.fake, "reeve:user:{alice}");
    box_advance(&box, 2000000);
    expect("deny", 403, "user_disabled");
}
END_TEST

START_TEST(names_of_any_kind_find_their_record)
{
    open_with(BESIDE(""));
    fake_store_set(box.fake, "reeve:user:{auth0%7C1}", "state", "active");
    fake_store_set(box.fake, "reeve:user:{auth0%7C1}", "roles", "reader");
    sign_beside("auth0|1", "");
    uint64_t id = expect("allow", 200, "ok");
    expect_var(id, "user", "auth0|1");
    expect_var(id, "credential", "jwt:beside");
    box_close(&box);
}
END_TEST

START_TEST(a_revoked_token_is_refused)
{
    sign(",\"jti\":\"t1\"");
    expect("allow", 200, "ok");
    fake_store_set(box.fake, REVOKED_T1, "until", "4000000000");
    directory_invalidate(box.directory, RECORD_REVOKED, STR("12f99608f7607c7cd93071a524c144c4"));
    uint64_t id = expect("deny", 401, "revoked");
    expect_var(id, "user", "alice");
    sign(",\"jti\":\"t2\"");
    expect("allow", 200, "ok");
}
END_TEST

START_TEST(a_revocation_that_does_not_parse_refuses)
{
    sign(",\"jti\":\"t1\"");
    fake_store_set(box.fake, REVOKED_T1, "until", "tomorrow");
    expect("deny", 503, "bad_record");
}
END_TEST

START_TEST(tokens_from_before_are_revoked)
{
    char time[32];

    snprintf(time, sizeof(time), "%lld", now_s());
    sign("");
    fake_store_set(box.fake, "reeve:user:{alice}", "tokens_not_before", time);
    expect("allow", 200, "ok");
    snprintf(time, sizeof(time), "%lld", now_s() + 1);
    fake_store_set(box.fake, "reeve:user:{alice}", "tokens_not_before", time);
    box_advance(&box, 2000000);
    expect("deny", 401, "revoked");
    sign("");
    expect("allow", 200, "ok");
    /* A key is not a token. */
    struct spop_question asked = box_question(&box);
    asked.frontend = "fe";
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "allow", 200, "ok");
}
END_TEST

START_TEST(a_token_that_does_not_say_when_is_from_before)
{
    open_with(BESIDE(""));
    sign_beside("alice", "");
    expect("allow", 200, "ok");
    fake_store_set(box.fake, "reeve:user:{alice}", "tokens_not_before", "1");
    box_advance(&box, 2000000);
    expect("deny", 401, "revoked");
    box_close(&box);
}
END_TEST

/* Alice is known; whether her token is revoked is not. */
static void lose_the_store(const char *conf, const char *verdict, int status, const char *reason)
{
    open_with(conf);
    sign_beside("alice", "");
    expect("allow", 200, "ok");
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    box_advance(&box, 100000);
    expect("allow", 200, "ok");
    sign_beside("alice", ",\"jti\":\"new\"");
    expect(verdict, status, reason);
    box_close(&box);
}

START_TEST(without_the_store_the_issuer_says_what_counts)
{
    lose_the_store(BESIDE(""), "deny", 503, "store_down");
    lose_the_store(BESIDE("revocation = best_effort\n"), "allow", 200, "ok");
}
END_TEST

START_TEST(roles_of_a_token_narrow)
{
    open_with(BESIDE("roles_claim = roles roles = {\"r=reader\", \"w=writer\"}\n"));
    fake_store_set(box.fake, "reeve:user:{alice}", "roles", "reader,denier");
    fake_store_set(box.fake, "reeve:role:denier", "rule:10", "deny * * /v1/orders/2");
    fake_store_set(box.fake, "reeve:role:writer", "rule:10", "allow GET * /v1/orders/**");
    sign_beside("alice", ",\"roles\":[\"r\"]");
    uint64_t id = expect("allow", 200, "ok");
    expect_var(id, "roles", "reader");
    sign_beside("alice", ",\"roles\":[]");
    expect("deny", 403, "no_rule");
    /* It does not widen. */
    sign_beside("alice", ",\"roles\":[\"w\"]");
    expect("deny", 403, "no_rule");
    sign_beside("alice", "");
    expect("deny", 401, "bad_credential");
    /* Denies of the user's other roles stay. */
    sign_beside("alice", ",\"roles\":[\"r\"]");
    struct spop_question asked = question();
    asked.path = "/v1/orders/2";
    box_expect(&box, 0, box_ask_through(&box, 0, &asked), "deny", 403, "rule_denied");
    box_close(&box);
}
END_TEST

START_TEST(a_token_may_be_all_there_is_to_know)
{
    open_with(
        BESIDE("users = token roles_claim = roles roles = {\"r=reader\"} team_claim = team\n"));
    sign_beside("nobody|7", ",\"roles\":[\"r\",\"x\"],\"team\":\"payments\"");
    uint64_t id = expect("allow", 200, "ok");
    expect_var(id, "user", "nobody|7");
    expect_var(id, "team", "payments");
    expect_var(id, "roles", "reader");
    sign_beside("nobody|7", ",\"roles\":[\"x\"],\"team\":\"payments\"");
    expect("deny", 403, "no_rule");
    fake_store_set(box.fake, "reeve:team:payments", "state", "disabled");
    box_advance(&box, 2000000);
    sign_beside("nobody|7", ",\"roles\":[\"r\"],\"team\":\"payments\"");
    expect("deny", 403, "user_disabled");
    box_close(&box);
}
END_TEST

/* Limits count users by name, and one user's lease is not another's. */
START_TEST(limits_count_users_of_tokens)
{
    open_with(BESIDE("users = token roles_claim = roles\n") "max_tokens = 16\n");
    fake_store_set(box.fake, "reeve:role:reader", "limits", "two");
    fake_store_set(box.fake, "reeve:limit:two", "quota", "2");
    fake_store_set(box.fake, "reeve:limit:two", "per", "day");
    for (int round = 0; round < 3; round++) {
        for (int user = 0; user < 40; user++) {
            char name[16];

            snprintf(name, sizeof(name), "u%d", user);
            sign_beside(name, ",\"roles\":[\"reader\"]");
            if (round < 2) {
                expect("allow", 200, "ok");
            } else {
                expect("throttle", 429, "quota");
            }
        }
    }
    box_close(&box);
}
END_TEST

/* A remembered token is not verified again: no signature of it is looked at. */
START_TEST(a_token_is_verified_once)
{
    const struct token *first, *second;
    struct now now = box.engine.now;

    sign(",\"jti\":\"t1\"");
    struct str text = str_from_c(token + strlen("Bearer "));
    ck_assert_int_eq(tokens_verify(box.tokens, text, now, STR_ABSENT, &first), JOSE_NONE);
    ck_assert_int_eq(tokens_verify(box.tokens, text, now, STR_ABSENT, &second), JOSE_NONE);
    ck_assert_ptr_eq(first, second);
    ck_assert(str_equal(first->revocation, STR("12f99608f7607c7cd93071a524c144c4")));
    ck_assert(str_is_absent(first->identity.claims));
    token[strlen(token) - 5] ^= 1;
    ck_assert_int_eq(tokens_verify(box.tokens, text, now, STR_ABSENT, &second), JOSE_SIGNATURE);
}
END_TEST

static Suite *tokens_suite(void)
{
    Suite *suite = suite_create("tokens");
    TCase *tests = tcase_create("tokens");
    TCase *others = tcase_create("others");

    tcase_set_timeout(tests, 60);
    tcase_set_timeout(others, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_token_stands_for_its_user);
    tcase_add_test(tests, what_is_no_good_token_is_401);
    tcase_add_test(tests, a_bad_token_is_never_anonymous);
    tcase_add_test(tests, a_token_and_a_key_at_once_are_refused);
    tcase_add_test(tests, a_token_ends);
    tcase_add_test(tests, users_are_asked_of_the_store);
    tcase_add_test(tests, a_revoked_token_is_refused);
    tcase_add_test(tests, a_revocation_that_does_not_parse_refuses);
    tcase_add_test(tests, tokens_from_before_are_revoked);
    tcase_add_test(tests, a_token_is_verified_once);
    tcase_add_test(others, names_of_any_kind_find_their_record);
    tcase_add_test(others, a_token_that_does_not_say_when_is_from_before);
    tcase_add_test(others, without_the_store_the_issuer_says_what_counts);
    tcase_add_test(others, roles_of_a_token_narrow);
    tcase_add_test(others, a_token_may_be_all_there_is_to_know);
    tcase_add_test(others, limits_count_users_of_tokens);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, others);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(tokens_suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
