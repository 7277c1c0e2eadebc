/* Which uses of credentials are noted, and that nobody waits for that. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/phc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, jwt} }\n"                                                     \
    "gate \"certs\" { accept = {cert} }\n"                                                         \
    "certificates corp { issuer = \"CN=Corp CA\" gates = {certs} }\n"                              \
    "gate \"basic\" { accept = {basic} }\n"                                                        \
    "gate \"open\" { accept = {apikey} anonymous = \"reader\" }\n"                                 \
    "issuer id { issuer = id audience = {api} algorithms = {HS256} keys = {\"env:JWK\"} }\n"       \
    "issuer own { issuer = own audience = {api} algorithms = {HS384} keys = {\"env:JWK_OWN\"}\n"   \
    "  users = token roles_claim = roles }\n"                                                      \
    "max_age = \"600s\" max_stale = \"600s\"\n"

static struct box box;
static char record[64]; /* of alice's key */

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char secret_own[] = "0123456789abcdef0123456789abcdef0123456789abcdef";

static void setup(void)
{
    setenv("JWK_OWN",
           "{\"kty\":\"oct\",\"k\":"
           "\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm\"}",
           1);
    setenv("JWK", "{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}", 1);
    box_open(&box, CONF);
    box_see(&box);
    snprintf(record, sizeof(record), "reeve:key:%s", box.keyid);
}

static void teardown(void)
{
    box_close(&box);
}

static void expect(const struct spop_question *question, const char *verdict, int status,
                   const char *reason)
{
    uint64_t id = box_ask_through(&box, 0, question);

    box_expect(&box, 0, id, verdict, status, reason);
    box_advance(&box, 0);
    box_step(&box);
}

#define NOTED "reeve:seen:key:KKKKKKKKKK "

/* What was written since the last time, with K in place of the keyid. */
static void expect_notes(const char *want)
{
    for (char *at = box.notes; (at = strstr(at, box.keyid)); at += APIKEY_ID_LENGTH) {
        memset(at, 'K', APIKEY_ID_LENGTH);
    }
    ck_assert_str_eq(box.notes, want);
    box.notes[0] = '\0';
}

static void set_hash(const char *field, const char *text)
{
    char hash[APIKEY_HASH_TEXT_MAX];

    ck_assert_int_eq(apikey_hash_text(NULL, str_from_c(text), hash), ERR_OK);
    fake_store_set(box.fake, record, field, hash);
}

START_TEST(a_good_key_is_noted_once_a_minute)
{
    struct spop_question question = box_question(&box);

    for (int i = 0; i < 59; i++) {
        expect(&question, "allow", 200, "ok");
        box_advance(&box, 1000000);
    }
    expect_notes(NOTED "hash 0\n");
    box_advance(&box, 1000000);
    expect(&question, "allow", 200, "ok");
    expect_notes(NOTED "hash 0\n");
}
END_TEST

/* It is a use of the key, whatever its user may do. */
START_TEST(what_the_user_may_not_do_is_noted_too)
{
    struct spop_question question = box_question(&box);

    question.path = "/admin";
    expect(&question, "deny", 403, "no_rule");
    expect_notes(NOTED "hash 0\n");
}
END_TEST

START_TEST(what_is_no_good_credential_is_not_noted)
{
    struct spop_question question = box_question(&box);
    char other[APIKEY_LENGTH + 1] = "";

    ck_assert_int_eq(apikey_renew(str_from_c(box.keyid), other), ERR_OK);
    question.apikey = other;
    expect(&question, "deny", 401, "bad_credential");
    question.frontend = "open";
    question.apikey = NULL;
    expect(&question, "allow", 200, "ok");
    question = box_question(&box);
    fake_store_set(box.fake, record, "state", "disabled");
    directory_invalidate_all(box.directory);
    expect(&question, "deny", 401, "revoked");
    expect_notes("");
}
END_TEST

START_TEST(both_secrets_of_a_rotation_are_seen)
{
    struct spop_question with_old = box_question(&box), with_new = with_old;
    char renewed[APIKEY_LENGTH + 1] = "";

    expect(&with_old, "allow", 200, "ok");
    expect_notes(NOTED "hash 0\n");
    ck_assert_int_eq(apikey_renew(str_from_c(box.keyid), renewed), ERR_OK);
    set_hash("hash2", box.key);
    set_hash("hash", renewed);
    fake_store_set(box.fake, record, "hash2_until", "1800003600");
    directory_invalidate_all(box.directory);
    with_new.apikey = renewed;
    for (int i = 0; i < 3; i++) {
        expect(&with_old, "allow", 200, "ok");
        expect(&with_new, "allow", 200, "ok");
    }
    /* The first hash was noted seconds ago, though for another secret. */
    expect_notes(NOTED "hash2 0\n");
    box_advance(&box, 60000000);
    expect(&with_new, "allow", 200, "ok");
    expect(&with_old, "allow", 200, "ok");
    expect_notes(NOTED "hash 0\n" NOTED "hash2 0\n");
}
END_TEST

static struct spop_question token_question(struct str key, const char *algorithm,
                                           const char *claims)
{
    static char authorization[1024];
    struct spop_question question = box_question(&box);
    char header[64];

    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", algorithm);
    char *token = forge_mac_token(key, algorithm, str_from_c(header), str_from_c(claims));
    snprintf(authorization, sizeof(authorization), "Bearer %s", token);
    free(token);
    question.apikey = NULL;
    question.authorization = authorization;
    return question;
}

