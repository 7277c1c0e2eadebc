/* A verified token is remembered until it ends, and no longer. */
#include "agent/authn/tokens.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/failing_alloc.h"
#include "tests/support/forge.h"
#include "tests/unit/authn/fake_crypto.h"
#include "tests/unit/authn/suites.h"

#define NOW       INT64_C(1700000000)
#define REMEMBERS 16

static const char secret[] = "0123456789abcdef0123456789abcdef";
static struct str audience = {"api", 3};
static struct jwt_policy policy;
static struct config config;
static struct tokens *tokens;

static void start(void)
{
    char *k = forge_base64url(STR(secret)), jwk[128];
    struct diag diag;

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    free(k);
    policy = (struct jwt_policy){.name = STR("corp"),
                                 .issuer = STR("https://id"),
                                 .keys = jose_keys_new(),
                                 .algorithms = SIGNATURE_BIT(SIGNATURE_HS256),
                                 .types = JWS_TYPE_JWT,
                                 .audiences = {&audience, 1},
                                 .leeway_s = 30,
                                 .user_claim = STR("sub"),
                                 .roles_claim = STR("roles")};
    ck_assert_int_eq(jose_keys_add(policy.keys, str_from_c(jwk), &diag), ERR_OK);
    config = (struct config){.issuers = &policy,
                             .issuer_count = 1,
                             .max_tokens = REMEMBERS,
                             .max_token_bytes = JWS_BYTES_DEFAULT};
    tokens = tokens_new(&config);
    ck_assert_ptr_nonnull(tokens);
    fake_crypto = (struct fake_crypto){0};
}

static void stop(void)
{
    tokens_free(tokens);
    jose_keys_unref(policy.keys);
}

/* With the jti t<number> and more claims; each first sight of one costs one hash, for its name. */
static char *sign(int number, const char *more)
{
    char claims[512];

    snprintf(claims, sizeof(claims),
             "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"u%d\",\"exp\":1700000100,"
             "\"roles\":\"a b\",\"jti\":\"t%d\"%s}",
             number, number, more);
    return forge_mac_token(STR(secret), "HS256", STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                           str_from_c(claims));
}

static enum jose_fault see(const char *text, int64_t now_s, struct str cert,
                           const struct token **out)
{
    const struct now now = {.mono_us = 1, .wall_us = now_s * 1000000};

    return tokens_verify(tokens, str_from_c(text), now, cert, out);
}

/* What a token of sign(number, "") must be. */
static void check(const struct token *token, int number)
{
    char user[16];

    snprintf(user, sizeof(user), "u%d", number);
    ck_assert(str_equal(token->identity.user, str_from_c(user)));
    ck_assert(token->identity.policy == &policy);
    ck_assert_uint_eq(token->revocation.len, TOKEN_REVOCATION_CHARS);
    ck_assert_uint_eq(token->role_count, 2);
    ck_assert(str_equal(token->roles[0], STR("a")) && str_equal(token->roles[1], STR("b")));
    ck_assert(str_is_absent(token->identity.claims) && str_is_absent(token->identity.id));
}

START_TEST(a_known_token_costs_no_signature)
{
    char *text = sign(1, "");
    const struct token *token;

    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
        check(token, 1);
    }
    ck_assert_int_eq(fake_crypto.hash_count, 1);
    free(text);
}
END_TEST

/* printf 'https://id\nt1' | sha256sum */
START_TEST(a_token_is_named_by_issuer_and_jti)
{
    char *text = sign(1, "");
    const struct token *token;

    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
    ck_assert(str_equal(token->revocation, STR("12f99608f7607c7cd93071a524c144c4")));
    free(text);
}
END_TEST

START_TEST(a_token_that_ended_is_forgotten)
{
    char *text = sign(1, "");
    const struct token *token;

    ck_assert_int_eq(see(text, NOW + 129, STR_ABSENT, &token), JOSE_NONE);
    ck_assert_int_eq(see(text, NOW + 130, STR_ABSENT, &token), JOSE_EXPIRED);
    ck_assert_int_eq(fake_crypto.hash_count, 1);
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
    ck_assert_int_eq(fake_crypto.hash_count, 2);
    free(text);
}
END_TEST

START_TEST(a_bad_token_is_not_remembered)
{
    char *text = sign(1, "");
    const struct token *token = NULL;

    text[strlen(text) - 5] ^= 1;
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_SIGNATURE);
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_SIGNATURE);
    ck_assert_ptr_null(token);
    ck_assert_int_eq(fake_crypto.hash_count, 0);
    free(text);
}
END_TEST

