/* Hand-written cases of what role.h promises. */
#include "agent/access/role.h"
#include "tests/unit/access/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define RULES_MAX    8

static struct role *compile(const char *const *texts)
{
    static const char *const ids[RULES_MAX] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct role_source sources[RULES_MAX];
    struct role *role = NULL;
    struct diag diag;
    size_t count = 0;

    while (count < RULES_MAX && texts[count]) {
        sources[count] = (struct role_source){str_from_c(ids[count]), str_from_c(texts[count])};
        count++;
    }
    ck_assert_msg(role_compile(sources, count, &role, &diag) == ERR_OK, "%s", diag.text);
    return role;
}

/* "-" stands for no rule. */
static void check(struct str rule, const char *expected, const char *name)
{
    struct str text = str_is_absent(rule) ? STR("-") : rule;

    ck_assert_msg(str_equal(text, str_from_c(expected)), "%s: rule %.*s, expected %s", name,
                  STR_ARG(text), expected);
}

static struct role_query query_of(const char *method, const char *host, const char *path)
{
    return (struct role_query){
        .method = str_from_c(method),
        .host = str_from_c(host),
        .path = str_from_c(path),
        .user = STR("alice"),
        .team = STR("payments"),
    };
}

struct match_case {
    const char *name;
    const char *rule;
    const char *method;
    const char *host; /* NULL: none */
    const char *path;
    bool is_match;
};

static void check_case(const struct match_case *c)
{
    struct role *role = compile((const char *const[]){c->rule, NULL});
    struct role_query query = query_of(c->method, c->host, c->path);
    struct role_match deny, allow;
    bool allows = c->rule[0] == 'a';

    role_match(role, &query, &deny, &allow);
    check(allow.rule, allows && c->is_match ? "0" : "-", c->name);
    check(deny.rule, !allows && c->is_match ? "0" : "-", c->name);
    role_free(role);
}

static const struct match_case method_cases[] = {
    {"another method", "allow GET * /a", "POST", "h", "/a", false},
    {"method in another case", "allow GET * /a", "get", "h", "/a", false},
    {"method as prefix", "allow GET * /a", "GETS", "h", "/a", false},
    {"method cut", "allow GET * /a", "GE", "h", "/a", false},
    {"no method", "allow GET * /a", "", "h", "/a", false},
    {"HEAD does not cover GET", "allow HEAD * /a", "GET", "h", "/a", false},
    {"POST does not cover HEAD", "allow POST * /a", "HEAD", "h", "/a", false},
    {"head in lower case", "allow GET * /a", "head", "h", "/a", false},
    {"long method for a named one", "allow GET * /a", "GETGETGETGETGETGETGETGETGETGETGETGET", "h",
     "/a", false},
    {"the method", "allow GET * /a", "GET", "h", "/a", true},
    {"GET covers HEAD", "allow GET * /a", "HEAD", "h", "/a", true},
    {"one of two", "allow PUT,POST * /a", "POST", "h", "/a", true},
    {"any", "allow * * /a", "PURGE", "h", "/a", true},
    {"any, a long one", "allow * * /a", "GETGETGETGETGETGETGETGETGETGETGETGET", "h", "/a", true},
    {"any, a star", "allow * * /a", "*", "h", "/a", true},
};

static const struct match_case host_cases[] = {
    {"another host", "allow * a.example.com /", "GET", "b.example.com", "/", false},
    {"no host", "allow * a.example.com /", "GET", NULL, "/", false},
    {"empty host", "allow * a.example.com /", "GET", "", "/", false},
    {"no host below a domain", "allow * *.example.com /", "GET", NULL, "/", false},
    {"host as suffix", "allow * example.com /", "GET", "a.example.com", "/", false},
    {"host as prefix", "allow * example.com /", "GET", "example.com.evil", "/", false},
    {"domain itself", "allow * *.example.com /", "GET", "example.com", "/", false},
    {"domain without its dot", "allow * *.example.com /", "GET", "badexample.com", "/", false},
    {"domain with an empty label", "allow * *.example.com /", "GET", ".example.com", "/", false},
    {"pattern sent as host", "allow * *.example.com /", "GET", "*", "/", false},
    {"star sent as host", "allow * a.example.com /", "GET", "*.example.com", "/", false},
    {"the host", "allow * a.example.com /", "GET", "a.example.com", "/", true},
    {"one label below", "allow * *.example.com /", "GET", "a.example.com", "/", true},
    {"two labels below", "allow * *.example.com /", "GET", "b.a.example.com", "/", true},
    {"pattern sent as a label", "allow * *.example.com /", "GET", "*.example.com", "/", true},
    {"any host", "allow * * /", "GET", "a.example.com", "/", true},
    {"any host, none", "allow * * /", "GET", NULL, "/", true},
    {"deny below a domain", "deny * *.example.com /", "GET", "a.example.com", "/", true},
    {"deny, another host", "deny * *.example.com /", "GET", "a.example.org", "/", false},
};

