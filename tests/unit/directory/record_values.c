/* What good records are read as, and what is taken where a field is left out. */
#include <stdio.h>

#include "tests/unit/directory/record_parse.h"
#include "tests/unit/directory/suites.h"

static void check_text(const struct record_text *text, const char *expected)
{
    ck_assert(str_equal(record_str(text), str_from_c(expected)));
}

static void check_names(const struct record_names *names, const char *const *expected, size_t count)
{
    ck_assert_uint_eq(names->count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert(str_equal(record_name(names, i), str_from_c(expected[i])));
    }
}

static void check_prefix(const struct ip_prefix *prefix, const char *base, unsigned bits)
{
    char text[IP_TEXT_MAX];

    (void)ip_print(&prefix->base, text);
    ck_assert_str_eq(text, base);
    ck_assert_uint_eq(prefix->bits, bits);
}

START_TEST(reads_a_key)
{
    static const char *const pairs[][2] = {
        {"user", "alice"},
        {"hash", "hmac-sha256:p-1:" HEX},
        {"hash2", "sha256:" HEX},
        {"hash2_until", "1900000000"},
        {"state", "active"},
        {"not_before", "1700000000"},
        {"expires", "253402300799"},
        {"last4", "aZ09"},
        {"roles", "reader,writer"},
        {"allow_from", "10.0.0.0/8,2001:db8::/32,::1"},
        {"label", "ci"},
        {"created", "1"},
        {"rotated", "2"},
        {"cert", HEX},
    };
    struct record *record = parse(RECORD_KEY, pairs, (size_t)COUNT(pairs));
    struct key_record *key = &record->key;
    const struct record_hash *first = record_hash(key, 0), *second = record_hash(key, 1);

    check_text(&key->user, "alice");
    ck_assert_int_eq(first->scheme, RECORD_HASH_HMAC_SHA256);
    check_text(&first->pepper, "p-1");
    ck_assert_int_eq(second->scheme, RECORD_HASH_SHA256);
    ck_assert(str_is_absent(record_str(&second->pepper)));
    ck_assert(!first->has_verified && !second->has_verified);
    for (unsigned i = 0; i < 32; i++) {
        ck_assert_uint_eq(first->digest[i], i);
        ck_assert_uint_eq(second->digest[i], i);
        ck_assert_uint_eq((uint8_t)record_str(&key->cert).ptr[i], i);
    }
    ck_assert_uint_eq(record_str(&key->cert).len, 32);
    ck_assert_int_eq(record_seconds(key->hash2_until), 1900000000);
    ck_assert(key->is_active);
    ck_assert_int_eq(record_seconds(key->not_before), 1700000000);
    ck_assert_int_eq(record_seconds(key->expires), RECORD_TIME_MAX);
    ck_assert(key->has_roles);
    check_names(&key->roles, (const char *const[]){"reader", "writer"}, 2);
    ck_assert_uint_eq(key->allow_from.count, 3);
    check_prefix(record_prefix(&key->allow_from, 0), "10.0.0.0", 8);
    check_prefix(record_prefix(&key->allow_from, 1), "2001:db8::", 32);
    check_prefix(record_prefix(&key->allow_from, 2), "::1", 128);
    record_free(record);
}
END_TEST

START_TEST(reads_what_a_key_leaves_out)
{
    static const char *const pairs[][2] = {
        {"user", "alice"}, {"hash", "sha256:" HEX}, {"state", "disabled"}, {"roles", ""}};
    struct record *empty = parse(RECORD_KEY, pairs, 4);
    struct record *record = parse(RECORD_KEY, pairs, 3);

    /* An empty subset allows nothing, no subset narrows nothing. */
    ck_assert(empty->key.has_roles);
    ck_assert_uint_eq(empty->key.roles.count, 0);
    ck_assert(!record->key.has_roles);
    ck_assert(!record->key.is_active);
    ck_assert_ptr_nonnull(record_hash(&record->key, 0));
    ck_assert_ptr_null(record_hash(&record->key, 1));
    ck_assert_int_eq(record_seconds(record->key.hash2_until), 0);
    ck_assert_int_eq(record_seconds(record->key.not_before), 0);
    ck_assert_int_eq(record_seconds(record->key.expires), 0);
    ck_assert_uint_eq(record->key.allow_from.count, 0);
    ck_assert(str_is_absent(record_str(&record->key.cert)));
    record_free(empty);
    record_free(record);
}
END_TEST

