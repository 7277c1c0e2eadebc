#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/jose/jws.h"
#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"
#include "tests/unit/jose/vectors.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* Issuers of one line each. */
#define ISSUER(fields) "issuer corp { " fields " }\n" GATE
#define BASE           "issuer = \"https://id\" audience = {api} "
#define EC             BASE "keys = {ec} algorithms = {ES256} "
#define PUBLISHED      BASE "algorithms = {RS256} "
#define AT_URL         PUBLISHED "jwks_url = \"https://id.example:8443/keys?v=1\" "
#define WHERE          "reeve.conf:1: issuer \"corp\": "
#define BAD_URL(url)   WHERE "jwks_url: expected https://host[:port]/path, got \"" url "\"\n"

static void start(void)
{
    box_open();
    box_write("ec", A3_JWK, 0644);
    box_write("set", "{\"keys\":[" C_RSA_JWK "," ED_JWK "]}", 0644);
    box_write("twice", C_RSA_JWK, 0644);
    box_write("secret", A1_JWK, 0600);
    box_write("open-secret", A1_JWK, 0640);
    box_write("private",
              "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y
              "\",\"d\":\"AQAB\"}",
              0600);
    box_write("weak", "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"w\",\"n\":\"ohgW\",\"e\":\"AQAB\"}]}",
              0644);
    box_write("junk", "junk", 0644);
    box_write("empty", "", 0644);
    box_write("ca", "-----BEGIN CERTIFICATE-----\n", 0644);
}

