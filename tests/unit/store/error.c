/* What Redis' error replies mean. */
#include "agent/store/redis_error.h"

#include "tests/unit/store/suites.h"

#define IN_REDIS_6                                                                                 \
    "ERR Error running script (call to f_0c76e1d8b833ecdd3d384592ac78df75e13664d4): "              \
    "@user_script:1: "

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
    {"Error in prose", "?", STORE_DOWN, false},
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
    {"IDONTKNOW I have not enough information to reply.", "IDONTKNOW", STORE_DOWN, false},
    {"TRYAGAIN Multiple keys request during rehashing of slot", "TRYAGAIN", STORE_DOWN, false},
    {"BUSY Redis is busy running a script.", "BUSY", STORE_DOWN, false},
    {"OOM command not allowed when used memory > 'maxmemory'.", "OOM", STORE_DOWN, false},
    {"MISCONF Redis is configured to save RDB snapshots", "MISCONF", STORE_DOWN, false},
    {"ERR max number of clients reached", "ERR", STORE_DOWN, true},
    {"ERR DB index is out of range", "ERR", STORE_REFUSED, true},
    {"NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT", STORE_DOWN, false},
    {"NOREPLICAS Not enough good replicas to write.", "NOREPLICAS", STORE_DOWN, false},
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> "
     "replica?)",
     "UNBLOCKED", STORE_DOWN, true},

    /* Scripts of Redis 7 and Valkey. */
    {"OOM command not allowed when used memory > 'maxmemory'. script: 0c76, on @user_script:1.",
     "OOM", STORE_DOWN, false},
    {"OOM allow-oom flag is not set on the script, can't run it", "OOM", STORE_DOWN, false},
    {"READONLY You can't write against a read only replica. script: 0c76, on @user_script:1.",
     "READONLY", STORE_DOWN, true},
    {"READONLY Can not run script with write flag on readonly replica.", "READONLY", STORE_DOWN,
     true},
    {"NOREPLICAS Not enough good replicas to write. script: 0c76, on @user_script:1.", "NOREPLICAS",
     STORE_DOWN, false},
    {"WRONGTYPE Operation against a key holding the wrong kind of value script: a4b3, on "
     "@user_script:1.",
     "WRONGTYPE", STORE_WRONGTYPE, false},
    {"ERR The user executing the script can't run this command or subcommand script: d40e, on "
     "@user_script:1.",
     "ERR", STORE_REFUSED, false},
    {"ERR The user executing the script can't access at least one of the keys mentioned in the "
     "command arguments script: 67bf",
     "ERR", STORE_REFUSED, false},
    {"ERR ACL failure in script: User reeve-agent has no permissions to run the 'hset' command",
     "ERR", STORE_REFUSED, false},
    {"ERR user_script:1: boom script: 8290, on @user_script:1.", "ERR", STORE_DOWN, false},
    {"ERR Error compiling script (new function): user_script:1: unexpected symbol", "ERR",
     STORE_DOWN, false},
    {"MY own", "MY", STORE_DOWN, false},

    /* Scripts of Redis 6. */
    {IN_REDIS_6 "@user_script: 1: -OOM command not allowed when used memory > 'maxmemory'.", "OOM",
     STORE_DOWN, false},
    {IN_REDIS_6 "@user_script: 12: -READONLY You can't write against a read only replica.",
     "READONLY", STORE_DOWN, true},
    {IN_REDIS_6 "@user_script: 1: -NOREPLICAS Not enough good replicas to write.", "NOREPLICAS",
     STORE_DOWN, false},
    {IN_REDIS_6 "@user_script: 1: -MISCONF Redis is configured to save RDB snapshots", "MISCONF",
     STORE_DOWN, false},
    {IN_REDIS_6 "WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE",
     STORE_WRONGTYPE, false},
    {IN_REDIS_6 "@user_script: 1: The user executing the script can't run this command or "
                "subcommand",
     "?", STORE_REFUSED, false},
    {IN_REDIS_6 "@user_script: 1: Unknown Redis command called from Lua script", "?", STORE_DOWN,
     false},
    {IN_REDIS_6, "?", STORE_DOWN, false},
    {"ERR Error running script", "ERR", STORE_DOWN, false},
    {"ERR something else @user_script:1: -READONLY", "ERR", STORE_DOWN, false},

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

START_TEST(a_script_is_unknown_only_where_the_server_says_so)
{
    for (int i = 0; i < COUNT(cases); i++) {
        bool is_told = strncmp(cases[i].line, "NOSCRIPT", 8) == 0;
        ck_assert_int_eq(redis_error_is_unknown_script(str_from_c(cases[i].line)), is_told);
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
    tcase_add_test(tcase, a_script_is_unknown_only_where_the_server_says_so);
    tcase_add_test(tcase, a_code_is_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
