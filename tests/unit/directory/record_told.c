/* What is told of a bad record: the key, the field and why; never a value. */
#include <string.h>

#include "tests/unit/directory/record_parse.h"
#include "tests/unit/directory/suites.h"

/* What holds between fields is told under the name of one. */
static const struct {
    const char *pairs[3][2];
    const char *told;
} bond_cases[] = {
    {{{"note", ""}}, "reeve:x: rate: missing, and no quota"},
    {{{"rate", "1/s"}, {"quota", "1"}, {"per", "day"}}, "reeve:x: rate: never goes with quota"},
    {{{"burst", "1"}, {"quota", "1"}, {"per", "day"}}, "reeve:x: burst: goes only with rate"},
    {{{"quota", "1"}}, "reeve:x: quota: goes only with per"},
    {{{"rate", "1/s"}, {"per", "day"}}, "reeve:x: per: goes only with quota"},
    {{{"rate", "1/s"}, {"tz", "UTC"}}, "reeve:x: tz: goes only with quota"},
    {{{"quota", "1"}, {"per", "hour"}, {"tz", "UTC"}}, "reeve:x: tz: only of day, week and month"},
};

START_TEST(tells_what_does_not_go_together)
{
    struct store_field fields[3];
    struct record *record = NULL;
    size_t count = 0;
    struct diag diag;

    while (count < 3 && bond_cases[_i].pairs[count][0]) {
        const char *const *pair = bond_cases[_i].pairs[count];
        fields[count++] = (struct store_field){str_from_c(pair[0]), str_from_c(pair[1])};
    }
    ck_assert_int_eq(record_parse(RECORD_LIMIT, KEY, fields, count, &record, &diag), ERR_SYNTAX);
    ck_assert_str_eq(diag.text, bond_cases[_i].told);
}
END_TEST

START_TEST(never_tells_a_value)
{
    static const char *const pairs[][2] = {
        {"user", "secret value"}, {"hash", "sha256:secret"}, {"last4", "secret"},
        {"roles", "secret,"},     {"expires", "secret"},     {"allow_from", "secret"},
        {"label", "secret\n"},    {"state", "secret"},       {"hash2", "secret:secret:secret"},
    };

    for (int i = 0; i < COUNT(pairs); i++) {
        struct store_field field = {str_from_c(pairs[i][0]), str_from_c(pairs[i][1])};
        struct record *record = NULL;
        struct diag diag;
        ck_assert_int_eq(record_parse(RECORD_KEY, KEY, &field, 1, &record, &diag), ERR_SYNTAX);
        ck_assert_msg(!strstr(diag.text, "secret"), "%s", diag.text);
        ck_assert_msg(strstr(diag.text, pairs[i][0]) != NULL, "%s", diag.text);
    }
}
END_TEST

START_TEST(quotes_strange_names_in_what_it_tells)
{
    struct store_field field = {STR("a\nb"), STR("x")};
    struct record *record = NULL;
    struct diag diag;

    ck_assert_int_eq(record_parse(RECORD_USER, STR("reeve:\x1b"), &field, 1, &record, &diag),
                     ERR_SYNTAX);
    ck_assert_str_eq(diag.text, "reeve:\\x1b: a\\x0ab: no such field");
    field.name = STR("rule:\n");
    ck_assert_int_eq(record_parse(RECORD_ROLE, KEY, &field, 1, &record, &diag), ERR_SYNTAX);
    ck_assert_ptr_null(strchr(diag.text, '\n'));
}
END_TEST

Suite *record_told_suite(void)
{
    Suite *suite = suite_create("record_told");
    TCase *tcase = tcase_create("record_told");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, tells_what_does_not_go_together, 0, COUNT(bond_cases));
    tcase_add_test(tcase, never_tells_a_value);
    tcase_add_test(tcase, quotes_strange_names_in_what_it_tells);
    suite_add_tcase(suite, tcase);
    return suite;
}