static const struct {
    const char *text, *want;
} bad_issuers[] = {
    /* what is missing */
    {ISSUER(""), WHERE "issuer: set it to what iss must be\n"},
    {ISSUER("issuer = x"), WHERE "algorithms: set those that its tokens are signed with\n"},
    {ISSUER("issuer = x algorithms = {ES256}"),
     WHERE "keys: set the files that hold its keys, or jwks_url\n"},
    {ISSUER("issuer = x algorithms = {ES256} keys = {ec}"),
     WHERE "audience: set what aud must name\n"},
    {"issuer { " EC " }\n" GATE, "reeve.conf:1: missing title for section 'issuer'\n"},
    {"issuer \"a b\" { " EC " }\n" GATE,
     "reeve.conf:1: issuer \"a b\": expected a name of A-Z a-z 0-9 . _ @ -, at most 64\n"},
    {ISSUER(EC) ISSUER(EC), "reeve.conf:3: found duplicate title 'corp'\n"},
    /* keys that are published */
    {ISSUER(EC "jwks_url = \"https://id/keys\""),
     WHERE "keys: its keys are at jwks_url; set one of both\n"},
    {ISSUER(EC "jwks_refresh = 5m"),
     WHERE "jwks_url: without it the other jwks options have no meaning\n"},
    {ISSUER(EC "jwks_ca_file = ca"),
     WHERE "jwks_url: without it the other jwks options have no meaning\n"},
    {ISSUER(PUBLISHED "jwks_url = \"http://id/keys\""), BAD_URL("http://id/keys")},
    {ISSUER(PUBLISHED "jwks_url = \"HTTPS://id/keys\""), BAD_URL("HTTPS://id/keys")},
    {ISSUER(PUBLISHED "jwks_url = \"file:///etc/passwd\""), BAD_URL("file:///etc/passwd")},
    {ISSUER(PUBLISHED "jwks_url = \"https://id\""), BAD_URL("https://id")},
    {ISSUER(PUBLISHED "jwks_url = \"https:///keys\""), BAD_URL("https:///keys")},
    {ISSUER(PUBLISHED "jwks_url = \"https://a@id/keys\""), BAD_URL("https://a@id/keys")},
    {ISSUER(PUBLISHED "jwks_url = \"https://id?/keys\""), BAD_URL("https://id?/keys")},
    {ISSUER(PUBLISHED "jwks_url = \"https://id/keys#x\""), BAD_URL("https://id/keys#x")},
    {ISSUER(PUBLISHED "jwks_url = \"https://id/a b\""), BAD_URL("https://id/a b")},
    {ISSUER(AT_URL "jwks_ca_file = missing"),
     WHERE "jwks_ca_file: missing: No such file or directory\n"},
    {ISSUER(AT_URL "jwks_ca_file = junk"),
     WHERE "jwks_ca_file: junk: no block BEGIN CERTIFICATE\n"},
    {ISSUER(AT_URL "jwks_refresh = 0"),
     WHERE "jwks_refresh: expected whole seconds from 1s to 1d, got \"0\"\n"},
    {ISSUER(AT_URL "jwks_timeout = 61s"),
     WHERE "jwks_timeout: expected whole seconds from 1s to 60s, got \"61s\"\n"},
    {ISSUER(AT_URL "jwks_cooldown = 500ms"),
     WHERE "jwks_cooldown: expected whole seconds from 1s to 1h, got \"500ms\"\n"},
    {ISSUER(AT_URL "jwks_refresh = 1h jwks_max_age = 59m"),
     WHERE "jwks_max_age: must not be below jwks_refresh, which is 1h\n"},
    {ISSUER(BASE "algorithms = {RS256, HS256} jwks_url = \"https://id/keys\""),
     WHERE "algorithms: HS256, HS384 and HS512 need a secret, which nobody publishes\n"},
    {"user_claim = sub\n" GATE, "reeve.conf:1: no such option 'user_claim'\n"},
    {ISSUER(EC) "\"issuer|leeway\" = 1s\n", "reeve.conf:3: leeway: belongs into an issuer\n"},
    /* values */
    {ISSUER(EC "issuer = x"), WHERE "issuer: already set\n"},
    {ISSUER("issuer = \"\" audience = {api} keys = {ec} algorithms = {ES256}"),
     WHERE "issuer: expected the text of iss, got \"\"\n"},
    {ISSUER("issuer = x audience = {\"\"} keys = {ec} algorithms = {ES256}"),
     WHERE "audience: expected a text of aud, got \"\"\n"},
    {ISSUER(BASE "keys = {ec} algorithms = {none}"),
     WHERE "algorithms: expected HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, "
           "ES256, ES384, ES512 or EdDSA, got \"none\"\n"},
    {ISSUER(BASE "keys = {ec} algorithms = {es256}"),
     WHERE "algorithms: expected HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, "
           "ES256, ES384, ES512 or EdDSA, got \"es256\"\n"},
    {ISSUER(EC "leeway = 61s"),
     WHERE "leeway: expected whole seconds from 0 to 60s, got \"61s\"\n"},
    {ISSUER(EC "leeway = 30"), WHERE "leeway: expected whole seconds from 0 to 60s, got \"30\"\n"},
    {ISSUER(EC "leeway = 1500ms"),
     WHERE "leeway: expected whole seconds from 0 to 60s, got \"1500ms\"\n"},
    {ISSUER(EC "max_lifetime = 367d"),
     WHERE "max_lifetime: expected whole seconds up to 366d, got \"367d\"\n"},
    {ISSUER(EC "types = {jwt}"), WHERE "types: expected JWT, at+jwt or absent, got \"jwt\"\n"},
    {ISSUER(EC "users = both"), WHERE "users: expected store or token, got \"both\"\n"},
    {ISSUER(EC "revocation = no"),
     WHERE "revocation: expected required or best_effort, got \"no\"\n"},
    {ISSUER(EC "user_claim = \"\""), WHERE "user_claim: expected a claim, got \"\"\n"},
    {ISSUER(EC "roles_claim = r roles = {admin}"),
     WHERE "roles: expected value=role, got \"admin\"\n"},
    {ISSUER(EC "roles_claim = r roles = {\"=ops\"}"),
     WHERE "roles: expected value=role, got \"=ops\"\n"},
    {ISSUER(EC "roles_claim = r roles = {\"admin=\"}"),
     WHERE "roles: expected value=role, got \"admin=\"\n"},
    {ISSUER(EC "roles_claim = r roles = {\"admin=a b\"}"),
     WHERE "roles: expected value=role, got \"admin=a b\"\n"},
    /* what does not go together */
    {ISSUER(EC "users = token"),
     WHERE "roles_claim: set it; users of a token have no other roles\n"},
    {ISSUER(EC "team_claim = team"), WHERE "team_claim: a user in the store has its team there\n"},
    {ISSUER(EC "roles = {\"a=b\"}"), WHERE "roles: without roles_claim they have no meaning\n"},
    /* keys */
    {ISSUER(BASE "algorithms = {ES256} keys = {missing}"),
     WHERE "keys: missing: No such file or directory\n"},
    {ISSUER(BASE "algorithms = {ES256} keys = {\".\"}"), WHERE "keys: .: not a regular file\n"},
    {ISSUER(BASE "algorithms = {ES256} keys = {junk}"),
     WHERE "keys: junk: expected a JWK, a JWK Set or a public key in PEM\n"},
    {ISSUER(BASE "algorithms = {ES256} keys = {empty}"),
     WHERE "keys: empty: expected a JWK, a JWK Set or a public key in PEM\n"},
    {ISSUER(BASE "algorithms = {ES256} keys = {private}"),
     WHERE "keys: private: a private key (it has \"d\"), which has no place here\n"},
    {ISSUER(BASE "algorithms = {RS256} keys = {weak}"),
     WHERE "keys: weak: key 1 (\"w\"): RSA of 24 bits; 2048 to 8192 are taken\n"},
    {ISSUER(BASE "algorithms = {HS256} keys = {\"open-secret\"}"),
     WHERE "keys: open-secret: group or others can read or write it; chmod 600\n"},
    {ISSUER(BASE "algorithms = {HS256} keys = {\"env:REEVE_NONE\"}"),
     WHERE "keys: env:REEVE_NONE: the environment variable is not set\n"},
    {ISSUER(BASE "algorithms = {RS256} keys = {set, twice}"),
     WHERE "keys: twice: this kid stands there twice\n"},
    {ISSUER(BASE "algorithms = {ES256} keys = {ec, secret}"),
     WHERE "keys: secret: a secret beside public keys\n"},
    {ISSUER(BASE "algorithms = {ES256, RS256} keys = {ec}"),
     WHERE "algorithms: no key is good for RS256\n"},
    {ISSUER(BASE "algorithms = {HS256} keys = {ec}"),
     WHERE "algorithms: no key is good for HS256\n"},
};