START_TEST(reads_a_certificate)
{
    static const char *const pairs[][2] = {
        {"user", "alice"},   {"state", "active"}, {"expires", "253402300799"},
        {"label", "laptop"}, {"created", "1"},    {"roles", "reader,writer"},
    };
    struct record *whole = parse(RECORD_CERT, pairs, (size_t)COUNT(pairs));
    struct record *bare = parse(RECORD_CERT, pairs, 2);

    check_text(&whole->cert.user, "alice");
    ck_assert(whole->cert.is_active && whole->cert.has_roles);
    ck_assert_int_eq(record_seconds(whole->cert.expires), RECORD_TIME_MAX);
    check_names(&whole->cert.roles, (const char *const[]){"reader", "writer"}, 2);
    check_text(&bare->cert.user, "alice");
    ck_assert(!bare->cert.has_roles);
    ck_assert_int_eq(record_seconds(bare->cert.expires), 0);
    record_free(whole);
    record_free(bare);
}
END_TEST

#define PHC "$scrypt$ln=14,r=8,p=5$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"

START_TEST(reads_a_user)
{
    static const char *const pairs[][2] = {
        {"state", "active"}, {"roles", "a,b,c"},        {"team", "payments"},
        {"limits", "x,!y"},  {"expires", "7"},          {"tokens_not_before", "8"},
        {"password", PHC},   {"allow_from", "::1/128"}, {"note", ""},
    };
    struct record *record = parse(RECORD_USER, pairs, (size_t)COUNT(pairs));
    const struct user_record *user = &record->user;

    ck_assert(user->is_active);
    check_names(&user->roles, (const char *const[]){"a", "b", "c"}, 3);
    check_names(&user->limits, (const char *const[]){"x", "!y"}, 2);
    check_text(&user->team, "payments");
    check_text(&user->password, PHC);
    ck_assert_int_eq(record_seconds(user->expires), 7);
    ck_assert_int_eq(record_seconds(user->tokens_not_before), 8);
    ck_assert_uint_eq(user->allow_from.count, 1);
    check_prefix(record_prefix(&user->allow_from, 0), "::1", 128);
    record_free(record);
}
END_TEST

/* "<letters><number>,...", each name as long as a name may be. */
static const char *long_names(char first, size_t count)
{
    static char texts[2][RECORD_LIMITS_MAX * 66 + 1];
    char *text = texts[first == '!'], *at = text;

    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "%s%s%0*zu", i > 0 ? "," : "", first == '!' ? "!" : "",
                      RECORD_NAME_BYTES_MAX, i);
    }
    return text;
}

START_TEST(reads_the_largest_user)
{
    static char password[RECORD_PHC_BYTES_MAX + 1], prefixes[RECORD_PREFIXES_MAX * 40], name[66];
    char *at = prefixes;

    sprintf(password, "$pbkdf2-sha256$i=10000000$%085dA$%085dA", 0, 0);
    for (int i = 0; i < RECORD_PREFIXES_MAX; i++) {
        at += sprintf(at, "%s2001:db8::%x", i > 0 ? "," : "", i);
    }
    const char *const pairs[][2] = {
        {"state", "active"},      {"roles", long_names('r', RECORD_ROLES_MAX)},
        {"password", password},   {"limits", long_names('!', RECORD_LIMITS_MAX)},
        {"allow_from", prefixes}, {"team", "t"},
    };
    struct record *record = parse(RECORD_USER, pairs, (size_t)COUNT(pairs));
    const struct user_record *user = &record->user;

    ck_assert_uint_eq(user->roles.count, RECORD_ROLES_MAX);
    ck_assert_uint_eq(user->limits.count, RECORD_LIMITS_MAX);
    for (int i = 0; i < RECORD_ROLES_MAX; i++) {
        sprintf(name, "!%0*d", RECORD_NAME_BYTES_MAX, i);
        ck_assert(str_equal(record_name(&user->limits, (size_t)i), str_from_c(name)));
        ck_assert(str_equal(record_name(&user->roles, (size_t)i), str_from_c(name + 1)));
    }
    ck_assert_uint_eq(user->allow_from.count, RECORD_PREFIXES_MAX);
    check_prefix(record_prefix(&user->allow_from, RECORD_PREFIXES_MAX - 1), "2001:db8::3f", 128);
    check_text(&user->password, password);
    check_text(&user->team, "t");
    record_free(record);
}
END_TEST

