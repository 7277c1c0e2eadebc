/*
 * Aims at record_parse(), role_compile(), rule_parse(), template_parse(), role_match(),
 * role_match_compare().
 *
 * Input: a first line "key", "user", "team", "role", "limit" or "xrevoked"; then "<field><TAB><value>" a line,
 * and for roles "?<TAB><method><TAB><host><TAB><path>" for a question. Nothing is escaped. Whatever
 * comes:
 *  - a record that is taken borrows nothing from its fields, and what it holds is within bounds;
 *  - one that is refused is told about.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/directory/record.h"

#define FIELDS_MAX  64
#define QUERIES_MAX 16

struct input {
    enum record_kind kind;
    struct store_field fields[FIELDS_MAX];
    size_t field_count;
    struct role_query queries[QUERIES_MAX];
    size_t query_count;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void query_read(struct input *input, struct str rest)
{
    struct role_query query = {.user = STR("alice"), .team = STR("payments")};

    (void)str_cut(&rest, '\t', &query.method);
    (void)str_cut(&rest, '\t', &query.host);
    query.path = rest;
    if (input->query_count < QUERIES_MAX) {
        input->queries[input->query_count++] = query;
    }
}

static void line_read(struct input *input, struct str line)
{
    struct str rest = line;
    struct str name;

    if (!str_cut(&rest, '\t', &name)) {
        return;
    }
    if (str_equal(name, STR("?"))) {
        query_read(input, rest);
    } else if (input->field_count < FIELDS_MAX) {
        input->fields[input->field_count++] = (struct store_field){name, rest};
    }
}

static enum record_kind kind_read(struct str line)
{
    static const char initials[RECORD_KIND_COUNT] = {'k', 'u', 't', 'r', 'l', 'x', 'c'};

    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        if (line.len > 0 && line.ptr[0] == initials[kind]) {
            return (enum record_kind)kind;
        }
    }
    return RECORD_ROLE;
}

/* Reads every byte a list points to, so that one borrowed from the freed input is found. */
static size_t sum_names(const struct record_names *names)
{
    size_t sum = 0;

    for (size_t i = 0; i < names->count; i++) {
        struct str name = record_name(names, i);
        struct str bare = str_starts_with(name, STR("!")) ? str_skip(name, 1) : name;
        ensure(str_is_name(bare));
        sum += name.len;
    }
    return sum;
}

static void key_check(struct key_record *key)
{
    const struct record_hash *second = record_hash(key, 1);

    ensure(str_is_name(record_str(&key->user)) && record_hash(key, 0));
    ensure(record_hash(key, 0)->scheme != RECORD_HASH_NONE);
    ensure((second != NULL) == (record_seconds(key->hash2_until) > 0));
    ensure(!second || second->scheme != RECORD_HASH_NONE);
    int64_t expires = record_seconds(key->expires);
    ensure(expires >= 0 && expires <= RECORD_TIME_MAX);
    ensure(key->has_roles || key->roles.count == 0);
    ensure(key->allow_from.count <= RECORD_PREFIXES_MAX && key->roles.count <= RECORD_ROLES_MAX);
    for (size_t i = 0; i < key->allow_from.count; i++) {
        ensure(record_prefix(&key->allow_from, i)->bits <= 128);
    }
    (void)sum_names(&key->roles);
}

static void cert_check(const struct cert_record *cert)
{
    ensure(str_is_name(record_str(&cert->user)));
    ensure(cert->has_roles || cert->roles.count == 0);
    (void)sum_names(&cert->roles);
}

static void user_check(const struct user_record *user)
{
    struct str team = record_str(&user->team), password = record_str(&user->password);

    ensure(str_is_absent(team) || str_is_name(team));
    ensure(str_is_absent(password) || password.ptr[0] == '$');
    (void)sum_names(&user->roles);
    (void)sum_names(&user->limits);
}

static void role_check(const struct role_record *role, const struct input *input)
{
    struct role_match deny, allow;

    ensure(role->priority >= -1 && role->priority <= RECORD_PRIORITY_MAX);
    (void)sum_names(&role->limits);
    for (size_t i = 0; i < input->query_count; i++) {
        role_match(role->rules, &input->queries[i], &deny, &allow);
        ensure(str_is_absent(deny.rule) || str_is_name(deny.rule));
        ensure(str_is_absent(allow.rule) || (str_is_name(allow.rule) && allow.cost > 0));
        ensure(role_match_compare(&allow, &allow) == 0);
    }
}

static void limit_check(const struct limit_record *limit)
{
    ensure(limit->scope < LIMIT_SCOPE_COUNT && limit->per < LIMIT_PER_COUNT);
    ensure((limit->outage == LIMIT_OUTAGE_BUDGET) == (limit->budget_percent > 0));
    ensure(limit->budget_percent <= 100);
    if (limit->kind == LIMIT_RATE) {
        ensure(limit->units > 0 && limit->units <= LIMIT_RATE_MAX && limit->period_us > 0);
        ensure(limit->burst > 0 && limit->burst <= LIMIT_RATE_MAX && str_is_absent(limit->tz));
    } else {
        ensure(limit->units <= LIMIT_QUOTA_MAX && limit->burst == 0);
        ensure(limit->tz.len == 0 || !memchr(limit->tz.ptr, '.', limit->tz.len));
    }
}

static void record_check(struct record *record, const struct input *input)
{
    switch (record->kind) {
    case RECORD_KEY:
        key_check(&record->key);
        break;
    case RECORD_USER:
        user_check(&record->user);
        break;
    case RECORD_TEAM:
        (void)sum_names(&record->team.limits);
        break;
    case RECORD_LIMIT:
        limit_check(&record->limit);
        break;
    case RECORD_CERT:
        cert_check(&record->cert);
        break;
    case RECORD_REVOKED:
        ensure(record_seconds(record->revoked.until) > 0);
        break;
    default:
        role_check(&record->role, input);
        break;
    }
}

/* Fields lie in memory of their own, which is gone before the record is looked at. */
static struct record *parse(const struct input *input)
{
    struct store_field copies[FIELDS_MAX];
    struct record *record = NULL;
    struct diag diag = {""};

    for (size_t i = 0; i < input->field_count; i++) {
        struct str name = input->fields[i].name;
        struct str value = input->fields[i].value;
        char *copy = malloc(name.len + value.len + 1);
        ensure(copy);
        memcpy(copy, name.ptr, name.len);
        if (value.len > 0) {
            memcpy(copy + name.len, value.ptr, value.len);
        }
        copies[i] =
            (struct store_field){str_make(copy, name.len), str_make(copy + name.len, value.len)};
    }
    enum err err = record_parse(input->kind, STR("k"), copies, input->field_count, &record, &diag);
    ensure((err == ERR_OK) == (record != NULL));
    ensure(err == ERR_OK || strlen(diag.text) > strlen("k: "));
    for (size_t i = 0; i < input->field_count; i++) {
        free((char *)(uintptr_t)copies[i].name.ptr);
    }
    return record;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_make((const char *)data, size);
    struct input input = {0};
    struct str line = STR_ABSENT;

    if (size == 0) {
        return 0;
    }
    (void)str_cut(&rest, '\n', &line);
    input.kind = kind_read(line);
    while (str_cut(&rest, '\n', &line)) {
        line_read(&input, line);
    }
    struct record *record = parse(&input);
    if (record) {
        record_check(record, &input);
    }
    record_free(record);
    return 0;
}