START_TEST(refused_with_line_and_reason)
{
    ck_assert_str_eq(box_errors(bad_issuers[_i].text), bad_issuers[_i].want);
}
END_TEST

#define ck_assert_text(got, want) ck_assert(str_equal((got), STR(want)))

START_TEST(unset_options_are_strict)
{
    struct config *config = box_load(ISSUER(EC));
    const struct jwt_policy *policy = &config->issuers[0];

    ck_assert_uint_eq(config->issuer_count, 1);
    ck_assert_text(policy->name, "corp");
    ck_assert_text(policy->issuer, "https://id");
    ck_assert_uint_eq(policy->algorithms, SIGNATURE_BIT(SIGNATURE_ES256));
    ck_assert_uint_eq(policy->types, JWS_TYPE_JWT | JWS_TYPE_AT_JWT);
    ck_assert_int_eq(policy->leeway_s, 30);
    ck_assert_int_eq(policy->max_lifetime_s, 0);
    ck_assert_text(policy->user_claim, "sub");
    ck_assert_uint_eq(policy->roles_claim.len + policy->team_claim.len, 0);
    ck_assert_uint_eq(policy->required.count + policy->roles.count, 0);
    ck_assert(!policy->has_users);
    ck_assert(policy->needs_revocations);
    config_unref(config);
}
END_TEST

