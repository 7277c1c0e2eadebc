/* reevectl token mint, jwt-verify, jws-verify. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/forge.h"
#include "tests/unit/config/box.h"
#include "tests/unit/ctl/ctl.h"
#include "tests/unit/ctl/suites.h"
#include "tests/unit/jose/vectors.h"

/* 64 bytes. */
#define SECRET_JWK                                                                                 \
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4" \
    "hcgUuTwjAzZr1Z9CAow\"}"
#define SHORT_JWK "{\"kty\":\"oct\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}"

static void write_pair(const char *name, enum forge_key key)
{
    char file[32], *private = forge_private_pem(key), *public = forge_public_pem(key);

    snprintf(file, sizeof(file), "%s.key", name);
    box_write(file, private, 0600);
    snprintf(file, sizeof(file), "%s.pem", name);
    box_write(file, public, 0644);
    free(private);
    free(public);
}

static void start(void)
{
    box_open();
    write_pair("rsa", FORGE_RSA);
    write_pair("p256", FORGE_P256);
    write_pair("p384", FORGE_P384);
    write_pair("p521", FORGE_P521);
    write_pair("weak", FORGE_RSA_1024);
    box_write("secret.jwk", SECRET_JWK, 0600);
    box_write("short.jwk", SHORT_JWK, 0600);
    box_write("open.jwk", SECRET_JWK, 0644);
    box_write("a3.jwk", A3_JWK, 0644);
    box_write("junk", "junk", 0600);
    box_write("reeve.conf",
              "issuer corp { issuer = \"https://id\" audience = {api} keys = {p256.pem}\n"
              "algorithms = {ES256} roles_claim = roles roles = {\"admin=ops\"} }\n" GATE,
              0644);
    box_write("none.conf", GATE, 0644);
    box_write("bad.conf", "issuer corp { keys = {junk} }\n" GATE, 0644);
}

/* ---- jws-verify ---- */

START_TEST(a_published_token_gives_its_payload)
{
    ctl_run("jws-verify --jwk a3.jwk", STR(A3_TOKEN "\n"));
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(ctl.out, A_CLAIMS);
    ck_assert_str_eq(ctl.err, "");
    ctl_run("jws-verify --alg ES256 --jwk a3.jwk --alg RS256", STR(A3_TOKEN));
    ck_assert_int_eq(ctl.status, 0);
}
END_TEST

static const struct {
    const char *command;
    struct str input;
    const char *err;
} bad_jws[] = {
    {"jws-verify --jwk a3.jwk", {"", 0}, "reevectl: stdin: expected a token\n"},
    {"jws-verify --jwk a3.jwk", {"\n", 1}, "reevectl: token: empty or too long\n"},
    {"jws-verify --jwk a3.jwk",
     {"a\0b\n", 4},
     "reevectl: stdin: a line is too long or holds a NUL"},
    {"jws-verify --jwk a3.jwk",
     {A3_TOKEN " \n", sizeof(A3_TOKEN) + 1},
     "reevectl: token: not three parts of base64url\n"},
    {"jws-verify --jwk a3.jwk",
     {A3_TOKEN "\r\n", sizeof(A3_TOKEN) + 1},
     "reevectl: token: not three parts of base64url\n"},
    {"jws-verify --jwk a3.jwk",
     {A2_TOKEN, sizeof(A2_TOKEN) - 1},
     "reevectl: token: no key for this kid and alg\n"},
    {"jws-verify --jwk p256.pem",
     {A3_TOKEN, sizeof(A3_TOKEN) - 1},
     "reevectl: token: the signature is wrong\n"},
    {"jws-verify --jwk a3.jwk --alg ES384",
     {A3_TOKEN, sizeof(A3_TOKEN) - 1},
     "reevectl: token: alg is missing, unknown or not allowed\n"},
    {"jws-verify --jwk missing", {"", 0}, "reevectl: missing: No such file or directory\n"},
    {"jws-verify --jwk p256.key",
     {"", 0},
     "reevectl: p256.key: a private key, which has no place here\n"},
    {"jws-verify --jwk open.jwk", {"", 0}, "reevectl: open.jwk: group or others can read"},
    {"jws-verify --jwk junk", {"", 0}, "reevectl: junk: expected a JWK, a JWK Set or a public key"},
    {"jwt-verify -f none.conf",
     {A3_TOKEN, sizeof(A3_TOKEN) - 1},
     "reevectl: none.conf: no issuer\n"},
    {"jwt-verify -f bad.conf",
     {A3_TOKEN, sizeof(A3_TOKEN) - 1},
     "bad.conf:1: issuer \"corp\": keys: junk: expected a JWK"},
    {"jwt-verify -f reeve.conf",
     {A3_TOKEN, sizeof(A3_TOKEN) - 1},
     "reevectl: token: the signature is wrong\n"},
};

