/* Client certificates, from HAProxy's ssl_c fetches to the verdict. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/enc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define CONF                                                                                       \
    "gate \"fe\" { accept = {cert} }\n"                                                            \
    "gate \"open\" { accept = {cert} anonymous = \"guest\" }\n"                                    \
    "gate \"mixed\" { accept = {apikey, jwt, cert} }\n"                                            \
    "gate \"also\" { accept = {apikey, jwt} also = {cert} }\n"                                     \
    "gate \"keys\" { accept = {apikey, jwt} }\n"                                                   \
    "certificates \"corp\" { issuer = \"CN=Corp CA\" gates = {fe, open, mixed, also} }\n"          \
    "certificates \"few\" { issuer = \"CN=Few CA\" gates = {fe, also} roles = {reader} }\n"        \
    "issuer \"id\" { issuer = \"https://id\" audience = {api} algorithms = {HS256}\n"              \
    "keys = {\"env:JWK\"} }\n"                                                                     \
    "max_age = \"1s\" max_stale = \"10s\"\n"

/* Of the bytes 1, 2 ... 32. */
#define FINGERPRINT "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define RECORD      "reeve:cert:" FINGERPRINT

static const char secret[] = "0123456789abcdef0123456789abcdef";

static struct box box;
static uint8_t sha256[32], other_sha256[32];
static struct spop_certificate alices, others;
static char token[4096]; /* "Bearer ..." */

static void setup(void)
{
    char *k = forge_base64url(STR(secret)), jwk[256];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    setenv("JWK", jwk, 1);
    free(k);
    box_open(&box, CONF);
    for (unsigned i = 0; i < sizeof(sha256); i++) {
        sha256[i] = (uint8_t)(i + 1);
        other_sha256[i] = (uint8_t)(i + 2);
    }
    alices = (struct spop_certificate){
        .is_used = true, .sha256 = sha256, .subject = "CN=alice,O=Corp", .issuer = "CN=Corp CA"};
    others = alices;
    others.sha256 = other_sha256;
}

static void teardown(void)
{
    box_close(&box);
}

static struct spop_question question(const char *gate, const struct spop_certificate *certificate)
{
    struct spop_question asked = box_question(&box);

    asked.frontend = gate;
    asked.apikey = NULL;
    asked.certificate = certificate;
    return asked;
}

static uint64_t expect_of(const struct spop_question *asked, const char *verdict, int status,
                          const char *reason)
{
    uint64_t id = box_ask_through(&box, 0, asked);

    box_expect(&box, 0, id, verdict, status, reason);
    return id;
}

static uint64_t expect(const char *gate, const struct spop_certificate *certificate,
                       const char *verdict, int status, const char *reason)
{
    struct spop_question asked = question(gate, certificate);

    return expect_of(&asked, verdict, status, reason);
}

static void expect_var(uint64_t id, const char *name, const char *want)
{
    ck_assert_str_eq(box_var(&box, 0, id, name), want);
}

/* So that what was looked up before is looked up again. */
static void age(void)
{
    box_advance(&box, 2000000);
}

static void set_record(const char *field, const char *value)
{
    fake_store_set(box.fake, RECORD, field, value);
    age();
}

static void record_of(const char *user)
{
    set_record("user", user);
    set_record("state", "active");
}

/* ---- alone ---- */

START_TEST(a_record_names_the_user)
{
    alices.issuer = "CN=Any CA";
    alices.subject = "CN=any name\\, at all";
    record_of("alice");
    uint64_t id = expect("fe", &alices, "allow", 200, "ok");
    expect_var(id, "user", "alice");
    expect_var(id, "credential", "cert:0102030405060708");
    expect_var(id, "roles", "reader");
    expect_var(id, "rule", "reader/10");
}
END_TEST

START_TEST(a_subject_names_the_user)
{
    uint64_t id = expect("fe", &alices, "allow", 200, "ok");
    expect_var(id, "user", "alice");
    expect_var(id, "credential", "cert:0102030405060708");
    alices.subject = "CN=bob";
    expect("fe", &alices, "deny", 403, "user_disabled");
    fake_store_set(box.fake, "reeve:user:{alice}", "state", "disabled");
    age();
    alices.subject = "CN=alice";
    expect("fe", &alices, "deny", 403, "user_disabled");
}
END_TEST

