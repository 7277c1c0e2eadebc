/* What Redis' error replies mean. */
#include "agent/store/redis_error.h"

#include "tests/unit/store/suites.h"

static const struct {
    const char *line;
    const char *code;
    enum store_status status;
    bool ends_connection;
} cases[] = {
    {"", "?", STORE_DOWN, false},
    {" ", "?", STORE_DOWN, false},
    {"noauth in lower case", "?", STORE_DOWN, false},
    {" NOAUTH after a blank", "?", STORE_DOWN, false},
    {"\x1b[2J", "?", STORE_DOWN, false},
    {"ERR", "ERR", STORE_DOWN, false},
    {"ERR unknown command 'HGETALL'", "ERR", STORE_DOWN, false},
    {"NOAUT", "NOAUT", STORE_DOWN, false},
    {"NOAUTHX Authentication required.", "NOAUTHX", STORE_DOWN, false},
    {"NOAUTH:", "NOAUTH", STORE_DOWN, false},
    {"ERR max number of clients reached, or so", "ERR", STORE_DOWN, false},
    {"NOAUTH Authentication required.", "NOAUTH", STORE_REFUSED, true},
    {"NOAUTH", "NOAUTH", STORE_REFUSED, true},
    {"WRONGPASS invalid username-password pair or user is disabled.", "WRONGPASS", STORE_REFUSED,
     true},
    {"NOPERM this user has no permissions to run the 'hgetall' command", "NOPERM", STORE_REFUSED,
     false},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE",
     STORE_WRONGTYPE, false},
    {"MOVED 3999 127.0.0.1:6381", "MOVED", STORE_REFUSED, false},
    {"ASK 3999 127.0.0.1:6381", "ASK", STORE_REFUSED, false},
    {"DENIED Redis is running in protected mode", "DENIED", STORE_REFUSED, true},
    {"LOADING Redis is loading the dataset in memory", "LOADING", STORE_DOWN, true},
    {"READONLY You can't write against a read only replica.", "READONLY", STORE_DOWN, true},
    {"MASTERDOWN Link with MASTER is down", "MASTERDOWN", STORE_DOWN, true},
    {"CLUSTERDOWN Hash slot not served", "CLUSTERDOWN", STORE_DOWN, true},
    {"TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN", STORE_DOWN, false},
    {"BUSY Redis is busy running a script.", "BUSY", STORE_DOWN, false},
    {"OOM command not allowed when used memory > 'maxmemory'.", "OOM", STORE_DOWN, false},
    {"MISCONF Redis is configured to save RDB snapshots", "MISCONF", STORE_DOWN, false},
    {"ERR max number of clients reached", "ERR", STORE_DOWN, true},
    {"ERR DB index is out of range", "ERR", STORE_REFUSED, true},
    {"ERR AUTH <password> called without any password configured for the default user.", "ERR",
     STORE_REFUSED, true},
};

START_TEST(an_error_is_known_by_its_first_words)
{
    for (int i = 0; i < COUNT(cases); i++) {
        const struct redis_error *error = redis_error_find(str_from_c(cases[i].line));
        ck_assert_msg(error->status == cases[i].status, "%s", cases[i].line);
        ck_assert_msg(error->ends_connection == cases[i].ends_connection, "%s", cases[i].line);
        ck_assert_str_ne(error->text, "");
    }
}
END_TEST

START_TEST(its_code_holds_nothing_that_could_be_a_secret_or_forge_a_line)
{
    for (int i = 0; i < COUNT(cases); i++) {
        struct str code = redis_error_code(str_from_c(cases[i].line));
        ck_assert_msg(str_equal(code, str_from_c(cases[i].code)), "%s", cases[i].line);
    }
}
END_TEST

START_TEST(a_code_is_cut)
{
    char line[64];

    memset(line, 'A', sizeof(line));
    ck_assert_uint_eq(redis_error_code(str_make(line, sizeof(line))).len, 32);
}
END_TEST

Suite *error_suite(void)
{
    Suite *suite = suite_create("error");
    TCase *tcase = tcase_create("error");

    tcase_add_test(tcase, an_error_is_known_by_its_first_words);
    tcase_add_test(tcase, its_code_holds_nothing_that_could_be_a_secret_or_forge_a_line);
    tcase_add_test(tcase, a_code_is_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