START_TEST(a_user_who_is_known_by_tokens_is_noted_once_for_all_of_them)
{
    for (int i = 0; i < 5; i++) {
        char claims[256];
        snprintf(
            claims, sizeof(claims),
            "{\"iss\":\"id\",\"aud\":\"api\",\"sub\":\"alice\",\"jti\":\"%d\",\"exp\":4000000000}",
            i);
        struct spop_question question = token_question(STR(secret), "HS256", claims);
        expect(&question, "allow", 200, "ok");
    }
    expect_notes("reeve:seen:user:{alice} token 0\n");
}
END_TEST

/* Whoever has no record is in no report. */
START_TEST(a_user_whom_the_token_makes_is_not_noted)
{
    struct spop_question question = token_question(
        STR(secret_own), "HS384",
        "{\"iss\":\"own\",\"aud\":\"api\",\"sub\":\"anybody\",\"roles\":[\"reader\"],"
        "\"exp\":4000000000}");

    expect(&question, "allow", 200, "ok");
    expect_notes("");
}
END_TEST

/* Of the bytes 1, 2 ... 32. */
#define FINGERPRINT "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define RECORD      "reeve:cert:" FINGERPRINT

START_TEST(a_certificate_is_noted_by_its_record_or_its_user)
{
    uint8_t sha256[32];
    const struct spop_certificate alices = {
        .is_used = true, .sha256 = sha256, .subject = "CN=alice,O=Corp", .issuer = "CN=Corp CA"};
    struct spop_question question = box_question(&box);

    for (unsigned i = 0; i < sizeof(sha256); i++) {
        sha256[i] = (uint8_t)(i + 1);
    }
    question.frontend = "certs";
    question.apikey = NULL;
    question.certificate = &alices;
    expect(&question, "allow", 200, "ok");
    expect(&question, "allow", 200, "ok");
    expect_notes("reeve:seen:user:{alice} cert 0\n");
    fake_store_set(box.fake, RECORD, "user", "alice");
    fake_store_set(box.fake, RECORD, "state", "disabled");
    directory_invalidate_all(box.directory);
    box_advance(&box, 60000000);
    expect(&question, "deny", 401, "revoked");
    expect_notes("");
    fake_store_set(box.fake, RECORD, "state", "active");
    directory_invalidate_all(box.directory);
    expect(&question, "allow", 200, "ok");
    expect(&question, "allow", 200, "ok");
    expect_notes("reeve:seen:cert:" FINGERPRINT " cert 0\n");
}
END_TEST

static void ask_by_password(const char *pair, int status)
{
    struct spop_question question = box_question(&box);
    struct spop_frame ack;

    question.frontend = "basic";
    question.apikey = NULL;
    question.authorization = box_basic(str_from_c(pair));
    uint64_t id = box_ask(&box, 0, &question);
    for (int i = 0; i < 16 && box_acks(&box, 0, id, &ack) == 0; i++) {
        box_step(&box);
        if (box.work_count > 0) {
            box_hash(&box, true);
        }
    }
    ck_assert_int_eq(box_number(&box, 0, id, "status"), status);
    box_advance(&box, 0);
    box_step(&box);
}

START_TEST(a_user_is_noted_by_its_password)
{
    static const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};
    char hash[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, STR("secret"), hash), ERR_OK);
    fake_store_set(box.fake, "reeve:user:{alice}", "password", hash);
    ask_by_password("alice:wrong", 401);
    ask_by_password("nobody:secret", 401);
    expect_notes("");
    ask_by_password("alice:secret", 200);
    ask_by_password("alice:secret", 200);
    expect_notes("reeve:seen:user:{alice} password 0\n");
}
END_TEST

START_TEST(a_store_that_hangs_or_is_away_delays_no_verdict)
{
    struct spop_question question = box_question(&box);

    expect(&question, "allow", 200, "ok");
    expect_notes(NOTED "hash 0\n");
    fake_store_set_mode(box.fake, FAKE_STORE_HANG);
    for (int i = 0; i < 2; i++) {
        box_advance(&box, 60000000);
        uint64_t id = box_ask(&box, 0, &question);
        box_expect(&box, 0, id, "allow", 200, "ok");
        box_advance(&box, 0);
        fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
        box_step(&box);
    }
    box_advance(&box, 5000000);
    fake_store_set_mode(box.fake, FAKE_STORE_UP);
    box_advance(&box, 0);
    box_step(&box);
    /* What was lost on its way is not sent again; what came while it was away is, with its age. */
    expect_notes(NOTED "hash 5000\n");
    struct seen_counters counters;
    seen_counters(box.seen, &counters);
    ck_assert_uint_eq(counters.dropped, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seen");
    TCase *tcase = tcase_create("seen");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_good_key_is_noted_once_a_minute);
    tcase_add_test(tcase, what_the_user_may_not_do_is_noted_too);
    tcase_add_test(tcase, what_is_no_good_credential_is_not_noted);
    tcase_add_test(tcase, both_secrets_of_a_rotation_are_seen);
    tcase_add_test(tcase, a_user_who_is_known_by_tokens_is_noted_once_for_all_of_them);
    tcase_add_test(tcase, a_user_whom_the_token_makes_is_not_noted);
    tcase_add_test(tcase, a_certificate_is_noted_by_its_record_or_its_user);
    tcase_add_test(tcase, a_user_is_noted_by_its_password);
    tcase_add_test(tcase, a_store_that_hangs_or_is_away_delays_no_verdict);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
