#include "agent/access/why.h"

#include "tests/unit/access/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *rule, *method, *host, *path;
    bool matches, by_method, by_host, by_path;
    size_t segment;
} cases[] = {
    {"allow GET * /a", "GET", "x", "/a", true, true, true, true, 0},
    {"allow GET * /a", "HEAD", "x", "/a", true, true, true, true, 0},
    {"allow GET * /a", "POST", "x", "/a", false, false, true, true, 0},
    {"allow GET x /a cost=3 limit=b", "GET", "y", "/a", false, true, false, true, 0},
    {"allow * *.x /a", "GET", "x", "/a", false, true, false, true, 0},
    {"allow * * /a/{id}/b", "GET", "x", "/a/1/c", false, true, true, false, 3},
    {"allow * * /a/{id}/b", "GET", "x", "/b/1/b", false, true, true, false, 1},
    {"allow * * /a/{id}/b", "GET", "x", "/a", false, true, true, false, 2},
    {"allow * * /a/{id}", "GET", "x", "/a/1/b", false, true, true, false, 3},
    {"allow * * /a/", "GET", "x", "/a", false, true, true, false, 3},
    {"allow * * /a", "GET", "x", "/a/", false, true, true, false, 2},
    {"allow * * /", "GET", "x", "/a", false, true, true, false, 2},
    {"allow * * /a/**", "GET", "x", "/b", false, true, true, false, 1},
    {"allow * * /u/{@user}/x", "GET", "x", "/u/bob/x", false, true, true, false, 2},
    {"allow * * /u/{@user}", "GET", "x", "/u/al", true, true, true, true, 0},
    {"allow POST y /b", "GET", "x", "/a", false, false, false, false, 1},
    /* A deny matches what a careless back end may take for the same. */
    {"deny DELETE * /a", "delete", "x", "/A/", true, true, true, true, 0},
    {"deny DELETE * /a", "GET", "x", "/b", false, false, true, false, 1},
};

START_TEST(each_part_is_told)
{
    const struct role_source rule = {STR("1"), str_from_c(cases[_i].rule)};
    const struct role_query query = {.method = str_from_c(cases[_i].method),
                                     .host = str_from_c(cases[_i].host),
                                     .path = str_from_c(cases[_i].path),
                                     .user = STR("al")};
    struct why why;
    struct diag diag;

    ck_assert_msg(why_find(&rule, &query, &why, &diag) == ERR_OK, "%s", diag.text);
    ck_assert_int_eq(why.allows, cases[_i].rule[0] == 'a');
    ck_assert_int_eq(why.matches, cases[_i].matches);
    ck_assert_int_eq(why.method, cases[_i].by_method);
    ck_assert_int_eq(why.host, cases[_i].by_host);
    ck_assert_int_eq(why.path, cases[_i].by_path);
    ck_assert_uint_eq(why.segment, cases[_i].segment);
}
END_TEST

START_TEST(a_rule_that_does_not_parse_is_named)
{
    const struct role_query query = {.method = STR("GET"), .path = STR("/a")};
    static const char *const texts[] = {"", "allow", "allow GET *", "allow GET X /a",
                                        "permit * * /"};
    struct why why = {.segment = 77};
    struct diag diag;

    for (int i = 0; i < COUNT(texts); i++) {
        const struct role_source rule = {STR("7"), str_from_c(texts[i])};
        ck_assert_int_eq(why_find(&rule, &query, &why, &diag), ERR_SYNTAX);
        ck_assert_ptr_nonnull(strstr(diag.text, "rule:7: "));
        ck_assert_uint_eq(why.segment, 77);
    }
}
END_TEST

Suite *why_suite(void)
{
    Suite *suite = suite_create("why");
    TCase *tcase = tcase_create("why");

    tcase_add_loop_test(tcase, each_part_is_told, 0, COUNT(cases));
    tcase_add_test(tcase, a_rule_that_does_not_parse_is_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