START_TEST(reads_what_a_user_leaves_out)
{
    static const char *const pairs[][2] = {{"state", "disabled"}};
    struct record *record = parse(RECORD_USER, pairs, 1);

    ck_assert(!record->user.is_active);
    ck_assert_uint_eq(record->user.roles.count, 0);
    ck_assert_uint_eq(record->user.limits.count, 0);
    ck_assert(str_is_absent(record_str(&record->user.team)));
    ck_assert(str_is_absent(record_str(&record->user.password)));
    record_free(record);
}
END_TEST

START_TEST(reads_a_team)
{
    static const char *const pairs[][2] = {{"state", "active"}, {"limits", "x"}};
    struct record *record = parse(RECORD_TEAM, pairs, 2);

    ck_assert(record->team.is_active);
    check_names(&record->team.limits, (const char *const[]){"x"}, 1);
    record_free(record);
}
END_TEST

START_TEST(reads_a_role)
{
    static const char *const pairs[][2] = {{"rule:20", "allow GET * /a"},
                                           {"limits", "x,y"},
                                           {"rule:10", "deny * * /b"},
                                           {"priority", "2047"},
                                           {"mode", "shadow"}};
    struct record *record = parse(RECORD_ROLE, pairs, (size_t)COUNT(pairs));
    struct role_query query = {.method = STR("GET"), .path = STR("/a")};
    struct role_match deny, allow;

    check_names(&record->role.limits, (const char *const[]){"x", "y"}, 2);
    ck_assert_int_eq(record->role.priority, 2047);
    ck_assert(record->role.is_shadow);
    ck_assert_uint_eq(record_bytes_outside(record), role_bytes(record->role.rules));
    role_match(record->role.rules, &query, &deny, &allow);
    ck_assert(str_equal(allow.rule, STR("20")) && str_is_absent(deny.rule));
    query.path = STR("/b");
    role_match(record->role.rules, &query, &deny, &allow);
    ck_assert(str_equal(deny.rule, STR("10")) && str_is_absent(allow.rule));
    record_free(record);
}
END_TEST

START_TEST(reads_what_a_role_leaves_out)
{
    static const char *const pairs[][2] = {{"mode", "enforce"}};
    struct record *record = parse(RECORD_ROLE, pairs, 1);

    ck_assert(!record->role.is_shadow);
    ck_assert_int_eq(record->role.priority, -1);
    ck_assert_ptr_nonnull(record->role.rules);
    record_free(record);
}
END_TEST

START_TEST(reads_a_rate)
{
    static const char *const pairs[][2] = {
        {"rate", "6000/min"},           {"burst", "200"},   {"scope", "source"},
        {"on_store_down", "budget:2%"}, {"mode", "shadow"}, {"note", "of all"},
    };
    struct record *record = parse(RECORD_LIMIT, pairs, (size_t)COUNT(pairs));
    const struct limit_record *limit = &record->limit;

    ck_assert_int_eq(limit->kind, LIMIT_RATE);
    ck_assert_int_eq(limit->scope, LIMIT_SCOPE_SOURCE);
    ck_assert_uint_eq(limit->units, 6000);
    ck_assert_int_eq(limit->period_us, 60000000);
    ck_assert_uint_eq(limit->burst, 200);
    ck_assert_int_eq(limit->outage, LIMIT_OUTAGE_BUDGET);
    ck_assert_uint_eq(limit->budget_percent, 2);
    ck_assert(limit->is_shadow);
    record_free(record);
}
END_TEST