/* RELIABILITY C9: who is nobody, and never anonymous. */
static const struct {
    int64_t verify;
    bool has_sha256;
    const char *subject, *issuer;
} strangers[] = {
    {10, true, "CN=alice", "CN=Corp CA"}, /* expired */
    {18, true, "CN=alice", "CN=Corp CA"}, /* self-signed */
    {20, true, "CN=alice", "CN=Corp CA"},
    {23, true, "CN=alice", "CN=Corp CA"}, /* revoked by a CRL */
    {0, false, "CN=alice", "CN=Corp CA"},
    {0, true, "CN=alice", "CN=Evil CA"},
    {0, true, "CN=alice", NULL},
    {0, true, NULL, "CN=Corp CA"},
    {0, true, NULL, NULL},
    {0, true, "", "CN=Corp CA"},
    {0, true, "CN=", "CN=Corp CA"},
    {0, true, "O=Corp", "CN=Corp CA"},
    {0, true, "CN=alice,CN=alice", "CN=Corp CA"},
    {0, true, "CN=bob,CN=alice", "CN=Corp CA"},
    {0, true, "CN=alice+CN=bob", "CN=Corp CA"},
    {0, true, "CN=a/CN=alice", "CN=Corp CA"},
    {0, true, "CN=a\\,CN=alice", "CN=Corp CA"},
    {0, true, "CN=alice\\00", "CN=Corp CA"},
    {0, true, "CN=\\D0\\B0lice", "CN=Corp CA"},
    {0, true, "/CN=alice", "CN=Corp CA"},
    {0, true, "CN=alice", "/CN=Corp CA"},
};

START_TEST(what_is_no_good_certificate_is_401)
{
    struct spop_certificate bad = {.is_used = true,
                                   .verify = strangers[_i].verify,
                                   .sha256 = strangers[_i].has_sha256 ? sha256 : NULL,
                                   .subject = strangers[_i].subject,
                                   .issuer = strangers[_i].issuer};
    struct spop_question asked = question("also", &bad);

    expect("fe", &bad, "deny", 401, "bad_credential");
    expect("open", &bad, "deny", 401, "bad_credential");
    asked.apikey = box.key;
    expect_of(&asked, "deny", 401, "bad_credential");
}
END_TEST

START_TEST(a_record_does_not_help_what_was_not_verified)
{
    record_of("alice");
    expect("fe", &alices, "allow", 200, "ok");
    alices.verify = 10;
    expect("fe", &alices, "deny", 401, "bad_credential");
    alices.verify = 0;
    alices.is_used = false;
    expect("fe", &alices, "deny", 401, "no_credential");
}
END_TEST

/* TLS without a certificate: HAProxy sends used = false and verify = 0, which looks like success. */
START_TEST(who_has_none_is_anonymous_at_most)
{
    struct spop_certificate none = {.is_used = false};

    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /v1/orders/1");
    expect("fe", NULL, "deny", 401, "no_credential");
    expect("fe", &none, "deny", 401, "no_credential");
    uint64_t id = expect("open", &none, "allow", 200, "ok");
    expect_var(id, "user", "");
    expect_var(id, "roles", "guest");
    none = alices;
    none.is_used = false;
    id = expect("open", &none, "allow", 200, "ok");
    expect_var(id, "user", "");
}
END_TEST

START_TEST(a_record_ends_a_certificate)
{
    char expires[32];

    record_of("alice");
    snprintf(expires, sizeof(expires), "%lld", (long long)box.engine.now.wall_us / 1000000 + 10);
    set_record("expires", expires);
    expect("fe", &alices, "allow", 200, "ok");
    box_advance(&box, 10000000);
    expect("fe", &alices, "deny", 401, "expired");
    set_record("expires", "1");
    set_record("state", "disabled");
    uint64_t id = expect("fe", &alices, "deny", 401, "revoked");
    expect_var(id, "user", "alice");
    expect_var(id, "credential", "cert:0102030405060708");
    set_record("state", "activ");
    expect("fe", &alices, "deny", 503, "bad_record");
}
END_TEST

