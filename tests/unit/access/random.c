/*
 * Random roles over a tiny alphabet, where nearly everything collides, against the slow reference
 * and against properties. The seed is fixed: a failure repeats.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/access/role.h"
#include "agent/access/why.h"
#include "tests/support/tier.h"
#include "tests/unit/access/reference.h"
#include "tests/unit/access/suites.h"

#define QUERY_COUNT 2000
#define RULES_MAX   14

/* ck_assert() writes to a pipe each time, which is too slow here. */
static void require(bool is_met, const char *what)
{
    if (!is_met) {
        ck_abort_msg("%s", what);
    }
}

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % below;
}

#define PICK(array) ((array)[draw(sizeof(array) / sizeof((array)[0]))])

struct drawn_rules {
    char texts[RULES_MAX][160];
    char ids[RULES_MAX][8];
    struct role_source sources[RULES_MAX];
    size_t count;
};

struct drawn_query {
    char path[160];
    struct role_query query;
};

static void add(char *text, size_t capacity, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t capacity, const char *format, ...)
{
    size_t length = strlen(text);
    va_list args;

    va_start(args, format);
    int more = vsnprintf(text + length, capacity - length, format, args);
    va_end(args);
    require(more >= 0 && (size_t)more < capacity - length, format);
}

static void draw_template(char *text, size_t capacity)
{
    static const char *const segments[] = {
        "a",   "a",   "b",   "A",   "ab", "a:b",   "{x}",     "{x}", "*",     "a{x}",   "{x}b",
        "a*b", "ab*", "*Ab", "%2F", "*F", "a%3Ab", "{@user}", "a:*", "{x}:b", "{@team}"};
    uint32_t count = draw(5);
    uint32_t end = draw(4);
    unsigned names = 0;

    for (uint32_t i = 0; i < count; i++) {
        const char *segment = PICK(segments);
        /* A parameter's name may not stand twice. */
        if (strstr(segment, "{x}") && names++ > 0) {
            segment = "*";
        }
        add(text, capacity, "/%s", segment);
    }
    if (end == 0) {
        add(text, capacity, "/**");
    } else if (end == 1 || count == 0) {
        add(text, capacity, "/");
    }
}

static void draw_rules(struct drawn_rules *out, uint32_t max)
{
    static const char *const methods[] = {"*",   "*",    "GET",      "GET,POST",
                                          "get", "HEAD", "GET,HEAD", "POST"};
    static const char *const hosts[] = {"*", "*", "*", "*.x", "*.b.x", "a.x", "b.x", "a.b.x", "x"};

    out->count = 1 + draw(max);
    for (size_t i = 0; i < out->count; i++) {
        char *text = out->texts[i];
        /* One draw a statement: the order of arguments is the compiler's. */
        const char *effect = draw(4) == 0 ? "deny" : "allow";
        const char *method = PICK(methods);
        const char *host = PICK(hosts);
        text[0] = '\0';
        add(text, sizeof(out->texts[i]), "%s %s %s ", effect, method, host);
        draw_template(text, sizeof(out->texts[i]));
        snprintf(out->ids[i], sizeof(out->ids[i]), "%zu", (i * 5) % RULES_MAX);
        out->sources[i] = (struct role_source){str_from_c(out->ids[i]), str_from_c(text)};
    }
}

static void draw_query(struct drawn_query *out)
{
    static const char *const methods[] = {"GET", "GET", "HEAD", "POST", "get", "PUT"};
    static const char *const hosts[] = {"x",       "a.x", "b.x", "a.b.x", "c.b.x",
                                        "y.x.b.x", "y",   "xx",  NULL};
    static const char *const segments[] = {"a",   "a",     "b",       "A",    "ab",   "aab", "AB",
                                           "a:b", "a%3Ab", "a%3AB",   "%2F",  "x%2F", "abb", "aB",
                                           "Bob", "bob",   "%62ob@x", "a%40", "aF",   "c",   ""};
    static const char *const users[] = {"bob", "Bob", "a", "bob@x", "a@", "a:b", "", NULL};
    uint32_t count = draw(6);

    out->path[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        add(out->path, sizeof(out->path), "/%s", PICK(segments));
    }
    if (count == 0 || draw(4) == 0) {
        add(out->path, sizeof(out->path), "/");
    }
    out->query.method = str_from_c(PICK(methods));
    out->query.host = str_from_c(PICK(hosts));
    out->query.path = str_from_c(out->path);
    out->query.user = str_from_c(PICK(users));
    out->query.team = str_from_c(PICK(users));
}

