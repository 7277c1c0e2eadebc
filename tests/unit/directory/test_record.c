/* Records: the corpus, and what good ones are read as. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/directory/record.h"
#include "tests/corpus/corpus.h"
#include "tests/support/failing_alloc.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define HEX          "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY          STR("reeve:x")

static void corpus_start(struct corpus *corpus)
{
    corpus_open(corpus, REEVE_RECORDS_TXT);
}

static bool is_taken(const struct corpus_record *block, struct diag *diag)
{
    struct record *record = NULL;
    enum err err = record_parse(block->kind, KEY, block->fields, block->field_count, &record, diag);

    ck_assert_msg(err == ERR_OK || err == ERR_SYNTAX || err == ERR_RANGE, "line %u", block->line);
    ck_assert_msg((err == ERR_OK) == (record != NULL), "line %u", block->line);
    record_free(record);
    return err == ERR_OK;
}

START_TEST(agrees_with_the_corpus)
{
    struct corpus corpus;
    struct corpus_record block;
    size_t counts[RECORD_KIND_COUNT][2] = {{0}};
    struct diag diag = {""};

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        bool is_good = is_taken(&block, &diag);
        ck_assert_msg(is_good == block.is_good, "records.txt:%u: %s: %s", block.line, block.head,
                      is_good ? "was taken" : diag.text);
        counts[block.kind][is_good]++;
    }
    corpus_close(&corpus);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        ck_assert_uint_ge(counts[kind][0], 10);
        ck_assert_uint_ge(counts[kind][1], 4);
    }
}
END_TEST

START_TEST(tells_key_and_field_of_every_bad_record)
{
    struct corpus corpus;
    struct corpus_record block;
    struct diag diag;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        if (!block.is_good) {
            diag.text[0] = '\0';
            (void)is_taken(&block, &diag);
            ck_assert_msg(strncmp(diag.text, "reeve:x: ", 9) == 0 && strlen(diag.text) > 9 &&
                              strstr(diag.text + 9, ": "),
                          "line %u: %s", block.line, diag.text);
        }
    }
    corpus_close(&corpus);
}
END_TEST

START_TEST(refuses_every_field_twice)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        if (!block.is_good) {
            continue;
        }
        size_t count = block.field_count++;
        for (size_t i = 0; i < count; i++) {
            block.fields[count] = block.fields[i];
            ck_assert_msg(!is_taken(&block, NULL), "line %u, field %zu", block.line, i);
        }
    }
    corpus_close(&corpus);
}
END_TEST

START_TEST(takes_fields_in_any_order)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        for (size_t i = 0; block.is_good && i < block.field_count; i++) {
            struct store_field first = block.fields[0];
            memmove(block.fields, block.fields + 1, (block.field_count - 1) * sizeof(first));
            block.fields[block.field_count - 1] = first;
            ck_assert_msg(is_taken(&block, NULL), "line %u", block.line);
        }
    }
    corpus_close(&corpus);
}
END_TEST

/* A value cut short may still be good; it must not be read beyond its end. */
START_TEST(reads_values_cut_anywhere_without_going_beyond)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        for (size_t i = 0; block.is_good && i < block.field_count; i++) {
            struct str whole = block.fields[i].value;
            for (size_t length = 0; length < whole.len && length < 80; length++) {
                char *copy = malloc(length > 0 ? length : 1);
                memcpy(copy, whole.ptr, length);
                block.fields[i].value = str_make(copy, length);
                (void)is_taken(&block, NULL);
                free(copy);
            }
            block.fields[i].value = whole;
        }
    }
    corpus_close(&corpus);
}
END_TEST

/* Parses copies of the fields and scrambles them afterwards. */
static struct record *parse(enum record_kind kind, const char *const (*pairs)[2], size_t count)
{
    struct store_field fields[16];
    char *copies[16][2];
    struct record *record = NULL;
    struct diag diag;

    for (size_t i = 0; i < count; i++) {
        copies[i][0] = strdup(pairs[i][0]);
        copies[i][1] = strdup(pairs[i][1]);
        fields[i] = (struct store_field){str_from_c(copies[i][0]), str_from_c(copies[i][1])};
    }
    ck_assert_msg(record_parse(kind, KEY, fields, count, &record, &diag) == ERR_OK, "%s",
                  diag.text);
    for (size_t i = 0; i < count; i++) {
        memset(copies[i][1], '#', strlen(copies[i][1]));
        free(copies[i][0]);
        free(copies[i][1]);
    }
    ck_assert_int_eq(record->kind, kind);
    ck_assert_uint_gt(record->bytes, offsetof(struct record, key));
    return record;
}

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

START_TEST(survives_any_allocation_that_fails)
{
    struct corpus corpus;
    struct corpus_record block;
    size_t failures = 0;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        bool has_failed = block.is_good;
        for (long n = 1; has_failed; n++) {
            struct record *record = NULL;
            failing_alloc_start(n);
            enum err err =
                record_parse(block.kind, KEY, block.fields, block.field_count, &record, NULL);
            has_failed = failing_alloc_stop();
            ck_assert(err == ERR_OK ? record != NULL : has_failed && err == ERR_MEMORY && !record);
            failures += err == ERR_MEMORY;
            record_free(record);
        }
    }
    corpus_close(&corpus);
    ck_assert_uint_ge(failures, 100);
}
END_TEST

START_TEST(takes_one_block)
{
    static const struct store_field fields[] = {{{"state", 5}, {"active", 6}},
                                                {{"roles", 5}, {"a,b,c", 5}}};
    struct record *record = NULL;

    failing_alloc_start(2);
    enum err err = record_parse(RECORD_USER, KEY, fields, 2, &record, NULL);
    ck_assert(!failing_alloc_stop());
    ck_assert_int_eq(err, ERR_OK);
    record_free(record);
}
END_TEST

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

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tcase = tcase_create("record");
    SRunner *runner = srunner_create(suite);

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, reads_what_it_makes, 0, sizeof(key_cases) / sizeof(key_cases[0]));
    tcase_add_loop_test(tcase, knows_no_other_keys, 0,
                        sizeof(foreign_keys) / sizeof(foreign_keys[0]));
    tcase_add_test(tcase, agrees_with_the_corpus);
    tcase_add_test(tcase, tells_key_and_field_of_every_bad_record);
    tcase_add_test(tcase, refuses_every_field_twice);
    tcase_add_test(tcase, takes_fields_in_any_order);
    tcase_add_test(tcase, reads_values_cut_anywhere_without_going_beyond);
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
    tcase_add_loop_test(tcase, tells_what_does_not_go_together, 0, COUNT(bond_cases));
    tcase_add_test(tcase, never_tells_a_value);
    tcase_add_test(tcase, quotes_strange_names_in_what_it_tells);
    tcase_add_test(tcase, survives_any_allocation_that_fails);
    tcase_add_test(tcase, takes_one_block);
    tcase_add_loop_test(tcase, makes_keys, 0, COUNT(key_cases));
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