START_TEST(a_record_counts_more_than_names)
{
    fake_store_set(box.fake, "reeve:user:{bob}", "state", "active");
    fake_store_set(box.fake, "reeve:user:{bob}", "roles", "reader");
    record_of("bob");
    uint64_t id = expect("fe", &alices, "allow", 200, "ok");
    expect_var(id, "user", "bob");
    set_record("state", "disabled");
    expect("fe", &alices, "deny", 401, "revoked");
}
END_TEST

START_TEST(roles_narrow_and_never_widen)
{
    fake_store_set(box.fake, "reeve:user:{alice}", "roles", "reader,writer");
    fake_store_set(box.fake, "reeve:role:writer", "rule:10", "deny GET * /v1/orders/2");
    record_of("alice");
    set_record("roles", "writer,admin");
    fake_store_set(box.fake, "reeve:role:admin", "rule:10", "allow GET * /**");
    uint64_t id = expect("fe", &alices, "deny", 403, "no_rule");
    expect_var(id, "roles", "writer");
    set_record("roles", "");
    expect("fe", &alices, "deny", 403, "no_rule");
    set_record("roles", "reader");
    expect("fe", &alices, "allow", 200, "ok");

    others.issuer = "CN=Few CA";
    id = expect("fe", &others, "allow", 200, "ok");
    expect_var(id, "roles", "reader");
    struct spop_question asked = question("fe", &others);
    asked.path = "/v1/orders/2";
    expect_of(&asked, "deny", 403, "rule_denied");
}
END_TEST

START_TEST(sections_count_at_their_gates_only)
{
    alices.issuer = "CN=Few CA";
    expect("fe", &alices, "allow", 200, "ok");
    expect("open", &alices, "deny", 401, "bad_credential");
    expect("mixed", &alices, "deny", 401, "bad_credential");
}
END_TEST

/* What is not known may have been disabled. */
START_TEST(without_the_store_known_ones_count)
{
    record_of("alice");
    expect("fe", &alices, "allow", 200, "ok");
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    box_advance(&box, 100000);
    expect("fe", &alices, "allow", 200, "ok");
    expect("fe", &others, "deny", 503, "store_down");
}
END_TEST

START_TEST(limits_count_users_of_certificates)
{
    char subject[32];

    alices.subject = subject;
    fake_store_set(box.fake, "reeve:role:reader", "limits", "two");
    fake_store_set(box.fake, "reeve:limit:two", "quota", "2");
    fake_store_set(box.fake, "reeve:limit:two", "per", "day");
    for (int round = 0; round < 3; round++) {
        for (int user = 0; user < 20; user++) {
            char name[16], key[32];

            snprintf(name, sizeof(name), "u%d", user);
            snprintf(key, sizeof(key), "reeve:user:{%s}", name);
            snprintf(subject, sizeof(subject), "CN=%s", name);
            fake_store_set(box.fake, key, "state", "active");
            fake_store_set(box.fake, key, "roles", "reader");
            if (round < 2) {
                expect("fe", &alices, "allow", 200, "ok");
            } else {
                expect("fe", &alices, "throttle", 429, "quota");
            }
        }
    }
    fake_store_set(box.fake, "reeve:limit:two", "scope", "key");
    age();
    expect("fe", &alices, "deny", 503, "bad_record");
}
END_TEST

/* ---- with a key or token ---- */

static void sign(const char *user, const uint8_t *bound_to)
{
    char claims[2048], more[256] = "";
    long long now_s = box.engine.now.wall_us / 1000000;

    if (bound_to) {
        char *x5t = forge_base64url(str_make((const char *)bound_to, 32));

        snprintf(more, sizeof(more), ",\"cnf\":{\"x5t#S256\":\"%s\"}", x5t);
        free(x5t);
    }
    snprintf(claims, sizeof(claims),
             "{\"iss\":\"https://id\",\"aud\":\"api\",\"sub\":\"%s\",\"exp\":%lld%s}", user,
             now_s + 60, more);
    char *text = forge_mac_token(STR(secret), "HS256", STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
                                 str_from_c(claims));
    snprintf(token, sizeof(token), "Bearer %s", text);
    free(text);
}

