/* Which of two rules that both match is the more literal. */
#include <stdio.h>

#include "agent/access/role.h"
#include "tests/unit/access/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* The first rule has the higher id, so it never wins by that. */
static const struct rank_case {
    const char *name;
    const char *winner;
    const char *loser;
    const char *path;
} cases[] = {
    {"host before domain", "* a.b.c /**", "GET *.b.c /x/y", "/x/y"},
    {"host before any", "* a.b.c /**", "GET * /x/y", "/x/y"},
    {"long domain before short", "* *.b.c /**", "GET *.c /x/y", "/x/y"},
    {"domain before any", "* *.c /**", "GET * /x/y", "/x/y"},
    {"literal before affix", "* * /xy", "GET * /x*", "/xy"},
    {"literal before user", "* * /alice", "GET * /{@user}", "/alice"},
    {"literal before parameter", "* * /x", "GET * /{n}", "/x"},
    {"literal before rest", "* * /x", "GET * /**", "/x"},
    {"longer affix", "* * /xy*", "GET * /*za", "/xyza"},
    {"longer affix together", "* * /x*za", "GET * /xy*", "/xyyza"},
    {"longer prefix of the same length", "* * /xy*", "GET * /x*a", "/xyza"},
    {"prefix before suffix", "* * /x*", "GET * /*a", "/xyza"},
    {"affix before user", "* * /al*", "GET * /{@user}", "/alice"},
    {"affix before parameter", "* * /x*", "GET * /{n}", "/xy"},
    {"user before team", "* * /{@user}", "GET * /{@team}", "/alice"},
    {"user before parameter", "* * /{@user}", "GET * /{n}", "/alice"},
    {"team before parameter", "* * /{@team}", "GET * /*", "/alice"},
    {"parameter before rest", "* * /{n}", "GET * /**", "/x"},
    {"end before rest", "* * /x", "GET * /x/**", "/x"},
    {"end before rest, slash", "* * /x/", "GET * /x/**", "/x/"},
    {"empty literal before rest", "* * /x/", "GET * /x/**", "/x/"},
    {"from the left", "* * /x/{n}/**", "GET * /{n}/y/z", "/x/y/z"},
    {"longer rest", "* * /x/y/**", "GET * /x/**", "/x/y/z"},
    {"late literal", "* * /{n}/y/**", "GET * /{m}/*/z", "/x/y/z"},
    {"turns back from a dead end", "* * /{n}/y/{m}", "GET * /{n}/**", "/x/y/w"},
    {"method named", "GET * /x/{n}", "* * /x/{m}", "/x/y"},
    {"method among others", "PUT,GET * /x", "* * /x", "/x"},
};

static void check_winner(const char *effect, const struct rank_case *c, bool is_split)
{
    char texts[2][64];
    struct role_source sources[2] = {{STR("2"), {0}}, {STR("1"), {0}}};
    struct role_query query = {.method = STR("GET"),
                               .host = STR("a.b.c"),
                               .path = str_from_c(c->path),
                               .user = STR("alice"),
                               .team = STR("alice")};
    struct role_match matches[2][2];
    struct role *roles[2];
    int which = effect[0] == 'a';

    snprintf(texts[0], sizeof(texts[0]), "%s %s", effect, c->winner);
    snprintf(texts[1], sizeof(texts[1]), "%s %s", effect, c->loser);
    sources[0].text = str_from_c(texts[0]);
    sources[1].text = str_from_c(texts[1]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(
            role_compile(&sources[is_split ? i : 0], is_split ? 1 : 2, &roles[i], NULL), ERR_OK);
        role_match(roles[i], &query, &matches[i][0], &matches[i][1]);
        ck_assert_msg(!str_is_absent(matches[i][which].rule), "%s", c->name);
    }
    int order = role_match_compare(&matches[0][which], &matches[1][which]);
    if (is_split) {
        ck_assert_msg(order > 0, "%s %s, two roles", effect, c->name);
    } else {
        ck_assert_int_eq(order, 0);
        ck_assert_msg(str_equal(matches[0][which].rule, STR("2")), "%s %s", effect, c->name);
    }
    role_free(roles[0]);
    role_free(roles[1]);
}

START_TEST(more_literal_wins)
{
    check_winner("allow", &cases[_i], false);
    check_winner("allow", &cases[_i], true);
}
END_TEST

START_TEST(more_literal_deny_wins)
{
    check_winner("deny", &cases[_i], false);
    check_winner("deny", &cases[_i], true);
}
END_TEST

START_TEST(lower_id_wins_among_equals)
{
    struct role_source sources[] = {{STR("b"), STR("allow GET * /x/{n}")},
                                    {STR("a"), STR("allow PUT,GET * /x/*")},
                                    {STR("10"), STR("allow GET,HEAD * /x/{m}")},
                                    {STR("9"), STR("allow GET * /x/{n}")}};
    struct role_query query = {.method = STR("HEAD"), .path = STR("/x/y")};
    struct role_match deny, allow;
    struct role *role;

    ck_assert_int_eq(role_compile(sources, 4, &role, NULL), ERR_OK);
    role_match(role, &query, &deny, &allow);
    ck_assert(str_equal(allow.rule, STR("10")));
    role_free(role);
}
END_TEST

START_TEST(equal_ranks_of_two_roles_go_by_id)
{
    struct role_source sources[] = {{STR("a"), STR("allow GET * /x")},
                                    {STR("ab"), STR("allow GET * /x")}};
    struct role_query query = {.method = STR("GET"), .path = STR("/x")};
    struct role_match deny, first, second, none = {.rule = STR_ABSENT};
    struct role *a, *b;

    ck_assert_int_eq(role_compile(&sources[0], 1, &a, NULL), ERR_OK);
    ck_assert_int_eq(role_compile(&sources[1], 1, &b, NULL), ERR_OK);
    role_match(a, &query, &deny, &first);
    role_match(b, &query, &deny, &second);
    ck_assert_int_gt(role_match_compare(&first, &second), 0);
    ck_assert_int_lt(role_match_compare(&second, &first), 0);
    ck_assert_int_eq(role_match_compare(&first, &first), 0);
    ck_assert_int_gt(role_match_compare(&first, &none), 0);
    ck_assert_int_lt(role_match_compare(&none, &first), 0);
    ck_assert_int_eq(role_match_compare(&none, &none), 0);
    role_free(a);
    role_free(b);
}
END_TEST

Suite *rank_suite(void)
{
    Suite *suite = suite_create("rank");
    TCase *tcase = tcase_create("rank");

    tcase_add_loop_test(tcase, more_literal_wins, 0, COUNT(cases));
    tcase_add_loop_test(tcase, more_literal_deny_wins, 0, COUNT(cases));
    tcase_add_test(tcase, lower_id_wins_among_equals);
    tcase_add_test(tcase, equal_ranks_of_two_roles_go_by_id);
    suite_add_tcase(suite, tcase);
    return suite;
}
