/* The keys under which records stand in the store. */
#include <stdlib.h>
#include <string.h>

#include "agent/directory/record.h"
#include "tests/unit/directory/suites.h"

static const struct key_case {
    enum record_kind kind;
    struct str name;
    const char *key;
} key_cases[] = {
    {RECORD_KEY, {"0Az", 3}, "reeve:key:0Az"},
    {RECORD_USER, {"alice", 5}, "reeve:user:{alice}"},
    {RECORD_TEAM, {"payments", 8}, "reeve:team:payments"},
    {RECORD_ROLE, {"a.b_c@d-e", 9}, "reeve:role:a.b_c@d-e"},
    {RECORD_LIMIT, {"daily", 5}, "reeve:limit:daily"},
    {RECORD_REVOKED, {"0a1b", 4}, "reeve:revoked:0a1b"},
    {RECORD_CERT, {"0a1b", 4}, "reeve:cert:0a1b"},
    {RECORD_USER, {"auth0|1", 7}, "reeve:user:{auth0%7C1}"},
    {RECORD_USER, {"{x}:%", 5}, "reeve:user:{%7Bx%7D%3A%25}"},
    {RECORD_TEAM, {"\0\xff \n", 4}, "reeve:team:%00%FF%20%0A"},
};

START_TEST(makes_keys)
{
    const struct key_case *c = &key_cases[_i];
    char key[64];
    size_t wanted = strlen(c->key);

    ck_assert_uint_eq(record_key(c->kind, STR("reeve:"), c->name, key, sizeof(key)), wanted);
    ck_assert_int_eq(memcmp(key, c->key, wanted), 0);
    for (size_t room = 0; room < wanted; room++) {
        char *exact = malloc(room > 0 ? room : 1);
        ck_assert_uint_eq(record_key(c->kind, STR("reeve:"), c->name, exact, room), 0);
        free(exact);
    }
    ck_assert_uint_eq(record_key(c->kind, STR("reeve:"), c->name, key, wanted), wanted);
}
END_TEST

START_TEST(reads_what_it_makes)
{
    const struct key_case *c = &key_cases[_i];
    enum record_kind kind;
    struct str name;
    char out[16];

    ck_assert(record_key_read(STR("reeve:"), str_from_c(c->key), &kind, out, sizeof(out), &name));
    ck_assert_int_eq(kind, c->kind);
    ck_assert(str_equal(name, c->name));
    ck_assert(record_key_read(STR("reeve:"), str_from_c(c->key), &kind, out, c->name.len, &name));
    ck_assert(
        !record_key_read(STR("reeve:"), str_from_c(c->key), &kind, out, c->name.len - 1, &name));
}
END_TEST

static const char *const foreign_keys[] = {
    "",
    "reeve:",
    "reeve:key:",
    "key:a",
    "eve:key:a",
    "reeve:user",
    "reeve:user:alice",
    "reeve:user:{alice",
    "reeve:user:{}",
    "reeve:user:{",
    "reeve:used:{user:a}:daily",
    "reeve:~fence:{a}:1",
    "reeve:team:a%4",
    "reeve:team:%",
    "reeve:team:%4g",
    "reeve:team:%7c",
    "reeve:agent:h-1",
    "reeve:keys:a",
};

START_TEST(knows_no_other_keys)
{
    enum record_kind kind;
    struct str name;
    char out[16];

    ck_assert(!record_key_read(STR("reeve:"), str_from_c(foreign_keys[_i]), &kind, out, sizeof(out),
                               &name));
}
END_TEST

Suite *record_key_suite(void)
{
    Suite *suite = suite_create("record_key");
    TCase *tcase = tcase_create("record_key");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, makes_keys, 0, COUNT(key_cases));
    tcase_add_loop_test(tcase, reads_what_it_makes, 0, sizeof(key_cases) / sizeof(key_cases[0]));
    tcase_add_loop_test(tcase, knows_no_other_keys, 0,
                        sizeof(foreign_keys) / sizeof(foreign_keys[0]));
    suite_add_tcase(suite, tcase);
    return suite;
}