static const struct match_case path_cases[] = {
    {"empty path", "allow * * /**", "GET", "h", "", false},
    {"path without slash", "allow * * /**", "GET", "h", "a", false},
    {"star for a path", "allow * * /**", "OPTIONS", "h", "*", false},
    {"final slash", "allow * * /a", "GET", "h", "/a/", false},
    {"no final slash", "allow * * /a/", "GET", "h", "/a", false},
    {"another case", "allow * * /a", "GET", "h", "/A", false},
    {"longer", "allow * * /a", "GET", "h", "/a/b", false},
    {"shorter", "allow * * /a/b", "GET", "h", "/a", false},
    {"prefix of a segment", "allow * * /a", "GET", "h", "/ab", false},
    {"root and more", "allow * * /", "GET", "h", "/a", false},
    {"root", "allow * * /", "GET", "h", "/", true},
    {"literals", "allow * * /a/b", "GET", "h", "/a/b", true},
    {"kept final slash", "allow * * /a/", "GET", "h", "/a/", true},
    {"escape", "allow * * /a%20b", "GET", "h", "/a%20b", true},
    {"escape is no plain byte", "allow * * /a:b", "GET", "h", "/a%3Ab", false},
    {"empty for a parameter", "allow * * /a/{id}", "GET", "h", "/a/", false},
    {"none for a parameter", "allow * * /a/{id}", "GET", "h", "/a", false},
    {"two for a parameter", "allow * * /a/{id}", "GET", "h", "/a/b/c", false},
    {"slash behind a parameter", "allow * * /a/{id}", "GET", "h", "/a/b/", false},
    {"empty between", "allow * * /a/{id}/b", "GET", "h", "/a//b", false},
    {"parameter", "allow * * /a/{id}", "GET", "h", "/a/b", true},
    {"star", "allow * * /a/*", "GET", "h", "/a/b", true},
    {"parameter takes an escaped slash", "allow * * /a/{id}", "GET", "h", "/a/b%2Fc", true},
    {"suffix alone", "allow * * /{id}.json", "GET", "h", "/.json", false},
    {"another suffix", "allow * * /{id}.json", "GET", "h", "/a.jso", false},
    {"suffix in another case", "allow * * /{id}.json", "GET", "h", "/a.JSON", false},
    {"suffix inside an escape", "allow * * /{id}F", "GET", "h", "/a%2F", false},
    {"suffix that cuts an escape", "allow * * /{id}2F", "GET", "h", "/a%2F", false},
    {"suffix behind an escape", "allow * * /{id}F", "GET", "h", "/a%2FF", true},
    {"suffix of an escape", "allow * * /{id}%2F", "GET", "h", "/a%2F", true},
    {"suffix", "allow * * /{id}.json", "GET", "h", "/a.json", true},
    {"suffix twice", "allow * * /{id}.json", "GET", "h", "/a.json.json", true},
    {"verb", "allow * * /v1/{id}:cancel", "GET", "h", "/v1/7:cancel", true},
    {"another verb", "allow * * /v1/{id}:cancel", "GET", "h", "/v1/7:refund", false},
    {"prefix alone", "allow * * /v{n}", "GET", "h", "/v", false},
    {"prefix", "allow * * /v{n}", "GET", "h", "/v1", true},
    {"prefix and suffix overlap", "allow * * /ab*bc", "GET", "h", "/abc", false},
    {"prefix and suffix meet", "allow * * /ab*bc", "GET", "h", "/abbc", false},
    {"prefix and suffix", "allow * * /ab*bc", "GET", "h", "/abxbc", true},
    {"rest without its segment", "allow * * /a/**", "GET", "h", "/", false},
    {"rest beside", "allow * * /a/**", "GET", "h", "/ab", false},
    {"rest of nothing", "allow * * /a/**", "GET", "h", "/a", true},
    {"rest of a slash", "allow * * /a/**", "GET", "h", "/a/", true},
    {"rest of one", "allow * * /a/**", "GET", "h", "/a/b", true},
    {"rest of many", "allow * * /a/**", "GET", "h", "/a/b/c/d/", true},
    {"rest of empty segments", "allow * * /a/**", "GET", "h", "/a//b", true},
    {"rest of all, root", "allow * * /**", "GET", "h", "/", true},
    {"rest of all", "allow * * /**", "GET", "h", "/a/b", true},
    {"rest behind a parameter", "allow * * /{x}/**", "GET", "h", "/a", true},
    {"rest behind an empty parameter", "allow * * /{x}/**", "GET", "h", "/", false},
    {"another user", "allow * * /u/{@user}", "GET", "h", "/u/bob", false},
    {"user cut", "allow * * /u/{@user}", "GET", "h", "/u/alic", false},
    {"user and more", "allow * * /u/{@user}", "GET", "h", "/u/alice2", false},
    {"user in another case", "allow * * /u/{@user}", "GET", "h", "/u/Alice", false},
    {"empty for a user", "allow * * /u/{@user}", "GET", "h", "/u/", false},
    {"user", "allow * * /u/{@user}", "GET", "h", "/u/alice", true},
    {"team for a user", "allow * * /u/{@user}", "GET", "h", "/u/payments", false},
    {"team", "allow * * /t/{@team}/x", "GET", "h", "/t/payments/x", true},
    {"user and team", "allow * * /{@team}/{@user}", "GET", "h", "/payments/alice", true},
};

