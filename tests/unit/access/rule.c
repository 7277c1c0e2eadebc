/*
 * What a rule is read as. Which texts are refused at all is in tests/corpus/records.txt, which
 * directory's tests read; here is what an operator is told about them.
 */
#include "agent/access/rule.h"

#include <stdlib.h>

#include "agent/access/template.h"
#include "tests/unit/access/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct fault_case {
    const char *text;
    enum err err;
    const char *told;
} fault_cases[] = {
    {"", ERR_SYNTAX, "allow or deny: missing, or a blank too many"},
    {"permit GET * /", ERR_SYNTAX, "expected allow or deny"},
    {"allow GET", ERR_SYNTAX, "host: missing, or a blank too many"},
    {"allow GET  * /", ERR_SYNTAX, "host: missing, or a blank too many"},
    {"allow GET, * /", ERR_SYNTAX, "methods: an empty method"},
    {"allow GET,GET * /", ERR_SYNTAX, "methods: the same twice"},
    {"allow G*T * /", ERR_SYNTAX, "methods: a character that is not of a method's name"},
    {"allow GET A.b /", ERR_SYNTAX, "host: an upper-case letter"},
    {"allow GET a.b. /", ERR_SYNTAX, "host: an empty label"},
    {"allow GET * a", ERR_SYNTAX, "template: does not start with '/'"},
    {"allow GET * /a//b", ERR_SYNTAX, "template: segment 2: empty"},
    {"allow GET * /a/%2e", ERR_SYNTAX,
     "template: segment 2: an escape needs two upper-case hex digits"},
    {"allow GET * /a/**/b", ERR_SYNTAX, "template: segment 2: ** stands only at the end"},
    {"allow GET * / cost=0", ERR_RANGE, "cost: expected 1 to 1000000000"},
    {"allow GET * / cost=1 cost=1", ERR_SYNTAX, "cost= stands twice"},
    {"allow GET * / limit=", ERR_SYNTAX, "limit: a limit's name is 1 to 64 of [A-Za-z0-9._@-]"},
    {"allow GET * / costs=1", ERR_SYNTAX, "an option that is neither cost= nor limit="},
    {"deny GET * / cost=1", ERR_SYNTAX, "a deny takes no options"},
};

START_TEST(tells_what_is_wrong_and_leaves_the_output)
{
    const struct fault_case *c = &fault_cases[_i];
    struct rule rule = {.cost = 77};
    struct diag diag;

    ck_assert_int_eq(rule_parse(STR("10"), str_from_c(c->text), &rule, &diag), c->err);
    ck_assert_str_eq(diag.text, c->told);
    ck_assert_uint_eq(rule.cost, 77);
    ck_assert_int_eq(rule_parse(STR("10"), str_from_c(c->text), &rule, NULL), c->err);
}
END_TEST

START_TEST(reads_every_part)
{
    struct str text = STR("allow GET,POST *.example.com /v1/{id}.json cost=7 limit=a,b");
    struct rule rule;

    ck_assert_int_eq(rule_parse(STR("r10"), text, &rule, NULL), ERR_OK);
    ck_assert(str_equal(rule.id, STR("r10")));
    ck_assert(rule.allows);
    ck_assert_uint_eq(rule.method_count, 2);
    ck_assert(str_equal(rule.methods[1], STR("POST")));
    ck_assert(str_equal(rule.host, STR("*.example.com")));
    ck_assert(str_equal(rule.template, STR("/v1/{id}.json")));
    ck_assert_uint_eq(rule.cost, 7);
    ck_assert_uint_eq(rule.limit_count, 2);
    ck_assert(str_equal(rule.limits[0], STR("a")));
}
END_TEST

START_TEST(reads_what_is_left_out)
{
    struct rule rule;

    ck_assert_int_eq(rule_parse(STR("1"), STR("deny * * /"), &rule, NULL), ERR_OK);
    ck_assert(!rule.allows);
    ck_assert_uint_eq(rule.method_count, 0);
    ck_assert(str_equal(rule.host, STR("*")));
    ck_assert_uint_eq(rule.cost, 1);
    ck_assert_uint_eq(rule.limit_count, 0);
}
END_TEST

START_TEST(reads_a_rule_cut_anywhere_without_going_beyond)
{
    static const char whole[] = "allow GET,POST *.a.b /a%2F/{id}.x/{@user}/** cost=7 limit=a,b";
    struct rule rule;

    for (size_t length = 0; length < sizeof(whole); length++) {
        /* An exact copy, so that a byte read too much is seen by the sanitizer. */
        char *copy = malloc(length > 0 ? length : 1);
        memcpy(copy, whole, length);
        enum err err = rule_parse(STR("1"), str_make(copy, length), &rule, NULL);
        ck_assert(err == ERR_OK || err == ERR_SYNTAX || err == ERR_RANGE);
        /* The shortest that holds a host and a template. */
        ck_assert(err != ERR_OK || length > strlen("allow GET,POST *.a.b "));
        free(copy);
    }
}
END_TEST

START_TEST(reads_the_parts_of_a_template)
{
    static const struct {
        enum template_class class;
        const char *prefix;
        const char *suffix;
    } parts[] = {
        {TEMPLATE_LITERAL, "v1", ""}, {TEMPLATE_PARAM, "", ""},  {TEMPLATE_AFFIX, "", ":x"},
        {TEMPLATE_AFFIX, "r-", ".p"}, {TEMPLATE_USER, "", ""},   {TEMPLATE_TEAM, "", ""},
        {TEMPLATE_PARAM, "", ""},     {TEMPLATE_AFFIX, "a", ""}, {TEMPLATE_REST, "", ""},
    };
    struct template template;

    ck_assert_int_eq(
        template_parse(STR("/v1/{a}/{b}:x/r-{c}.p/{@user}/{@team}/*/a*/**"), &template, NULL),
        ERR_OK);
    ck_assert_uint_eq(template.count, COUNT(parts));
    for (int i = 0; i < COUNT(parts); i++) {
        ck_assert_int_eq(template.parts[i].class, parts[i].class);
        ck_assert(str_equal(template.parts[i].prefix, str_from_c(parts[i].prefix)));
        ck_assert(str_equal(template.parts[i].suffix, str_from_c(parts[i].suffix)));
    }
}
END_TEST

START_TEST(a_final_slash_is_an_empty_literal)
{
    struct template template;

    ck_assert_int_eq(template_parse(STR("/a/"), &template, NULL), ERR_OK);
    ck_assert_uint_eq(template.count, 2);
    ck_assert_int_eq(template.parts[1].class, TEMPLATE_LITERAL);
    ck_assert_uint_eq(template.parts[1].prefix.len, 0);
    ck_assert_int_eq(template_parse(STR("/"), &template, NULL), ERR_OK);
    ck_assert_uint_eq(template.count, 1);
}
END_TEST

Suite *rule_suite(void)
{
    Suite *suite = suite_create("rule");
    TCase *tcase = tcase_create("rule");

    tcase_add_loop_test(tcase, tells_what_is_wrong_and_leaves_the_output, 0, COUNT(fault_cases));
    tcase_add_test(tcase, reads_every_part);
    tcase_add_test(tcase, reads_what_is_left_out);
    tcase_add_test(tcase, reads_a_rule_cut_anywhere_without_going_beyond);
    tcase_add_test(tcase, reads_the_parts_of_a_template);
    tcase_add_test(tcase, a_final_slash_is_an_empty_literal);
    suite_add_tcase(suite, tcase);
    return suite;
}
