/* What a role may cost: rules refused, steps bounded, memory failing. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/access/role.h"
#include "agent/access/tree.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/access/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

/* Rules that a test makes up; texts and ids are its own. */
struct made {
    size_t count;
    struct role_source *sources;
    char (*texts)[256];
    char (*ids)[24];
};

static struct made made_new(size_t count)
{
    struct made made = {
        .count = count,
        .sources = calloc(count, sizeof(*made.sources)),
        .texts = calloc(count, sizeof(*made.texts)),
        .ids = calloc(count, sizeof(*made.ids)),
    };

    ck_assert(made.sources && made.texts && made.ids);
    for (size_t i = 0; i < count; i++) {
        snprintf(made.ids[i], sizeof(made.ids[i]), "r%zu", i);
        made.sources[i].id = str_from_c(made.ids[i]);
    }
    return made;
}

/* After the texts were written. */
static void made_seal(struct made *made)
{
    for (size_t i = 0; i < made->count; i++) {
        made->sources[i].text = str_from_c(made->texts[i]);
    }
}

static void made_free(struct made *made)
{
    free(made->sources);
    free(made->texts);
    free(made->ids);
}

static void check_refused(const struct made *made, enum err expected, const char *told)
{
    struct role *role = NULL;
    struct diag diag;

    ck_assert_int_eq(role_compile(made->sources, made->count, &role, &diag), expected);
    ck_assert_ptr_null(role);
    ck_assert_msg(strstr(diag.text, told) != NULL, "%s", diag.text);
}

static void check_taken(const struct made *made)
{
    struct role *role = NULL;
    struct diag diag;

    ck_assert_msg(role_compile(made->sources, made->count, &role, &diag) == ERR_OK, "%s",
                  diag.text);
    role_free(role);
}

START_TEST(refuses_a_rule_too_many)
{
    struct made made = made_new(ROLE_RULES_MAX + 1);

    for (size_t i = 0; i < made.count; i++) {
        snprintf(made.texts[i], sizeof(made.texts[i]), "allow GET * /%zu", i);
    }
    made_seal(&made);
    check_refused(&made, ERR_RANGE, "more than 20000 rules");
    made.count--;
    check_taken(&made);
    made.count++;
    made_free(&made);
}
END_TEST

START_TEST(refuses_an_id_twice)
{
    const struct role_source sources[] = {{STR("b"), STR("allow GET * /x")},
                                          {STR("a"), STR("allow GET * /y")},
                                          {STR("b"), STR("deny GET * /z")}};
    struct role *role = NULL;
    struct diag diag;

    ck_assert_int_eq(role_compile(sources, 3, &role, &diag), ERR_SYNTAX);
    ck_assert_str_eq(diag.text, "rule:b: stands twice");
}
END_TEST

START_TEST(names_the_rule_that_does_not_parse)
{
    const struct role_source sources[] = {{STR("a"), STR("allow GET * /x")},
                                          {STR("b"), STR("allow GET * /%")},
                                          {STR("c"), STR("deny GET * /z")}};
    struct role *role = NULL;
    struct diag diag;

    ck_assert_int_eq(role_compile(sources, 3, &role, &diag), ERR_SYNTAX);
    ck_assert_str_eq(diag.text, "rule:b: template: segment 1: an escape needs two upper-case hex "
                                "digits");
    ck_assert_int_eq(role_compile(sources, 3, &role, NULL), ERR_SYNTAX);
    ck_assert_ptr_null(role);
}
END_TEST

START_TEST(refuses_too_many_nodes)
{
    struct made made = made_new(ROLE_RULES_MAX);

    /* 16 segments of its own for every rule. */
    for (size_t i = 0; i < made.count; i++) {
        snprintf(made.texts[i], sizeof(made.texts[i]),
                 "allow GET * /%zu/a/b/c/d/e/f/g/h/i/j/k/l/m/n", i);
    }
    made_seal(&made);
    check_refused(&made, ERR_RANGE, "more than 262144 hosts and segments");
    made.count = 15000;
    check_taken(&made);
    made_free(&made);
}
END_TEST

START_TEST(refuses_too_many_methods)
{
    struct made made = made_new(TREE_METHODS_MAX + 1);

    for (size_t i = 0; i < made.count; i++) {
        snprintf(made.texts[i], sizeof(made.texts[i]), "allow M%zu,GET * /", i);
    }
    made_seal(&made);
    check_refused(&made, ERR_RANGE, "more than 64 different methods");
    made.count = TREE_METHODS_MAX - 1;
    check_taken(&made);
    made_free(&made);
}
END_TEST