static const struct match_case deny_cases[] = {
    {"another path", "deny * * /admin", "GET", "h", "/adm", false},
    {"below", "deny * * /admin", "GET", "h", "/admin/x", false},
    {"the path", "deny * * /admin", "GET", "h", "/admin", true},
    {"case of the path", "deny * * /admin", "GET", "h", "/ADMIN", true},
    {"case of the template", "deny * * /Admin", "GET", "h", "/admin", true},
    {"final slash", "deny * * /admin", "GET", "h", "/admin/", true},
    {"final slashes", "deny * * /admin", "GET", "h", "/admin//", true},
    {"final slash of the template", "deny * * /admin/", "GET", "h", "/admin", true},
    {"root", "deny * * /", "GET", "h", "/", true},
    {"root is not all", "deny * * /", "GET", "h", "/a", false},
    {"rest", "deny * * /admin/**", "GET", "h", "/ADMIN/x/", true},
    {"rest of nothing", "deny * * /admin/**", "GET", "h", "/Admin", true},
    {"everything", "deny * * /**", "GET", "h", "/", true},
    {"parameter and slash", "deny * * /a/{id}", "GET", "h", "/A/x/", true},
    {"parameter and only a slash", "deny * * /a/{id}", "GET", "h", "/a/", false},
    {"escaped colon", "deny * * /v1/{id}:cancel", "GET", "h", "/v1/7%3Acancel", true},
    {"escaped colon in the template", "deny * * /v1/{id}%3Acancel", "GET", "h", "/v1/7:Cancel",
     true},
    {"escaped at", "deny * * /@admin", "GET", "h", "/%40admin", true},
    {"escaped slash is none", "deny * * /a/b", "GET", "h", "/a%2Fb", false},
    {"escaped slash", "deny * * /a%2Fb", "GET", "h", "/A%2Fb", true},
    {"escaped percent is none", "deny * * /a%253", "GET", "h", "/a%253", true},
    {"escaped UTF-8", "deny * * /caf%C3%A9", "GET", "h", "/CAF%C3%A9", true},
    {"suffix in another case", "deny * * /{x}.PHP", "GET", "h", "/a.php", true},
    {"suffix inside an escape", "deny * * /{x}f", "GET", "h", "/a%2F", false},
    {"user in another case", "deny * * /{@user}", "GET", "h", "/ALICE", true},
    {"another user", "deny * * /{@user}", "GET", "h", "/bob", false},
    {"case of the method", "deny DELETE * /a", "delete", "h", "/a", true},
    {"case of the rule's method", "deny delete * /a", "DELETE", "h", "/a", true},
    {"another method", "deny DELETE * /a", "GET", "h", "/a", false},
    {"GET covers HEAD", "deny GET * /a", "head", "h", "/a", true},
    {"long method", "deny GET * /a", "GETGETGETGETGETGETGETGETGETGETGETGET", "h", "/a", false},
    {"long method, any", "deny * * /a", "GETGETGETGETGETGETGETGETGETGETGETGET", "h", "/a", true},
};

START_TEST(methods)
{
    check_case(&method_cases[_i]);
}
END_TEST

START_TEST(hosts)
{
    check_case(&host_cases[_i]);
}
END_TEST

START_TEST(paths)
{
    check_case(&path_cases[_i]);
}
END_TEST

START_TEST(denies_see_other_spellings)
{
    check_case(&deny_cases[_i]);
}
END_TEST