START_TEST(a_bound_token_is_its_holders_at_every_sight)
{
    static const uint8_t print[32] = {0};
    char *text = sign(1, ",\"cnf\":{\"x5t#S256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}");
    struct str holder = str_make((const char *)print, 32), other = str_make(secret, 32);
    const struct token *token;

    ck_assert_int_eq(see(text, NOW, other, &token), JOSE_OTHER_HOLDER);
    ck_assert_int_eq(see(text, NOW, holder, &token), JOSE_NONE);
    ck_assert_int_eq(see(text, NOW, other, &token), JOSE_OTHER_HOLDER);
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_OTHER_HOLDER);
    ck_assert_int_eq(see(text, NOW, holder, &token), JOSE_NONE);
    ck_assert_int_eq(fake_crypto.hash_count, 1);
    free(text);
}
END_TEST

/* Twice all: never more than there is room for, and never one for another. */
START_TEST(no_more_are_remembered_than_there_is_room_for)
{
    enum { COUNT_ALL = 200 };
    char *texts[COUNT_ALL];
    const struct token *token;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT_ALL; i++) {
            texts[i] = round == 0 ? sign(i, "") : texts[i];
            ck_assert_int_eq(see(texts[i], NOW, STR_ABSENT, &token), JOSE_NONE);
            check(token, i);
            ck_assert_int_eq(see(texts[i], NOW, STR_ABSENT, &token), JOSE_NONE);
        }
    }
    ck_assert_int_ge(fake_crypto.hash_count, 2 * COUNT_ALL - REMEMBERS);
    for (int i = 0; i < COUNT_ALL; i++) {
        free(texts[i]);
    }
}
END_TEST

START_TEST(one_that_is_used_stays)
{
    char *used = sign(1000, "");
    const struct token *token;

    for (int i = 0; i < 100; i++) {
        char *text = sign(i, "");

        ck_assert_int_eq(see(used, NOW, STR_ABSENT, &token), JOSE_NONE);
        ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
        free(text);
    }
    ck_assert_int_eq(fake_crypto.hash_count, 101);
    free(used);
}
END_TEST

/* A token that can not be named could not be revoked. */
START_TEST(without_its_name_a_token_is_refused)
{
    char *text = sign(1, "");
    const struct token *token;

    fake_crypto.hash_fails = true;
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_MEMORY);
    fake_crypto.hash_fails = false;
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
    free(text);
}
END_TEST

START_TEST(without_memory_a_token_is_refused)
{
    char *text = sign(1, "");
    const struct token *token;

    failing_alloc_start(1);
    enum jose_fault fault = see(text, NOW, STR_ABSENT, &token);
    ck_assert(failing_alloc_stop());
    ck_assert_int_eq(fault, JOSE_MEMORY);
    ck_assert_int_eq(see(text, NOW, STR_ABSENT, &token), JOSE_NONE);
    free(text);
}
END_TEST

START_TEST(it_is_whole_or_none)
{
    fake_crypto.random_fails_at = 1;
    ck_assert_ptr_null(tokens_new(&config));
    fake_crypto = (struct fake_crypto){0};
    for (long n = 1;; n++) {
        failing_alloc_start(n);
        struct tokens *made = tokens_new(&config);
        bool came = failing_alloc_stop();
        ck_assert_int_eq(made == NULL, came);
        tokens_free(made);
        if (!came) {
            ck_assert_int_gt(n, 5);
            return;
        }
    }
}
END_TEST

Suite *tokens_suite(void)
{
    Suite *suite = suite_create("tokens");
    TCase *tests = tcase_create("tokens");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_test(tests, a_known_token_costs_no_signature);
    tcase_add_test(tests, a_token_is_named_by_issuer_and_jti);
    tcase_add_test(tests, a_token_that_ended_is_forgotten);
    tcase_add_test(tests, a_bad_token_is_not_remembered);
    tcase_add_test(tests, a_bound_token_is_its_holders_at_every_sight);
    tcase_add_test(tests, no_more_are_remembered_than_there_is_room_for);
    tcase_add_test(tests, one_that_is_used_stays);
    tcase_add_test(tests, without_its_name_a_token_is_refused);
    tcase_add_test(tests, without_memory_a_token_is_refused);
    tcase_add_test(tests, it_is_whole_or_none);
    suite_add_tcase(suite, tests);
    return suite;
}