static struct role *compile(const struct role_source *sources, size_t count)
{
    struct role *role = NULL;
    struct diag diag;

    ck_assert_msg(role_compile(sources, count, &role, &diag) == ERR_OK, "%s", diag.text);
    return role;
}

static void check_rule(struct str found, struct str expected, const struct drawn_rules *rules,
                       const struct drawn_query *query)
{
    if (str_is_absent(found) == str_is_absent(expected) && str_equal(found, expected)) {
        return;
    }
    for (size_t i = 0; i < rules->count; i++) {
        fprintf(stderr, "%s: %s\n", rules->ids[i], rules->texts[i]);
    }
    ck_abort_msg("%.*s host \"%.*s\" %s user \"%.*s\" team \"%.*s\": found %.*s, expected %.*s",
                 STR_ARG(query->query.method), STR_ARG(query->query.host), query->path,
                 STR_ARG(query->query.user), STR_ARG(query->query.team), STR_ARG(found),
                 STR_ARG(expected));
}

START_TEST(matches_what_the_reference_matches)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct role_match deny, allow;
    size_t role_count = is_long_run() ? 300 : 60;
    size_t allow_count = 0;
    size_t deny_count = 0;

    state = 1;
    for (size_t i = 0; i < role_count; i++) {
        draw_rules(&rules, RULES_MAX);
        struct role *role = compile(rules.sources, rules.count);
        for (int j = 0; j < QUERY_COUNT; j++) {
            draw_query(&query);
            role_match(role, &query.query, &deny, &allow);
            check_rule(allow.rule, reference_match(rules.sources, rules.count, true, &query.query),
                       &rules, &query);
            check_rule(deny.rule, reference_match(rules.sources, rules.count, false, &query.query),
                       &rules, &query);
            allow_count += !str_is_absent(allow.rule);
            deny_count += !str_is_absent(deny.rule);
        }
        role_free(role);
    }
    /* The alphabet is small enough for the test to mean something. */
    ck_assert_uint_gt(allow_count, role_count * QUERY_COUNT / 20);
    ck_assert_uint_gt(deny_count, role_count * QUERY_COUNT / 40);
}
END_TEST

static void shuffle(struct role_source *sources, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = draw((uint32_t)i);
        struct role_source swapped = sources[i - 1];
        sources[i - 1] = sources[other];
        sources[other] = swapped;
    }
}

START_TEST(order_of_rules_never_matters)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct role_match deny, allow, other_deny, other_allow;

    state = 2;
    for (int i = 0; i < 100; i++) {
        draw_rules(&rules, RULES_MAX);
        struct role *role = compile(rules.sources, rules.count);
        shuffle(rules.sources, rules.count);
        struct role *other = compile(rules.sources, rules.count);
        for (int j = 0; j < 300; j++) {
            draw_query(&query);
            role_match(role, &query.query, &deny, &allow);
            role_match(other, &query.query, &other_deny, &other_allow);
            check_rule(other_allow.rule, allow.rule, &rules, &query);
            check_rule(other_deny.rule, deny.rule, &rules, &query);
        }
        role_free(role);
        role_free(other);
    }
}
END_TEST

START_TEST(another_deny_never_allows_more)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct role_match deny, allow, more_deny, more_allow;
    size_t lost_count = 0;

    state = 3;
    for (int i = 0; i < 100; i++) {
        draw_rules(&rules, RULES_MAX - 1);
        struct role *role = compile(rules.sources, rules.count);
        char *text = rules.texts[rules.count];
        text[0] = '\0';
        add(text, sizeof(rules.texts[0]), "deny * * ");
        draw_template(text, sizeof(rules.texts[0]));
        rules.sources[rules.count++] = (struct role_source){STR("new"), str_from_c(text)};
        struct role *more = compile(rules.sources, rules.count);
        for (int j = 0; j < 300; j++) {
            draw_query(&query);
            role_match(role, &query.query, &deny, &allow);
            role_match(more, &query.query, &more_deny, &more_allow);
            check_rule(more_allow.rule, allow.rule, &rules, &query);
            require(str_is_absent(deny.rule) || !str_is_absent(more_deny.rule), query.path);
            lost_count += str_is_absent(deny.rule) && !str_is_absent(more_deny.rule);
        }
        role_free(role);
        role_free(more);
    }
    ck_assert_uint_gt(lost_count, 0);
}
END_TEST