START_TEST(reads_a_quota)
{
    static const char *const pairs[][2] = {
        {"tz", "Europe/Berlin"}, {"quota", "1000000000000000"}, {"per", "week"},
        {"scope", "global"},     {"on_store_down", "allow"},    {"mode", "enforce"},
    };
    struct record *record = parse(RECORD_LIMIT, pairs, (size_t)COUNT(pairs));
    const struct limit_record *limit = &record->limit;

    ck_assert_int_eq(limit->kind, LIMIT_QUOTA);
    ck_assert_int_eq(limit->scope, LIMIT_SCOPE_GLOBAL);
    ck_assert_uint_eq(limit->units, LIMIT_QUOTA_MAX);
    ck_assert_int_eq(limit->per, LIMIT_PER_WEEK);
    ck_assert(str_equal(limit->tz, STR("Europe/Berlin")));
    ck_assert_int_eq(limit->outage, LIMIT_OUTAGE_ALLOW);
    ck_assert_uint_eq(limit->budget_percent, 0);
    ck_assert_uint_eq(limit->burst, 0);
    ck_assert(!limit->is_shadow);
    record_free(record);
}
END_TEST

START_TEST(reads_what_a_limit_leaves_out)
{
    static const char *const pairs[][2] = {{"quota", "0"}, {"per", "minute"}};
    struct record *record = parse(RECORD_LIMIT, pairs, 2);

    ck_assert_int_eq(record->limit.scope, LIMIT_SCOPE_USER);
    ck_assert_int_eq(record->limit.outage, LIMIT_OUTAGE_DENY);
    ck_assert(str_is_absent(record->limit.tz));
    ck_assert(!record->limit.is_shadow);
    record_free(record);
}
END_TEST

static const struct {
    const char *rate;
    int64_t period_us;
    uint64_t burst;
} burst_cases[] = {
    {"1/s", 1000000, 1},       {"1000000000/s", 1000000, 1000000000},
    {"59/min", 60000000, 1},   {"119/min", 60000000, 1},
    {"120/min", 60000000, 2},  {"1/h", 3600000000, 1},
    {"7200/h", 3600000000, 2}, {"1000000000/h", 3600000000, 277777},
};

START_TEST(takes_a_second_of_the_rate_as_burst)
{
    const char *const pairs[][2] = {{"rate", burst_cases[_i].rate}};
    struct record *record = parse(RECORD_LIMIT, pairs, 1);

    ck_assert_int_eq(record->limit.period_us, burst_cases[_i].period_us);
    ck_assert_uint_eq(record->limit.burst, burst_cases[_i].burst);
    record_free(record);
}
END_TEST

Suite *record_values_suite(void)
{
    Suite *suite = suite_create("record_values");
    TCase *tcase = tcase_create("record_values");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, reads_a_key);
    tcase_add_test(tcase, reads_what_a_key_leaves_out);
    tcase_add_test(tcase, reads_a_certificate);
    tcase_add_test(tcase, reads_a_user);
    tcase_add_test(tcase, reads_the_largest_user);
    tcase_add_test(tcase, reads_what_a_user_leaves_out);
    tcase_add_test(tcase, reads_a_team);
    tcase_add_test(tcase, reads_a_role);
    tcase_add_test(tcase, reads_what_a_role_leaves_out);
    tcase_add_test(tcase, reads_a_rate);
    tcase_add_test(tcase, reads_a_quota);
    tcase_add_test(tcase, reads_what_a_limit_leaves_out);
    tcase_add_loop_test(tcase, takes_a_second_of_the_rate_as_burst, 0, COUNT(burst_cases));
    suite_add_tcase(suite, tcase);
    return suite;
}
