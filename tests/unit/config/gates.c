#include <check.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text, *want;
} bad_gates[] = {
    {"", "reeve.conf: no gate is configured: every request would be denied\n"},
    {"gate x { accept = {apikey, jwt} }", "reeve.conf: gate \"x\": accept: jwt needs an issuer\n"},
    {"gate x { accept = {apikey, cert}\n also = {cert} }",
     "reeve.conf:2: gate \"x\": also: what stands in accept says who is calling, and stands "
     "alone\n"},
    {"gate x { accept = {apikey} also = {cert} anonymous = guest }",
     "reeve.conf:1: gate \"x\": also: whoever is anonymous has nothing to go with it; set no "
     "anonymous\n"},
    {"gate x { also = {cert} }",
     "reeve.conf:1: gate \"x\": nobody could pass: set accept or anonymous\n"},
    {"gate x { accept = {apikey} also = {jwt} }",
     "reeve.conf:1: gate \"x\": also: jwt is not supported by this version\n"},
    {"gate x { accept = {apikey} also = {basic} }",
     "reeve.conf:1: gate \"x\": also: basic is not supported by this version\n"},
    {"gate x { accept = {apikey} also = {apikey} }",
     "reeve.conf:1: gate \"x\": also: apikey is not supported here by this version\n"},
    {"gate x { accept = {APIKEY} }",
     "reeve.conf:1: gate \"x\": accept: expected apikey, basic, jwt or cert, got \"APIKEY\"\n"},
    {"gate x { accept = {\"\"} }",
     "reeve.conf:1: gate \"x\": accept: expected apikey, basic, jwt or cert, got \"\"\n"},
    {"gate x { }", "reeve.conf:1: gate \"x\": nobody could pass: set accept or anonymous\n"},
    {"gate x { accept = {} }",
     "reeve.conf:1: gate \"x\": nobody could pass: set accept or anonymous\n"},
    {"gate x { anonymous = \"\" }",
     "reeve.conf:1: gate \"x\": nobody could pass: set accept or anonymous\n"},
    {"gate x { anonymous = \"a b\" }",
     "reeve.conf:1: gate \"x\": anonymous: expected a role's name of A-Z a-z 0-9 . _ @ -, at most "
     "64, got \"a b\"\n"},
    {"gate x { accept = {apikey} forward = canon }",
     "reeve.conf:1: gate \"x\": forward: expected refuse or canonical, got \"canon\"\n"},
    {"gate x { accept = {apikey} mode = \"\" }",
     "reeve.conf:1: gate \"x\": mode: expected enforce or observe, got \"\"\n"},
    {"gate x { accept = {apikey} relax = {semicolon, all} }",
     "reeve.conf:1: gate \"x\": relax: expected encoded_slash, empty_segment, semicolon or "
     "non_utf8, got \"all\"\n"},
    {"gate x { accept = {apikey}\nmode = observe\nmode = enforce }",
     "reeve.conf:3: gate \"x\": mode: already set\n"},
    {"gate x { accept = {apikey}\naccept = {} \naccept = {apikey} }",
     "reeve.conf:3: gate \"x\": accept: already set\n"},
    {"gate x { accept = {apikey} also = {cert}\nalso = {} }",
     "reeve.conf:2: gate \"x\": also: already set\n"},
    {"gate x { accept = {apikey} }\ngate x { accept = {apikey} }",
     "reeve.conf:2: found duplicate title 'x'\n"},
    {"gate \"a b\" { accept = {apikey} }", "reeve.conf:1: gate \"a b\": expected a frontend's name "
                                           "of A-Z a-z 0-9 . _ : -, at most 64, or "
                                           "*\n"},
    {"gate \"\" { accept = {apikey} }",
     "reeve.conf:1: gate \"\": expected a frontend's name of A-Z a-z 0-9 . _ : -, at most 64, or "
     "*\n"},
    {"gate { accept = {apikey} }", "reeve.conf:1: missing title for section 'gate'\n"},
    {"gate x { accepts = {apikey} }", "reeve.conf:1: no such option 'accepts'\n"},
    {"gate x { deadline = 1s }", "reeve.conf:1: no such option 'deadline'\n"},
    {"gate x { include(\"y\") }", "reeve.conf:1: no such option 'include'\n"},
    {"accept = {apikey}", "reeve.conf:1: no such option 'accept'\n"},
    {"gate x { accept = {apikey} }\n\"gate|mode\" = observe",
     "reeve.conf:2: mode: belongs into a gate\n"},
};

START_TEST(refuses_and_names_the_line)
{
    ck_assert_str_eq(box_errors(bad_gates[_i].text), bad_gates[_i].want);
}
END_TEST