START_TEST(a_deny_matches_all_that_the_same_allow_matches)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct role_match deny, allow;
    char denies[RULES_MAX][160];

    state = 4;
    for (int i = 0; i < 100; i++) {
        draw_rules(&rules, 1);
        const char *words = strchr(rules.texts[0], ' ');
        snprintf(denies[0], sizeof(denies[0]), "deny%s", words);
        snprintf(denies[1], sizeof(denies[1]), "allow%s", words);
        struct role_source both[] = {{STR("deny"), str_from_c(denies[0])},
                                     {STR("allow"), str_from_c(denies[1])}};
        struct role *role = compile(both, 2);
        for (int j = 0; j < 300; j++) {
            draw_query(&query);
            role_match(role, &query.query, &deny, &allow);
            require(str_is_absent(allow.rule) || !str_is_absent(deny.rule), query.path);
        }
        role_free(role);
    }
}
END_TEST

/* What is said of a rule and of its parts is what the matcher does. */
START_TEST(a_rule_matches_where_each_of_its_parts_does)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct why why;
    struct diag diag;
    size_t counts[2] = {0};

    state = 6;
    for (int i = 0; i < 8000; i++) {
        draw_rules(&rules, 1);
        draw_query(&query);
        bool allows = rules.texts[0][0] == 'a';
        bool expected = !str_is_absent(reference_match(rules.sources, 1, allows, &query.query));
        require(why_find(&rules.sources[0], &query.query, &why, &diag) == ERR_OK, diag.text);
        require(why.matches == expected && why.allows == allows, rules.texts[0]);
        require(why.matches == (why.method && why.host && why.path), rules.texts[0]);
        require((why.segment > 0) == !why.path, rules.texts[0]);
        counts[why.matches]++;
    }
    ck_assert_uint_gt(counts[0], 50);
    ck_assert_uint_gt(counts[1], 50);
}
END_TEST

/* The winner over two roles is the winner of one role with the rules of both. */
START_TEST(matches_of_different_roles_compare_like_rules_of_one)
{
    struct drawn_rules rules;
    struct drawn_query query;
    struct role_match deny, allow, halves[2], deny_halves[2];

    state = 5;
    for (int i = 0; i < 200; i++) {
        draw_rules(&rules, RULES_MAX);
        size_t half = rules.count / 2;
        struct role *whole = compile(rules.sources, rules.count);
        struct role *left = compile(rules.sources, half);
        struct role *right = compile(rules.sources + half, rules.count - half);
        for (int j = 0; j < 300; j++) {
            draw_query(&query);
            role_match(whole, &query.query, &deny, &allow);
            role_match(left, &query.query, &deny_halves[0], &halves[0]);
            role_match(right, &query.query, &deny_halves[1], &halves[1]);
            int order = role_match_compare(&halves[0], &halves[1]);
            require((order > 0) == (role_match_compare(&halves[1], &halves[0]) < 0), query.path);
            check_rule(halves[order < 0].rule, allow.rule, &rules, &query);
            order = role_match_compare(&deny_halves[0], &deny_halves[1]);
            check_rule(deny_halves[order < 0].rule, deny.rule, &rules, &query);
        }
        role_free(whole);
        role_free(left);
        role_free(right);
    }
}
END_TEST

Suite *random_suite(void)
{
    Suite *suite = suite_create("random");
    TCase *tcase = tcase_create("random");

    tcase_set_timeout(tcase, 280);
    tcase_add_test(tcase, matches_what_the_reference_matches);
    tcase_add_test(tcase, order_of_rules_never_matters);
    tcase_add_test(tcase, another_deny_never_allows_more);
    tcase_add_test(tcase, a_deny_matches_all_that_the_same_allow_matches);
    tcase_add_test(tcase, matches_of_different_roles_compare_like_rules_of_one);
    tcase_add_test(tcase, a_rule_matches_where_each_of_its_parts_does);
    suite_add_tcase(suite, tcase);
    return suite;
}
