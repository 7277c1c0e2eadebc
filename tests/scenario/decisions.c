/* What is decided, from the bytes of a NOTIFY to the variables of its ACK. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/box.h"

#define GATES                                                                                      \
    "gate \"fe\" { accept = {apikey} }\n"                                                          \
    "gate \"open\" { accept = {apikey} anonymous = \"guest\" }\n"                                  \
    "gate \"canonical\" { accept = {apikey} forward = \"canonical\" }\n"                           \
    "gate \"watch\" { accept = {apikey} mode = \"observe\" }\n"

static struct box box;

static void setup(void)
{
    box_open(&box, GATES "max_age = \"1s\"");
    fake_store_set(box.fake, "reeve:role:reader", "rule:20", "deny * * /v1/orders/secret");
    fake_store_set(box.fake, "reeve:role:reader", "rule:30", "allow POST * /v1/orders");
    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /public/**");
    fake_store_set(box.fake, "reeve:role:guest", "rule:20", "deny * * /public/no");
}

static void teardown(void)
{
    box_close(&box);
}

struct question_case {
    const char *name;
    const char *frontend;
    const char *method;
    const char *path;
    const char *host;
    const char *key; /* NULL: alice's; "": none */
    const char *authorization;
    const char *verdict;
    int status;
    const char *reason;
    const char *rule;
};

static const struct question_case cases[] = {
    {"no gate", "other", "GET", "/v1/orders/1", "h", NULL, NULL, "deny", 503, "no_gate", ""},
    {"no credential", "fe", "GET", "/v1/orders/1", "h", "", NULL, "deny", 401, "no_credential", ""},
    {"malformed key", "fe", "GET", "/v1/orders/1", "h", "rv_x", NULL, "deny", 401, "bad_credential",
     ""},
    {"checksum that holds, unknown key", "fe", "GET", "/v1/orders/1", "h", "?", NULL, "deny", 401,
     "bad_credential", ""},
    {"bad credential is never anonymous", "open", "GET", "/public/a", "h", "rv_x", NULL, "deny",
     401, "bad_credential", ""},
    {"78: two at once", "fe", "GET", "/v1/orders/1", "h", NULL, "Bearer rv_x", "deny", 400,
     "bad_request", ""},
    {"no rule", "fe", "GET", "/v2", "h", NULL, NULL, "deny", 403, "no_rule", ""},
    {"method is case-sensitive", "fe", "get", "/v1/orders/1", "h", NULL, NULL, "deny", 403,
     "no_rule", ""},
    {"deny rule", "fe", "GET", "/v1/orders/secret", "h", NULL, NULL, "deny", 403, "rule_denied",
     "reader/20"},
    {"deny rule, other case", "fe", "GET", "/v1/Orders/SECRET/", "h", NULL, NULL, "deny", 403,
     "rule_denied", "reader/20"},
    {"encoded slash", "fe", "GET", "/v1/orders%2f1", "h", NULL, NULL, "deny", 400, "ambiguous_path",
     ""},
    {"not canonical", "fe", "GET", "/v1/./orders/1", "h", NULL, NULL, "deny", 400, "ambiguous_path",
     ""},
    {"forged host", "fe", "GET", "/v1/orders/1", "a,b", NULL, NULL, "deny", 400, "bad_request", ""},
    {"empty path", "fe", "GET", "", "h", NULL, NULL, "deny", 400, "bad_request", ""},
    {"anonymous beyond its role", "open", "GET", "/v1/orders/1", "h", "", NULL, "deny", 401,
     "no_credential", ""},
    {"anonymous deny rule", "open", "GET", "/public/no", "h", "", NULL, "deny", 403, "rule_denied",
     "guest/20"},
    {"allowed", "fe", "GET", "/v1/orders/1", "h", NULL, NULL, "allow", 200, "ok", "reader/10"},
    {"GET covers HEAD", "fe", "HEAD", "/v1/orders/1", "h", NULL, NULL, "allow", 200, "ok",
     "reader/10"},
    {"another rule", "fe", "POST", "/v1/orders", "h", NULL, NULL, "allow", 200, "ok", "reader/30"},
    {"no host", "fe", "GET", "/v1/orders/1", NULL, NULL, NULL, "allow", 200, "ok", "reader/10"},
    {"unknown scheme is ignored", "fe", "GET", "/v1/orders/1", "h", NULL, "Digest x", "allow", 200,
     "ok", "reader/10"},
    {"anonymous", "open", "GET", "/public/a", "h", "", NULL, "allow", 200, "ok", "guest/10"},
    {"canonical form forwarded", "canonical", "GET", "/v1/./orders/%31", "h", NULL, NULL, "allow",
     200, "ok", "reader/10"},
    {"observed deny", "watch", "GET", "/v2", "h", NULL, NULL, "allow", 200, "no_rule", ""},
    {"observed bad credential", "watch", "GET", "/v2", "h", "rv_x", NULL, "allow", 200,
     "bad_credential", ""},
};