START_TEST(every_error_of_every_gate_is_listed)
{
    ck_assert_str_eq(
        box_errors("gate x { accept = {basic, cart} mode = x }\ngate y { relax = {y} }\ngate z {}"),
        "reeve.conf:1: gate \"x\": accept: expected apikey, basic, jwt or cert, got \"cart\"\n"
        "reeve.conf:1: gate \"x\": mode: expected enforce or observe, got \"x\"\n"
        "reeve.conf:2: gate \"y\": relax: expected encoded_slash, empty_segment, semicolon or "
        "non_utf8, got \"y\"\n"
        "reeve.conf:3: gate \"z\": nobody could pass: set accept or anonymous\n");
}
END_TEST

START_TEST(unset_options_are_strict)
{
    struct config *config = box_load("gate x { accept = {apikey} }");
    const struct gate *gate = config_gate(config, STR("x"));

    ck_assert_ptr_nonnull(gate);
    ck_assert_uint_eq(gate->accept, CREDENTIAL_APIKEY);
    ck_assert_uint_eq(gate->also, 0);
    ck_assert(str_equal(gate->anonymous, STR("")));
    ck_assert(!gate->forwards_canonical);
    ck_assert_uint_eq(gate->relax, 0);
    ck_assert(!gate->observes);
    config_unref(config);
}
END_TEST

START_TEST(options_reach_the_gate)
{
    struct config *config =
        box_load("gate x {\n accept = {}\n anonymous = guest\n forward = canonical\n"
                 " relax = {encoded_slash, \"non_utf8\"}\n relax += {semicolon}\n"
                 " also = {}\n mode = observe\n}");
    const struct gate *gate = config_gate(config, STR("x"));

    ck_assert_ptr_nonnull(gate);
    ck_assert_uint_eq(gate->accept, 0);
    ck_assert(str_equal(gate->anonymous, STR("guest")));
    ck_assert(gate->forwards_canonical);
    ck_assert_uint_eq(gate->relax,
                      PATH_RELAX_ENCODED_SLASH | PATH_RELAX_NON_UTF8 | PATH_RELAX_SEMICOLON);
    ck_assert(gate->observes);
    config_unref(config);
}
END_TEST

START_TEST(an_empty_list_is_empty)
{
    struct config *config = box_load("gate x { accept = {apikey} relax = {}\n also = {} }");

    ck_assert_uint_eq(config_gate(config, STR("x"))->relax, 0);
    ck_assert_uint_eq(config_gate(config, STR("x"))->also, 0);
    config_unref(config);
}
END_TEST

START_TEST(the_exact_name_wins_over_the_star)
{
    struct config *config = box_load("gate api { accept = {apikey} mode = observe }\n" GATE
                                     "gate \"api:2.x_y-z\" { anonymous = guest }\n");

    ck_assert(str_equal(config_gate(config, STR("api"))->name, STR("api")));
    ck_assert(str_equal(config_gate(config, STR("api:2.x_y-z"))->name, STR("api:2.x_y-z")));
    ck_assert(str_equal(config_gate(config, STR("API"))->name, STR("*")));
    ck_assert(str_equal(config_gate(config, STR("ap"))->name, STR("*")));
    ck_assert(str_equal(config_gate(config, STR(""))->name, STR("*")));
    ck_assert(str_equal(config_gate(config, STR_ABSENT)->name, STR("*")));
    config_unref(config);
}
END_TEST

START_TEST(without_a_star_other_frontends_have_no_gate)
{
    struct config *config = box_load("gate api { accept = {apikey} }");

    ck_assert_ptr_null(config_gate(config, STR("web")));
    ck_assert_ptr_null(config_gate(config, STR("*")));
    ck_assert_ptr_null(config_gate(config, STR("")));
    config_unref(config);
}
END_TEST

Suite *gates_suite(void)
{
    Suite *suite = suite_create("gates");
    TCase *tests = tcase_create("gates");

    tcase_add_checked_fixture(tests, box_open, box_close);
    tcase_add_loop_test(tests, refuses_and_names_the_line, 0, COUNT(bad_gates));
    tcase_add_test(tests, every_error_of_every_gate_is_listed);
    tcase_add_test(tests, unset_options_are_strict);
    tcase_add_test(tests, options_reach_the_gate);
    tcase_add_test(tests, an_empty_list_is_empty);
    tcase_add_test(tests, the_exact_name_wins_over_the_star);
    tcase_add_test(tests, without_a_star_other_frontends_have_no_gate);
    suite_add_tcase(suite, tests);
    return suite;
}