START_TEST(what_is_not_good_is_refused_and_not_shown)
{
    ctl_run(bad_jws[_i].command, bad_jws[_i].input);
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strncmp(ctl.err, bad_jws[_i].err, strlen(bad_jws[_i].err)) == 0, "%s", ctl.err);
    ck_assert(ctl_is_printable());
}
END_TEST

static const char *const bad_usage[] = {
    "jws-verify",
    "jws-verify --jwk",
    "jws-verify --jwk a3.jwk --alg none",
    "jws-verify --jwk a3.jwk --jwk a3.jwk",
    "jws-verify --jwk a3.jwk " A3_TOKEN,
    "jwt-verify",
    "jwt-verify -f reeve.conf --now",
    "jwt-verify -f reeve.conf --now -1",
    "jwt-verify -f reeve.conf --now 1.5",
    "jwt-verify -f reeve.conf --cert 00",
    "jwt-verify --identity",
    "token mint",
    "token mint --alg ES256",
    "token mint --key-file p256.key",
    "token mint --alg none --key-file p256.key",
    "token mint --alg ES256 --key-file p256.key --expires 5",
    "token mint --alg ES256 --key-file p256.key --expires 367d",
    "token mint --alg ES256 --key-file p256.key --expires 999ms",
    "token mint --alg ES256 --key-file p256.key sub=alice",
    "token",
    "jws",
    "jws verify --jwk a3.jwk",
};

START_TEST(wrong_usage_is_told)
{
    ctl_run(bad_usage[_i], STR(A3_TOKEN "\n"));
    ck_assert_int_eq(ctl.status, 2);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_ptr_nonnull(strstr(ctl.err, "usage: reevectl "));
}
END_TEST

/* ---- token mint ---- */

static const struct {
    const char *algorithm, *key, *check;
} minted[] = {
    {"HS256", "secret.jwk", "secret.jwk"}, {"HS384", "secret.jwk", "secret.jwk"},
    {"HS512", "secret.jwk", "secret.jwk"}, {"HS256", "short.jwk", "short.jwk"},
    {"RS256", "rsa.key", "rsa.pem"},       {"RS384", "rsa.key", "rsa.pem"},
    {"RS512", "rsa.key", "rsa.pem"},       {"ES256", "p256.key", "p256.pem"},
    {"ES384", "p384.key", "p384.pem"},     {"ES512", "p521.key", "p521.pem"},
};

START_TEST(a_minted_token_is_good)
{
    char command[128], token[4096];

    snprintf(command, sizeof(command), "token mint --kid k1 --alg %s --key-file %s",
             minted[_i].algorithm, minted[_i].key);
    ctl_run(command, STR("{\"sub\":\"alice\"}\n"));
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(ctl.err, "");
    strcpy(token, ctl.out);
    snprintf(command, sizeof(command), "jws-verify --jwk %s --alg %s", minted[_i].check,
             minted[_i].algorithm);
    ctl_run(command, str_from_c(token));
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(ctl.out, "{\"sub\":\"alice\"}");
}
END_TEST

static const struct {
    const char *arguments;
    struct str claims;
    const char *err;
} bad_mints[] = {
    {"ES384 --key-file p256.key", {"{}", 2}, "p256.key: the key is not for ES384\n"},
    {"ES256 --key-file p384.key", {"{}", 2}, "p384.key: the key is not for ES256\n"},
    {"RS256 --key-file p256.key", {"{}", 2}, "p256.key: the key is not for RS256\n"},
    {"RS256 --key-file weak.key", {"{}", 2}, "weak.key: RSA of 1024 bits"},
    {"RS256 --key-file rsa.pem", {"{}", 2}, "rsa.pem: group or others can read"},
    {"HS512 --key-file short.jwk", {"{}", 2}, "short.jwk: the key is not for HS512\n"},
    {"HS256 --key-file open.jwk", {"{}", 2}, "open.jwk: group or others can read"},
    {"HS256 --key-file p256.key", {"{}", 2}, "p256.key: a private key, which has no place here\n"},
    {"HS256 --key-file junk", {"{}", 2}, "junk: expected a JWK"},
    {"ES256 --key-file secret.jwk", {"{}", 2}, "secret.jwk: no PEM block, or a broken one\n"},
    {"ES256 --key-file missing", {"{}", 2}, "missing: No such file or directory\n"},
    {"PS256 --key-file rsa.key", {"{}", 2}, "token mint: libjwt does not sign PS256\n"},
    {"EdDSA --key-file rsa.key", {"{}", 2}, "token mint: libjwt does not sign EdDSA\n"},
    {"ES256 --key-file p256.key", {"", 0}, "stdin: expected the claims"},
    {"ES256 --key-file p256.key", {"[]", 2}, "stdin: expected the claims"},
    {"ES256 --key-file p256.key", {"{} {}", 5}, "stdin: expected the claims"},
    {"ES256 --key-file p256.key", {"{\"a\":1,\"a\":2}", 13}, "stdin: expected the claims"},
    {"ES256 --key-file p256.key --expires 1m",
     {"{\"exp\":1}", 9},
     "the claims have iat or exp already"},
};