static struct spop_question question_of(const struct question_case *c)
{
    struct spop_question question = box_question(&box);
    static char other[APIKEY_LENGTH + 1];

    question.frontend = c->frontend;
    question.method = c->method;
    question.path = c->path;
    question.host = c->host;
    question.authorization = c->authorization;
    if (c->key && c->key[0] == '?') {
        ck_assert_int_eq(apikey_make(other), ERR_OK);
        question.apikey = other;
    } else if (c->key) {
        question.apikey = c->key[0] != '\0' ? c->key : NULL;
    }
    return question;
}

START_TEST(decides)
{
    const struct question_case *c = &cases[_i];
    struct spop_question question = question_of(c);
    struct spool_counters counters;

    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, c->verdict, c->status, c->reason);
    ck_assert_str_eq(box_var(&box, 0, id, "rule"), c->rule);
    spool_counters(box.spool, &counters);
    ck_assert_msg(counters.recorded == 1, "%s: %llu audit records", c->name,
                  (unsigned long long)counters.recorded);
}
END_TEST

START_TEST(the_answer_names_user_credential_roles_and_path)
{
    struct spop_question question = box_question(&box);
    char credential[32];

    question.frontend = "canonical";
    question.path = "/v1/x/../orders/%31";
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "ok");
    snprintf(credential, sizeof(credential), "key:%s", box.keyid);
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "alice");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), credential);
    ck_assert_str_eq(box_var(&box, 0, id, "roles"), "reader");
    ck_assert_str_eq(box_var(&box, 0, id, "path"), "/v1/orders/1");
}
END_TEST

START_TEST(every_401_carries_the_same_challenge)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spop_question question = question_of(&cases[i]);
        uint64_t id = box_ask_through(&box, 0, &question);
        bool is_401 = cases[i].status == 401;
        ck_assert_str_eq(box_var(&box, 0, id, "challenge"), is_401 ? "Bearer realm=\"reeve\"" : "");
    }
}
END_TEST

START_TEST(an_observing_gate_says_in_shadow_what_it_would_have_said)
{
    struct spop_question question = box_question(&box);

    question.frontend = "watch";
    question.path = "/v1/orders/secret";
    uint64_t id = box_ask_through(&box, 0, &question);
    ck_assert_str_eq(box_var(&box, 0, id, "verdict"), "allow");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:rule_denied:reader/20");
    question.path = "/v1/orders/1";
    id = box_ask_through(&box, 0, &question);
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "");
}
END_TEST

START_TEST(a_shadow_role_is_told_and_decides_nothing)
{
    struct spop_question question = box_question(&box);

    fake_store_set(box.fake, "reeve:user:{alice}", "roles", "reader,trial");
    fake_store_set(box.fake, "reeve:role:trial", "mode", "shadow");
    fake_store_set(box.fake, "reeve:role:trial", "rule:1", "deny * * /v1/orders/1");
    fake_store_set(box.fake, "reeve:role:trial", "rule:2", "allow * * /v2");
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "ok");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:rule_denied:trial/1");
    question.path = "/v2";
    id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 403, "no_rule");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "allow:ok:trial/2");
}
END_TEST