START_TEST(options_reach_the_issuer)
{
    struct config *config = box_load(
        "issuer one {\n issuer = \"https://one\"\n audience = {a, \"https://b\"}\n"
        " keys = {set}\n keys += {ec}\n algorithms = {PS256, EdDSA, ES256}\n types = {absent}\n"
        " leeway = 0\n max_lifetime = 1h\n required = {scope, \"/a/b\"}\n user_claim = login\n"
        " users = token\n roles_claim = \"/realm/roles\"\n roles = {\"admin=ops\", \"a=b=c\"}\n"
        " team_claim = team\n revocation = best_effort\n}\n"
        "issuer two { issuer = \"https://two\" audience = {a} keys = {secret}\n"
        " algorithms = {HS512} }\n" GATE);
    const struct jwt_policy *policy = &config->issuers[0];

    ck_assert_uint_eq(config->issuer_count, 2);
    ck_assert_uint_eq(policy->audiences.count, 2);
    ck_assert_text(policy->audiences.items[1], "https://b");
    ck_assert_uint_eq(policy->keys->count, 3);
    ck_assert_uint_eq(policy->algorithms, SIGNATURE_BIT(SIGNATURE_PS256) |
                                              SIGNATURE_BIT(SIGNATURE_EDDSA) |
                                              SIGNATURE_BIT(SIGNATURE_ES256));
    ck_assert_uint_eq(policy->types, JWS_TYPE_ABSENT);
    ck_assert_int_eq(policy->leeway_s, 0);
    ck_assert_int_eq(policy->max_lifetime_s, 3600);
    ck_assert_uint_eq(policy->required.count, 2);
    ck_assert_text(policy->required.items[1], "/a/b");
    ck_assert_text(policy->user_claim, "login");
    ck_assert(policy->has_users);
    ck_assert_text(policy->roles_claim, "/realm/roles");
    ck_assert_uint_eq(policy->roles.count, 2);
    ck_assert_text(policy->roles.items[1].value, "a=b");
    ck_assert_text(policy->roles.items[1].role, "c");
    ck_assert_text(policy->team_claim, "team");
    ck_assert(!policy->needs_revocations);
    ck_assert_uint_eq(config->issuers[1].algorithms, SIGNATURE_BIT(SIGNATURE_HS512));
    config_unref(config);
}
END_TEST

START_TEST(a_gate_takes_tokens_where_there_is_an_issuer)
{
    struct config *config = box_load("issuer corp { " EC " }\ngate x { accept = {jwt, apikey} }\n");

    ck_assert_uint_eq(config->gates[0].accept, CREDENTIAL_JWT | CREDENTIAL_APIKEY);
    config_unref(config);
}
END_TEST

START_TEST(secrets_may_come_from_the_environment)
{
    setenv("REEVE_JWK", A1_JWK, 1);
    config_unref(box_load(ISSUER(BASE "algorithms = {HS256} keys = {\"env:REEVE_JWK\"}")));
    unsetenv("REEVE_JWK");
}
END_TEST

START_TEST(published_keys_have_defaults_of_their_own)
{
    struct config *config = box_load(ISSUER(AT_URL));
    const struct jwt_published *published = &config->issuers[0].published;

    ck_assert_text(published->url, "https://id.example:8443/keys?v=1");
    ck_assert(str_is_absent(published->ca_pem));
    ck_assert_int_eq(published->refresh_us, INT64_C(300000000));
    ck_assert_int_eq(published->max_age_us, INT64_C(86400000000));
    ck_assert_int_eq(published->timeout_us, 5000000);
    ck_assert_int_eq(published->cooldown_us, 30000000);
    ck_assert_uint_eq(config->issuers[0].keys->count, 0);
    config_unref(config);

    config = box_load(ISSUER(AT_URL "jwks_ca_file = ca jwks_refresh = 1s jwks_max_age = 1s "
                                    "jwks_timeout = 60s jwks_cooldown = 1h"));
    published = &config->issuers[0].published;
    ck_assert_text(published->ca_pem, "-----BEGIN CERTIFICATE-----\n");
    ck_assert_int_eq(published->refresh_us, 1000000);
    ck_assert_int_eq(published->max_age_us, 1000000);
    ck_assert_int_eq(published->timeout_us, 60000000);
    ck_assert_int_eq(published->cooldown_us, INT64_C(3600000000));
    config_unref(config);
}
END_TEST

/* RELIABILITY C11: no start with a secret that is weak, empty, ends in a newline or is not private, for
 * every file of secrets. */
#define HMAC(file) ISSUER(BASE "algorithms = {HS256} keys = {\"" file "\"}")
#define TEXT32     "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE" /* 32 printable bytes */
#define OCT(k)     "{\"kty\":\"oct\",\"k\":\"" k "\"}"
#define HEX32      "000102030405060708090a0b0c0d0e0f"