START_TEST(callers_without_name_match_no_name)
{
    struct role *role = compile((const char *const[]){
        "allow * * /{@user}/x", "allow * * /{@team}/y", "deny * * /{@team}/z", NULL});
    const char *const asked[] = {"/alice/x", "/payments/y", "//x", "//y", "/payments/z", "//z"};
    struct str nobodies[] = {STR_ABSENT, STR("")};
    struct role_match deny, allow;

    for (int i = 0; i < COUNT(asked); i++) {
        for (int j = 0; j < COUNT(nobodies); j++) {
            struct role_query query = query_of("GET", "h", asked[i]);
            query.user = query.team = nobodies[j];
            role_match(role, &query, &deny, &allow);
            check(allow.rule, "-", asked[i]);
            check(deny.rule, "-", asked[i]);
        }
    }
    role_free(role);
}
END_TEST

START_TEST(a_caller_may_be_spelled_with_escapes)
{
    struct role *role = compile((const char *const[]){"allow * * /{@user}", NULL});
    struct role_query query = query_of("GET", "h", "/bob%40example.org");
    struct role_match deny, allow;

    query.user = STR("bob@example.org");
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "0", "escaped");
    query.path = STR("/bob@example.org");
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "0", "plain");
    query.path = STR("/bob%2540example.org");
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "-", "escaped twice");
    role_free(role);
}
END_TEST

START_TEST(a_path_too_long_matches_nothing)
{
    static char path[ROLE_PATH_BYTES_MAX + 2];
    struct role *role = compile((const char *const[]){"allow * * /**", "deny * * /**", NULL});
    struct role_query query = query_of("GET", "h", "");
    struct role_match deny, allow;

    memset(path, 'a', sizeof(path));
    path[0] = '/';
    query.path = str_make(path, ROLE_PATH_BYTES_MAX);
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "0", "longest");
    check(deny.rule, "1", "longest");
    query.path.len++;
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "-", "too long");
    check(deny.rule, "-", "too long");
    role_free(role);
}
END_TEST

START_TEST(a_role_without_rules_matches_nothing)
{
    struct role *role = compile((const char *const[]){NULL});
    struct role_query query = query_of("GET", "h", "/");
    struct role_match deny, allow;

    role_match(role, &query, &deny, &allow);
    check(allow.rule, "-", "empty");
    check(deny.rule, "-", "empty");
    role_free(role);
}
END_TEST

START_TEST(a_match_carries_cost_and_limits)
{
    struct role *role =
        compile((const char *const[]){"allow GET * /a cost=7 limit=x,y", "allow GET * /b", NULL});
    struct role_query query = query_of("GET", "h", "/a");
    struct role_match deny, allow;

    role_match(role, &query, &deny, &allow);
    ck_assert_uint_eq(allow.cost, 7);
    ck_assert_uint_eq(allow.limit_count, 2);
    ck_assert(str_equal(allow.limits[0], STR("x")) && str_equal(allow.limits[1], STR("y")));
    query.path = STR("/b");
    role_match(role, &query, &deny, &allow);
    ck_assert_uint_eq(allow.cost, 1);
    ck_assert_uint_eq(allow.limit_count, 0);
    role_free(role);
}
END_TEST

START_TEST(a_role_borrows_nothing_from_its_sources)
{
    char id[] = "10";
    char text[] = "allow GET a.b /x/{y}.z limit=l";
    struct role_source source = {str_from_c(id), str_from_c(text)};
    struct role_query query = query_of("GET", "a.b", "/x/1.z");
    struct role_match deny, allow;
    struct role *role = NULL;

    ck_assert_int_eq(role_compile(&source, 1, &role, NULL), ERR_OK);
    memset(id, '#', sizeof(id));
    memset(text, '#', sizeof(text));
    role_match(role, &query, &deny, &allow);
    check(allow.rule, "10", "scrambled");
    ck_assert(str_equal(allow.limits[0], STR("l")));
    role_free(role);
}
END_TEST

Suite *match_suite(void)
{
    Suite *suite = suite_create("match");
    TCase *tcase = tcase_create("match");

    tcase_add_loop_test(tcase, methods, 0, COUNT(method_cases));
    tcase_add_loop_test(tcase, hosts, 0, COUNT(host_cases));
    tcase_add_loop_test(tcase, paths, 0, COUNT(path_cases));
    tcase_add_loop_test(tcase, denies_see_other_spellings, 0, COUNT(deny_cases));
    tcase_add_test(tcase, callers_without_name_match_no_name);
    tcase_add_test(tcase, a_caller_may_be_spelled_with_escapes);
    tcase_add_test(tcase, a_path_too_long_matches_nothing);
    tcase_add_test(tcase, a_role_without_rules_matches_nothing);
    tcase_add_test(tcase, a_match_carries_cost_and_limits);
    tcase_add_test(tcase, a_role_borrows_nothing_from_its_sources);
    suite_add_tcase(suite, tcase);
    return suite;
}