static struct spop_question with_key(const char *gate, const struct spop_certificate *certificate)
{
    struct spop_question asked = question(gate, certificate);

    asked.apikey = box.key;
    return asked;
}

static struct spop_question with_token(const char *gate, const struct spop_certificate *certificate)
{
    struct spop_question asked = question(gate, certificate);

    asked.authorization = token;
    return asked;
}

/* RELIABILITY C10, whichever is good. */
START_TEST(two_kinds_at_once_are_refused)
{
    struct spop_certificate unverified = alices;
    struct spop_question asked = with_key("mixed", &alices);

    expect("mixed", &alices, "allow", 200, "ok");
    expect_of(&asked, "deny", 400, "bad_request");
    asked.apikey = "rv_wrong";
    expect_of(&asked, "deny", 400, "bad_request");
    unverified.verify = 10;
    asked = with_key("mixed", &unverified);
    expect_of(&asked, "deny", 400, "bad_request");
    sign("alice", NULL);
    asked = with_token("mixed", &alices);
    expect_of(&asked, "deny", 400, "bad_request");
    /* A gate that does not listen to certificates takes the key alone. */
    asked = with_key("keys", &unverified);
    expect_of(&asked, "allow", 200, "ok");
}
END_TEST

START_TEST(a_certificate_beside_is_required)
{
    struct spop_certificate none = {.is_used = false};
    struct spop_question asked = with_key("also", NULL);

    expect_of(&asked, "deny", 401, "no_credential");
    asked.certificate = &none;
    expect_of(&asked, "deny", 401, "no_credential");
    asked.certificate = &alices;
    uint64_t id = expect_of(&asked, "allow", 200, "ok");
    char credential[32];
    snprintf(credential, sizeof(credential), "key:%s", box.keyid);
    expect_var(id, "credential", credential);
    /* It says nothing alone. */
    expect("also", &alices, "deny", 401, "no_credential");
}
END_TEST

START_TEST(without_the_certificate_nothing_is_looked_up)
{
    struct directory_counters before, after;
    struct spop_certificate unverified = alices;
    struct spop_question asked = with_key("also", NULL);
    char unknown[APIKEY_LENGTH + 1] = "";

    ck_assert_int_eq(apikey_make(unknown), ERR_OK);
    asked.apikey = unknown;
    directory_counters(box.directory, &before);
    expect_of(&asked, "deny", 401, "no_credential");
    unverified.verify = 10;
    asked.certificate = &unverified;
    expect_of(&asked, "deny", 401, "bad_credential");
    directory_counters(box.directory, &after);
    ck_assert_uint_eq(after.misses, before.misses);
    asked.certificate = &alices;
    expect_of(&asked, "deny", 401, "bad_credential");
    directory_counters(box.directory, &after);
    ck_assert_uint_gt(after.misses, before.misses);
}
END_TEST

START_TEST(a_certificate_beside_is_the_same_users)
{
    struct spop_question asked = with_key("also", &alices);

    alices.subject = "CN=bob";
    expect_of(&asked, "deny", 401, "bad_credential");
    record_of("alice");
    expect_of(&asked, "allow", 200, "ok");
    alices.subject = "CN=alice";
    set_record("user", "bob");
    expect_of(&asked, "deny", 401, "bad_credential");
    set_record("user", "alice");
    set_record("state", "disabled");
    expect_of(&asked, "deny", 401, "revoked");
    sign("alice", NULL);
    asked = with_token("also", &others);
    expect_of(&asked, "allow", 200, "ok");
    sign("bob", NULL);
    expect_of(&asked, "deny", 401, "bad_credential");
}
END_TEST