static const struct {
    const char *conf, *secret;
    mode_t mode;
    const char *why; /* NULL: taken */
} secrets[] = {
    {HMAC("s"), OCT(TEXT32), 0600, NULL},
    {HMAC("s"), OCT("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MA"), 0600,
     "a secret of 31 bytes; 32 to 1024 are taken"},
    {HMAC("s"), OCT(""), 0600, "k is missing, too long or not base64url"},
    {HMAC("s"), "", 0600, "expected a JWK, a JWK Set or a public key in PEM"},
    {HMAC("s"), "\n", 0600, "expected a JWK, a JWK Set or a public key in PEM"},
    {HMAC("s"), "0123456789012345678901234567890123456789\n", 0600,
     "expected a JWK, a JWK Set or a public key in PEM"},
    {HMAC("s"), OCT("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MAo"), 0600,
     "a secret that ends in a newline"},
    {HMAC("s"), OCT("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDENCg"), 0600,
     "a secret that ends in a newline"},
    {HMAC("s"), OCT(TEXT32), 0604, "group or others can read or write it; chmod 600"},
    {HMAC("s"), OCT(TEXT32), 0640, "group or others can read or write it; chmod 600"},
    {HMAC("s"), OCT(TEXT32), 0622, "group or others can read or write it; chmod 600"},
    {"pepper_file = s\n" GATE, "p1 " HEX32 "\n", 0600, NULL},
    {"pepper_file = s\n" GATE, "p1 0001020304050607\n", 0600, "expected \"<id> <hex of 16"},
    {"pepper_file = s\n" GATE, "p1 \n", 0600, "expected \"<id> <hex of 16"},
    {"pepper_file = s\n" GATE, "", 0600, "holds no pepper"},
    {"pepper_file = s\n" GATE, "p1 " HEX32 "\r\n", 0600, "expected \"<id> <hex of 16"},
    {"pepper_file = s\n" GATE, "p1 " HEX32 "\n", 0644,
     "group or others can read or write it; chmod 600"},
    {"redis = \"redis://a@h\" redis_password_file = s\n" GATE, "sesame", 0600, NULL},
    {"redis = \"redis://a@h\" redis_password_file = s\n" GATE, "", 0600, "the file is empty"},
    {"redis = \"redis://a@h\" redis_password_file = s\n" GATE, "sesame\n\n", 0600,
     "expected one line, without control characters"},
    {"redis = \"redis://a@h\" redis_password_file = s\n" GATE, "sesame", 0644,
     "group or others can read or write it; chmod 600"},
};

START_TEST(no_start_with_a_bad_secret)
{
    box_write("s", secrets[_i].secret, secrets[_i].mode);
    if (secrets[_i].why) {
        ck_assert_msg(strstr(box_errors(secrets[_i].conf), secrets[_i].why) != NULL, "%s",
                      box_errors(secrets[_i].conf));
    } else {
        config_unref(box_load(secrets[_i].conf));
    }
}
END_TEST

/* Nine issuers with one key without a kid each. */
START_TEST(keys_that_would_all_be_tried_are_bounded)
{
    char text[4096];

    for (int count = 8; count <= 9; count++) {
        int length = snprintf(text, sizeof(text), "%s", GATE);
        for (int i = 0; i < count; i++) {
            length += snprintf(text + length, sizeof(text) - (size_t)length,
                               "issuer i%d { " EC " }\n", i);
        }
        if (count == 8) {
            config_unref(box_load(text));
        } else {
            ck_assert_str_eq(box_errors(text), "reeve.conf: issuers: 9 keys without a kid for "
                                               "ES256; 8 may be tried for a token\n");
        }
    }
}
END_TEST

Suite *issuers_suite(void)
{
    Suite *suite = suite_create("issuers");
    TCase *tests = tcase_create("issuers");

    tcase_add_checked_fixture(tests, start, box_close);
    tcase_add_loop_test(tests, refused_with_line_and_reason, 0, COUNT(bad_issuers));
    tcase_add_test(tests, unset_options_are_strict);
    tcase_add_test(tests, options_reach_the_issuer);
    tcase_add_test(tests, a_gate_takes_tokens_where_there_is_an_issuer);
    tcase_add_test(tests, secrets_may_come_from_the_environment);
    tcase_add_loop_test(tests, no_start_with_a_bad_secret, 0, COUNT(secrets));
    tcase_add_test(tests, published_keys_have_defaults_of_their_own);
    tcase_add_test(tests, keys_that_would_all_be_tried_are_bounded);
    suite_add_tcase(suite, tests);
    return suite;
}