/* A change of one field of one record, and what becomes of the request. */
static const struct {
    const char *name;
    const char *key;
    const char *field;
    const char *value;
    const char *verdict;
    int status;
    const char *reason;
} records[] = {
    {"key disabled", "key", "state", "disabled", "deny", 401, "revoked"},
    {"key expired", "key", "expires", "1799999999", "deny", 401, "expired"},
    {"key expires this second", "key", "expires", "1800000000", "deny", 401, "expired"},
    {"key expires later", "key", "expires", "1800000001", "allow", 200, "ok"},
    {"key not yet valid", "key", "not_before", "1800000001", "deny", 401, "expired"},
    {"key from elsewhere", "key", "allow_from", "10.0.0.0/8", "deny", 403, "source_address"},
    {"key from here", "key", "allow_from", "10.0.0.0/8,192.0.2.0/24", "allow", 200, "ok"},
    {"key with an empty role subset", "key", "roles", "", "deny", 403, "no_rule"},
    {"key with another role subset", "key", "roles", "writer", "deny", 403, "no_rule"},
    {"key with its role subset", "key", "roles", "reader", "allow", 200, "ok"},
    {"key of nobody", "key", "user", "bob", "deny", 403, "user_disabled"},
    {"key with another hash", "key", "hash",
     "sha256:0000000000000000000000000000000000000000000000000000000000000000", "deny", 401,
     "bad_credential"},
    {"key under an unknown pepper", "key", "hash",
     "hmac-sha256:p:0000000000000000000000000000000000000000000000000000000000000000", "deny", 503,
     "bad_record"},
    {"key with a misspelt restriction", "key", "alow_from", "10.0.0.0/8", "deny", 503,
     "bad_record"},
    {"90: key whose user ends a line", "key", "user", "alice\r\nX-Reeve-Roles: admin", "deny", 503,
     "bad_record"},
    {"90: user whose team ends a line", "reeve:user:{alice}", "team", "pay\r\nx: y", "deny", 503,
     "bad_record"},
    {"user disabled", "reeve:user:{alice}", "state", "disabled", "deny", 403, "user_disabled"},
    {"user expired", "reeve:user:{alice}", "expires", "1800000000", "deny", 403, "user_disabled"},
    {"user from elsewhere", "reeve:user:{alice}", "allow_from", "10.0.0.0/8", "deny", 403,
     "source_address"},
    {"user without roles", "reeve:user:{alice}", "roles", "", "deny", 403, "no_rule"},
    {"user with a role that is not there", "reeve:user:{alice}", "roles", "ghost", "deny", 403,
     "no_rule"},
    {"user with a nonsense field", "reeve:user:{alice}", "expires", "-1", "deny", 503,
     "bad_record"},
    {"team disabled", "reeve:team:pay", "state", "disabled", "deny", 403, "user_disabled"},
    {"team active", "reeve:team:pay", "state", "active", "allow", 200, "ok"},
    {"role that does not parse", "reeve:role:reader", "rule:99", "allow everything", "deny", 503,
     "bad_record"},
    {"rule with a limit", "reeve:role:reader", "rule:10", "allow GET * /v1/orders/** limit=x",
     "deny", 503, "bad_record"},
    {"user with a limit", "reeve:user:{alice}", "limits", "x", "deny", 503, "bad_record"},
};

START_TEST(records_decide)
{
    struct spop_question question = box_question(&box);
    char key[64];
    bool is_key = strcmp(records[_i].key, "key") == 0;

    snprintf(key, sizeof(key), "reeve:key:%s", box.keyid);
    if (strcmp(records[_i].key, "reeve:team:pay") == 0) {
        fake_store_set(box.fake, "reeve:user:{alice}", "team", "pay");
    }
    fake_store_set(box.fake, is_key ? key : records[_i].key, records[_i].field, records[_i].value);
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, records[_i].verdict, records[_i].status, records[_i].reason);
}
END_TEST

START_TEST(a_subset_narrows_allows_and_keeps_denies)
{
    struct spop_question question = box_question(&box);
    char key[64];

    snprintf(key, sizeof(key), "reeve:key:%s", box.keyid);
    fake_store_set(box.fake, key, "roles", "reader");
    fake_store_set(box.fake, "reeve:user:{alice}", "roles", "reader,warden");
    fake_store_set(box.fake, "reeve:role:warden", "rule:1", "deny * * /v1/orders/1");
    fake_store_set(box.fake, "reeve:role:warden", "rule:2", "allow * * /v3");
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 403, "rule_denied");
    question.path = "/v3";
    id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 403, "no_rule");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decisions");
    TCase *tcase = tcase_create("decisions");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, decides, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_loop_test(tcase, records_decide, 0, (int)(sizeof(records) / sizeof(records[0])));
    tcase_add_test(tcase, the_answer_names_user_credential_roles_and_path);
    tcase_add_test(tcase, every_401_carries_the_same_challenge);
    tcase_add_test(tcase, an_observing_gate_says_in_shadow_what_it_would_have_said);
    tcase_add_test(tcase, a_shadow_role_is_told_and_decides_nothing);
    tcase_add_test(tcase, a_subset_narrows_allows_and_keeps_denies);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