START_TEST(a_certificate_beside_narrows)
{
    struct spop_question asked = with_key("also", &alices);

    record_of("alice");
    expect_of(&asked, "allow", 200, "ok");
    set_record("roles", "writer");
    expect_of(&asked, "deny", 403, "no_rule");
    others.issuer = "CN=Few CA";
    asked.certificate = &others;
    expect_of(&asked, "allow", 200, "ok");
    fake_store_set(box.fake, "reeve:user:{alice}", "roles", "visitor");
    fake_store_set(box.fake, "reeve:role:visitor", "rule:10", "allow GET * /v1/orders/**");
    age();
    expect_of(&asked, "deny", 403, "no_rule");
}
END_TEST

START_TEST(what_is_bound_needs_no_names)
{
    alices.subject = "CN=gateway";
    alices.issuer = "CN=Other CA";
    struct spop_question asked = with_token("also", &alices);

    sign("alice", NULL);
    expect_of(&asked, "deny", 401, "bad_credential");
    sign("alice", sha256);
    expect_of(&asked, "allow", 200, "ok");
    sign("alice", other_sha256);
    expect_of(&asked, "deny", 401, "bad_credential");
    /* A record of the certificate counts all the same. */
    sign("alice", sha256);
    record_of("bob");
    expect_of(&asked, "deny", 401, "bad_credential");
    set_record("user", "alice");
    expect_of(&asked, "allow", 200, "ok");
    set_record("state", "disabled");
    expect_of(&asked, "deny", 401, "revoked");
}
END_TEST

START_TEST(a_key_may_be_bound_to_a_certificate)
{
    char key[64];
    struct spop_certificate unverified = alices;
    struct spop_question asked = with_key("keys", &alices);

    snprintf(key, sizeof(key), "reeve:key:%s", box.keyid);
    fake_store_set(box.fake, key, "cert", FINGERPRINT);
    expect_of(&asked, "allow", 200, "ok");
    asked.certificate = &others;
    expect_of(&asked, "deny", 401, "bad_credential");
    asked.certificate = NULL;
    expect_of(&asked, "deny", 401, "bad_credential");
    unverified.verify = 18;
    asked.certificate = &unverified;
    expect_of(&asked, "deny", 401, "bad_credential");
    unverified = alices;
    unverified.is_used = false;
    expect_of(&asked, "deny", 401, "bad_credential");
    asked.certificate = &alices;
    expect_of(&asked, "allow", 200, "ok");
    /* And is then enough where one must be there. */
    alices.subject = "CN=gateway";
    asked.frontend = "also";
    expect_of(&asked, "allow", 200, "ok");
}
END_TEST

static Suite *certificates_suite(void)
{
    Suite *suite = suite_create("certificates");
    TCase *tests = tcase_create("certificates");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_record_names_the_user);
    tcase_add_test(tests, a_subject_names_the_user);
    tcase_add_loop_test(tests, what_is_no_good_certificate_is_401, 0,
                        (int)(sizeof(strangers) / sizeof(strangers[0])));
    tcase_add_test(tests, a_record_does_not_help_what_was_not_verified);
    tcase_add_test(tests, who_has_none_is_anonymous_at_most);
    tcase_add_test(tests, a_record_ends_a_certificate);
    tcase_add_test(tests, a_record_counts_more_than_names);
    tcase_add_test(tests, roles_narrow_and_never_widen);
    tcase_add_test(tests, sections_count_at_their_gates_only);
    tcase_add_test(tests, without_the_store_known_ones_count);
    tcase_add_test(tests, limits_count_users_of_certificates);
    tcase_add_test(tests, two_kinds_at_once_are_refused);
    tcase_add_test(tests, a_certificate_beside_is_required);
    tcase_add_test(tests, without_the_certificate_nothing_is_looked_up);
    tcase_add_test(tests, a_certificate_beside_is_the_same_users);
    tcase_add_test(tests, a_certificate_beside_narrows);
    tcase_add_test(tests, what_is_bound_needs_no_names);
    tcase_add_test(tests, a_key_may_be_bound_to_a_certificate);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(certificates_suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