START_TEST(nothing_is_minted_against_the_rules)
{
    char command[128];

    snprintf(command, sizeof(command), "token mint --alg %s", bad_mints[_i].arguments);
    ctl_run(command, bad_mints[_i].claims);
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.out, "");
    ck_assert_msg(strstr(ctl.err, bad_mints[_i].err) == ctl.err + strlen("reevectl: "), "%s",
                  ctl.err);
}
END_TEST

/* ---- jwt-verify ---- */

#define CLAIMS                                                                                     \
    "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"al\\u001bice\",\"roles\":[\"admin\"]}"
#define GOOD                                                                                       \
    "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"auth0|\xc3\xa9\",\"jti\":\"t1\","           \
    "\"roles\":[\"admin\",\"x\"]}"

static void mint_into(char *token, struct str claims)
{
    ctl_run("token mint --alg ES256 --key-file p256.key --expires 5m --now 1700000000", claims);
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    strcpy(token, ctl.out);
}

START_TEST(claims_are_judged_by_the_configuration)
{
    char token[4096];

    mint_into(token, STR(GOOD));
    ctl_run("jwt-verify -f reeve.conf --now 1700000329", str_from_c(token));
    ck_assert_msg(ctl.status == 0, "%s", ctl.err);
    ck_assert_str_eq(
        ctl.out, "{\"aud\":\"api\",\"exp\":1700000300,\"iat\":1700000000,\"iss\":\"https://id\","
                 "\"jti\":\"t1\",\"roles\":[\"admin\",\"x\"],\"sub\":\"auth0|\\u00E9\"}\n");
    ctl_run("jwt-verify -f reeve.conf --now 1700000329 --identity", str_from_c(token));
    ck_assert_ptr_nonnull(strstr(ctl.out, "\nissuer corp\nuser auth0|\xc3\xa9\nteam \nroles ops\n"
                                          "jti t1\nexpires 1700000300\n"));
    ctl_run("jwt-verify -f reeve.conf --now 1700000330", str_from_c(token));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.err, "reevectl: token: expired\n");
    ctl_run("jwt-verify -f reeve.conf --now 1699999969", str_from_c(token));
    ck_assert_str_eq(ctl.err, "reevectl: token: not valid yet, or issued in the future\n");
    /* Now is now. */
    ctl_run("jwt-verify -f reeve.conf", str_from_c(token));
    ck_assert_str_eq(ctl.err, "reevectl: token: expired\n");
}
END_TEST

START_TEST(a_name_with_control_characters_is_refused)
{
    char token[4096];

    mint_into(token, STR(CLAIMS));
    ctl_run("jwt-verify -f reeve.conf --now 1700000001", str_from_c(token));
    ck_assert_int_eq(ctl.status, 1);
    ck_assert_str_eq(ctl.err, "reevectl: token: sub is not a text that can name somebody\n");
}
END_TEST

START_TEST(a_minted_token_has_a_jti_of_its_own)
{
    char first[4096], second[4096];

    mint_into(first, STR("{\"sub\":\"alice\"}"));
    mint_into(second, STR("{\"sub\":\"alice\"}"));
    ck_assert_str_ne(first, second);
    ctl_run("jws-verify --jwk p256.pem", str_from_c(first));
    ck_assert_ptr_nonnull(strstr(ctl.out, "\"jti\":\""));
    ck_assert_ptr_nonnull(strstr(ctl.out, "\"exp\":1700000300,\"iat\":1700000000"));
}
END_TEST

Suite *token_suite(void)
{
    Suite *suite = suite_create("token");
    TCase *tests = tcase_create("token");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, start, box_close);
    tcase_add_test(tests, a_published_token_gives_its_payload);
    tcase_add_loop_test(tests, what_is_not_good_is_refused_and_not_shown, 0, COUNT(bad_jws));
    tcase_add_loop_test(tests, wrong_usage_is_told, 0, COUNT(bad_usage));
    tcase_add_loop_test(tests, a_minted_token_is_good, 0, COUNT(minted));
    tcase_add_loop_test(tests, nothing_is_minted_against_the_rules, 0, COUNT(bad_mints));
    tcase_add_test(tests, claims_are_judged_by_the_configuration);
    tcase_add_test(tests, a_name_with_control_characters_is_refused);
    tcase_add_test(tests, a_minted_token_has_a_jti_of_its_own);
    suite_add_tcase(suite, tests);
    return suite;
}