START_TEST(refuses_too_many_lengths_of_affixes)
{
    struct made made = made_new(TREE_SHAPES_MAX + 1);

    for (size_t i = 0; i < made.count; i++) {
        snprintf(
            made.texts[i], sizeof(made.texts[i]), "allow GET * /x/{n}%.*s", (int)i + 1,
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    }
    made_seal(&made);
    check_refused(&made, ERR_RANGE, "more than 64 lengths");
    made.count--;
    check_taken(&made);
    made_free(&made);
}
END_TEST

/* Every segment a literal or a parameter, in all combinations: 2^bits templates. */
static struct made made_combinations(const char *effect, unsigned bits)
{
    struct made made = made_new((size_t)1 << bits);

    for (size_t i = 0; i < made.count; i++) {
        int at = snprintf(made.texts[i], sizeof(made.texts[i]), "%s PUT * ", effect);
        for (unsigned bit = 0; bit < bits; bit++) {
            at += snprintf(made.texts[i] + at, sizeof(made.texts[i]) - (size_t)at,
                           (i >> bit) & 1 ? "/a" : "/*");
        }
    }
    made_seal(&made);
    return made;
}

START_TEST(refuses_roles_that_could_make_a_path_slow)
{
    static const char *const effects[] = {"allow", "deny"};

    for (int i = 0; i < COUNT(effects); i++) {
        struct made made = made_combinations(effects[i], 10);
        check_refused(&made, ERR_RANGE, "in too many ways");
        made_free(&made);
        made = made_combinations(effects[i], 7);
        check_taken(&made);
        made_free(&made);
    }
}
END_TEST

/* A tree of the rules' allows. */
static struct tree tree_of(const struct made *made)
{
    struct tree_size size = {0};
    struct tree tree;
    struct rule rule;
    struct template template;

    for (int run = 0; run < 2; run++) {
        for (size_t i = 0; i < made->count; i++) {
            ck_assert(rule_parse(made->sources[i].id, made->sources[i].text, &rule, NULL) ==
                          ERR_OK &&
                      template_parse(rule.template, &template, NULL) == ERR_OK);
            if (run == 0) {
                tree_measure(&size, &rule, &template);
            } else {
                ck_assert_int_eq(tree_add(&tree, &rule, &template, (uint32_t)i, NULL), ERR_OK);
            }
        }
        if (run == 0) {
            ck_assert_int_eq(tree_start(&tree, &size, false), ERR_OK);
        }
    }
    ck_assert_int_eq(tree_finish(&tree, NULL), ERR_OK);
    return tree;
}

static uint32_t steps_of(const struct tree *tree, const char *host, const char *path)
{
    struct role_query query = {
        .method = STR("GET"),
        .host = str_from_c(host),
        .path = str_from_c(path),
        .user = STR("a"),
        .team = STR("a"),
    };
    uint32_t steps;

    (void)tree_find(tree, &query, &steps);
    ck_assert_uint_le(steps, tree->steps_max);
    return steps;
}

START_TEST(the_worst_case_is_known_and_kept)
{
    struct made made = made_combinations("allow", 7);
    struct tree tree = tree_of(&made);

    /* No rule has the method, so every way is walked: 2^8 - 1 nodes and 2^7 ends. */
    ck_assert_uint_eq(tree.steps_max, 255 + 128);
    ck_assert_uint_eq(steps_of(&tree, "h", "/a/a/a/a/a/a/a"), 255 + 128);
    tree_fini(&tree);
    made_free(&made);
}
END_TEST

START_TEST(affixes_users_and_hosts_count_into_the_worst_case)
{
    static const char *const rules[] = {
        "allow PUT * /a*/x",      "allow PUT * /*a/x",     "allow PUT * /{@user}/x",
        "allow PUT * /{@team}/x", "allow PUT * /{n}/x",    "allow PUT * /aaa/x",
        "allow PUT *.c /**",      "allow PUT *.b.c /a*",   "allow PUT a.b.c /aaa/**",
        "allow PUT x.y.z /1/2/3", "allow PUT * /a*a/x/**", "allow PUT * /a/x",
    };
    static const char *const paths[] = {"/a/x", "/aaa/x", "/aa/x/", "/aaa", "/1/2/3", "/"};
    struct made made = made_new((size_t)COUNT(rules));

    for (int i = 0; i < COUNT(rules); i++) {
        snprintf(made.texts[i], sizeof(made.texts[i]), "%s", rules[i]);
    }
    made_seal(&made);
    struct tree tree = tree_of(&made);
    uint32_t most = 0;
    for (int i = 0; i < COUNT(paths); i++) {
        uint32_t steps = steps_of(&tree, "a.b.c", paths[i]);
        most = steps > most ? steps : most;
    }
    /* The bound is not far from what can be reached. */
    ck_assert_uint_ge(2 * most, tree.steps_max);
    tree_fini(&tree);
    made_free(&made);
}
END_TEST

/* Budget: 10,000 rules against 10 at most 1.1 times; the steps are the same. */
START_TEST(steps_do_not_depend_on_the_number_of_rules)
{
    static const size_t counts[] = {10, 10000};
    uint32_t steps[2];

    for (int i = 0; i < 2; i++) {
        struct made made = made_new(counts[i]);
        for (size_t j = 0; j < made.count; j++) {
            snprintf(made.texts[j], sizeof(made.texts[j]), "allow GET * /v1/resource-%zu/{id}/x",
                     j);
        }
        made_seal(&made);
        struct tree tree = tree_of(&made);
        steps[i] = steps_of(&tree, "h", "/v1/resource-7/42/x");
        ck_assert_uint_eq(steps_of(&tree, "h", "/v1/none/42/x"), 2);
        tree_fini(&tree);
        made_free(&made);
    }
    ck_assert_uint_eq(steps[0], steps[1]);
    /* The root, four segments, the end. */
    ck_assert_uint_eq(steps[0], 6);
}
END_TEST

START_TEST(a_deep_path_takes_no_more_steps_than_the_tree_is_deep)
{
    static char path[8001];
    struct made made = made_new(1);

    for (size_t i = 0; i < sizeof(path) - 1; i++) {
        path[i] = i % 2 == 0 ? '/' : 'a';
    }
    snprintf(made.texts[0], sizeof(made.texts[0]), "allow GET * /*/*/*");
    made_seal(&made);
    struct tree tree = tree_of(&made);
    ck_assert_uint_eq(steps_of(&tree, "h", path), 4);
    tree_fini(&tree);
    made_free(&made);
}
END_TEST

static const struct role_source small_role[] = {
    {STR("1"), STR("allow GET,POST a.b /v1/{id}.json cost=2 limit=a,b")},
    {STR("2"), STR("deny * *.b /v1/**")},
    {STR("3"), STR("allow * * /{@user}/x")},
};

START_TEST(survives_any_allocation_that_fails)
{
    long failures = 0;

    for (bool has_failed = true; has_failed; failures += has_failed) {
        struct role *role = NULL;
        struct diag diag;
        failing_alloc_start(failures + 1);
        enum err err = role_compile(small_role, COUNT(small_role), &role, &diag);
        has_failed = failing_alloc_stop();
        /* Memory that only could not be given back is no failure. */
        ck_assert(err == ERR_OK ? role != NULL : has_failed && err == ERR_MEMORY && !role);
        role_free(role);
    }
    ck_assert_int_ge(failures, 10);
}
END_TEST

START_TEST(matching_allocates_nothing)
{
    struct role_query query = {
        .method = STR("POST"), .host = STR("a.b"), .path = STR("/v1/7.json"), .user = STR("v1")};
    struct role_match deny, allow;
    struct role *role;

    ck_assert_int_eq(role_compile(small_role, COUNT(small_role), &role, NULL), ERR_OK);
    failing_alloc_start(1);
    role_match(role, &query, &deny, &allow);
    ck_assert(!failing_alloc_stop());
    ck_assert(str_equal(allow.rule, STR("1")));
    ck_assert(str_equal(deny.rule, STR("2")));
    role_free(role);
}
END_TEST

START_TEST(memory_grows_with_the_rules)
{
    struct made made = made_new(10000);
    struct role *role, *empty;

    for (size_t i = 0; i < made.count; i++) {
        snprintf(made.texts[i], sizeof(made.texts[i]), "allow GET * /v1/resource-%zu/{id}", i);
    }
    made_seal(&made);
    ck_assert_int_eq(role_compile(made.sources, made.count, &role, NULL), ERR_OK);
    ck_assert_int_eq(role_compile(NULL, 0, &empty, NULL), ERR_OK);
    ck_assert_uint_lt(role_bytes(empty), 512);
    ck_assert_uint_gt(role_bytes(role), made.count * 100);
    ck_assert_uint_lt(role_bytes(role), made.count * 512);
    role_free(role);
    role_free(empty);
    made_free(&made);
}
END_TEST

Suite *bounds_suite(void)
{
    Suite *suite = suite_create("bounds");
    TCase *tcase = tcase_create("bounds");

    tcase_set_timeout(tcase, 280);
    tcase_add_test(tcase, refuses_a_rule_too_many);
    tcase_add_test(tcase, refuses_an_id_twice);
    tcase_add_test(tcase, names_the_rule_that_does_not_parse);
    tcase_add_test(tcase, refuses_too_many_nodes);
    tcase_add_test(tcase, refuses_too_many_methods);
    tcase_add_test(tcase, refuses_too_many_lengths_of_affixes);
    tcase_add_test(tcase, refuses_roles_that_could_make_a_path_slow);
    tcase_add_test(tcase, the_worst_case_is_known_and_kept);
    tcase_add_test(tcase, affixes_users_and_hosts_count_into_the_worst_case);
    tcase_add_test(tcase, steps_do_not_depend_on_the_number_of_rules);
    tcase_add_test(tcase, a_deep_path_takes_no_more_steps_than_the_tree_is_deep);
    tcase_add_test(tcase, survives_any_allocation_that_fails);
    tcase_add_test(tcase, matching_allocates_nothing);
    tcase_add_test(tcase, memory_grows_with_the_rules);
    suite_add_tcase(suite, tcase);
    return suite;
}
