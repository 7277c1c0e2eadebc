#include "agent/ctl/blast/radius.h"

#include "agent/access/why.h"
#include "agent/ctl/command.h"
#include "agent/ctl/terms.h"

#define KEY_BYTES_MAX 512
/* Stands in no rule that somebody wrote. */
#define SOME_TEXT   "zq7x0nobody"
#define SOME_METHOD "ZQ7XNOBODY"

static const struct fact *get(struct radius *radius, enum record_kind kind, struct str name)
{
    char key[KEY_BYTES_MAX];
    size_t length =
        record_key(kind, str_from_c(radius->rehearsal->config->prefix), name, key, sizeof(key));

    return length > 0 ? rehearsal_get(radius->rehearsal, str_make(key, length)) : NULL;
}

/* NULL: absent, or told in `closed`. */
static struct record *parse(struct radius *radius, enum record_kind kind, const struct fact *fact)
{
    struct record *record;
    struct diag diag;

    if (!fact || fact->field_count == 0) {
        return NULL;
    }
    if (record_parse(kind, fact->key, fact->fields, fact->field_count, &record, &diag) != ERR_OK) {
        radius->closed = heap_copy(radius->heap, str_from_c(diag.text));
        return NULL;
    }
    return record;
}

/* ---- rules ---- */

static void add_rule(struct radius *radius, struct str role, const struct store_field *field,
                     bool may_allow)
{
    struct str text = field->value, verdict;
    struct radius_rule rule = {.role = role, .id = str_skip(field->name, sizeof("rule:") - 1)};

    if (!str_cut(&text, ' ', &verdict) || !str_cut(&text, ' ', &rule.methods) ||
        !str_cut(&text, ' ', &rule.host) || !str_cut(&text, ' ', &rule.template)) {
        return;
    }
    rule.more = text;
    if (str_equal(verdict, STR("deny"))) {
        radius->denies = heap_grow(radius->heap, radius->denies, radius->deny_count, sizeof(rule));
        radius->denies[radius->deny_count++] = rule;
    } else if (may_allow) {
        radius->allows = heap_grow(radius->heap, radius->allows, radius->allow_count, sizeof(rule));
        radius->allows[radius->allow_count++] = rule;
    }
}

static bool may_allow(const struct radius *radius, struct str role)
{
    const struct key_record *key = &radius->key->key;

    for (size_t i = 0; i < key->roles.count; i++) {
        if (str_equal(record_name(&key->roles, i), role)) {
            return true;
        }
    }
    return !key->has_roles;
}

/* ---- limits ---- */

static const char *const scopes[LIMIT_SCOPE_COUNT] = {
    [LIMIT_SCOPE_USER] = "user", [LIMIT_SCOPE_KEY] = "key",       [LIMIT_SCOPE_TEAM] = "team",
    [LIMIT_SCOPE_ROLE] = "role", [LIMIT_SCOPE_SOURCE] = "source", [LIMIT_SCOPE_GLOBAL] = "global",
};

static bool is_lifted(const struct radius *radius, struct str name)
{
    const struct record_names *limits = &radius->user->user.limits;

    for (size_t i = 0; i < limits->count; i++) {
        struct str item = record_name(limits, i);
        if (item.len > 0 && item.ptr[0] == '!' && str_equal(str_skip(item, 1), name)) {
            return true;
        }
    }
    return false;
}

static void add_limit(struct radius *radius, struct str name, struct str from)
{
    struct radius_limit limit = {.name = heap_copy(radius->heap, name), .from = from};
    struct str closed = radius->closed;

    struct record *record = parse(radius, RECORD_LIMIT, get(radius, RECORD_LIMIT, name));
    radius->closed = closed;
    limit.is_missing = !record;
    if (record) {
        limit.terms = terms_text(radius->heap, &record->limit);
        limit.scope = str_from_c(scopes[record->limit.scope]);
    }
    record_free(record);
    radius->limits = heap_grow(radius->heap, radius->limits, radius->limit_count, sizeof(limit));
    radius->limits[radius->limit_count++] = limit;
}

static void add_listed(struct radius *radius, struct str list, struct str from, bool may_be_lifted)
{
    struct str name;

    while (list.len > 0 && str_cut(&list, ',', &name)) {
        bool is_mark = name.len > 0 && name.ptr[0] == '!';
        if (!is_mark && !(may_be_lifted && is_lifted(radius, name))) {
            add_limit(radius, name, from);
        }
    }
}

static void add_rule_limits(struct radius *radius, const struct radius_rule *rule)
{
    const struct str limit = STR("limit=");
    struct str words = rule->more, word;

    while (words.len > 0 && str_cut(&words, ' ', &word)) {
        if (str_starts_with(word, limit)) {
            struct str from =
                heap_print(radius->heap, "rule %.*s/%.*s", STR_ARG(rule->role), STR_ARG(rule->id));
            add_listed(radius, str_skip(word, limit.len), from, true);
        }
    }
}

/* ---- a role ---- */

static void add_role(struct radius *radius, struct str role)
{
    const struct fact *fact = get(radius, RECORD_ROLE, role);
    struct record *record = parse(radius, RECORD_ROLE, fact);
    bool allows = may_allow(radius, role);
    size_t before = radius->allow_count;

    if (!record) {
        return;
    }
    for (size_t i = 0; i < fact->field_count && !record->role.is_shadow; i++) {
        if (str_starts_with(fact->fields[i].name, STR("rule:"))) {
            add_rule(radius, heap_copy(radius->heap, role), &fact->fields[i], allows);
        }
    }
    if (radius->allow_count > before) {
        add_listed(radius, fact_field(fact, STR("limits")),
                   heap_print(radius->heap, "role %.*s", STR_ARG(role)), true);
    }
    for (size_t i = before; i < radius->allow_count; i++) {
        add_rule_limits(radius, &radius->allows[i]);
    }
    record_free(record);
}

/* ---- denies against allows ---- */

/* A path of the template: each parameter some text, `**` nothing or some segments. */
static struct str some_path(struct radius *radius, struct str template, const char *rest)
{
    struct str path = STR(""), segments = str_skip(template, 1), segment;

    while (str_cut(&segments, '/', &segment)) {
        const char *open = memchr(segment.ptr, '{', segment.len);
        const char *star = memchr(segment.ptr, '*', segment.len);
        const char *wild = open ? open : star;
        const char *close = open ? memchr(segment.ptr, '}', segment.len) : star;

        if (str_equal(segment, STR("**"))) {
            path = heap_print(radius->heap, "%.*s%s", STR_ARG(path), rest);
        } else if (str_equal(segment, STR("{@user}")) || str_equal(segment, STR("{@team}"))) {
            struct str own = segment.ptr[2] == 'u' ? radius->user_name : radius->team;
            path = heap_print(radius->heap, "%.*s/%.*s", STR_ARG(path), STR_ARG(own));
        } else if (wild) {
            path = heap_print(radius->heap, "%.*s/%.*s%s%.*s", STR_ARG(path),
                              (int)(wild - segment.ptr), segment.ptr, SOME_TEXT,
                              (int)(segment.ptr + segment.len - close - 1), close + 1);
        } else {
            path = heap_print(radius->heap, "%.*s/%.*s", STR_ARG(path), STR_ARG(segment));
        }
    }
    return path.len > 0 ? path : STR("/");
}

static struct str some_host(struct radius *radius, struct str host)
{
    if (str_equal(host, STR("*"))) {
        return STR(SOME_TEXT);
    }
    return host.ptr[0] == '*'
               ? heap_print(radius->heap, "%s%.*s", SOME_TEXT, STR_ARG(str_skip(host, 1)))
               : host;
}

static bool denies_one(struct radius *radius, const struct radius_rule *deny,
                       const struct role_query *query)
{
    struct str text = heap_print(radius->heap, "deny %.*s %.*s %.*s", STR_ARG(deny->methods),
                                 STR_ARG(deny->host), STR_ARG(deny->template));
    const struct role_source source = {deny->id, text};
    struct why why;
    struct diag diag;

    return why_find(&source, query, &why, &diag) == ERR_OK && why.matches;
}

static bool denies_all(struct radius *radius, const struct radius_rule *deny,
                       const struct radius_rule *allow)
{
    static const char *const rests[] = {"", "/" SOME_TEXT, "/" SOME_TEXT "/" SOME_TEXT "y/z"};
    struct str methods = str_equal(allow->methods, STR("*")) ? STR(SOME_METHOD) : allow->methods;
    struct str method;

    while (methods.len > 0 && str_cut(&methods, ',', &method)) {
        for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
            const struct role_query query = {
                .method = method,
                .host = some_host(radius, allow->host),
                .path = some_path(radius, allow->template, rests[i]),
                .user = radius->user_name,
                .team = radius->team,
            };
            if (!denies_one(radius, deny, &query)) {
                return false;
            }
        }
    }
    return true;
}

static void find_shut(struct radius *radius)
{
    for (size_t i = 0; i < radius->allow_count; i++) {
        struct radius_rule *allow = &radius->allows[i];

        for (size_t j = 0; j < radius->deny_count && str_is_absent(allow->shut_by); j++) {
            const struct radius_rule *deny = &radius->denies[j];
            if (denies_all(radius, deny, allow)) {
                allow->shut_by =
                    heap_print(radius->heap, "%.*s/%.*s", STR_ARG(deny->role), STR_ARG(deny->id));
            }
        }
    }
}

/* ---- the whole ---- */

static void find_gates(struct radius *radius)
{
    const struct config *config = radius->rehearsal->config;

    radius->gates = heap_take(radius->heap, (config->gate_count + 1) * sizeof(*radius->gates));
    for (size_t i = 0; i < config->gate_count; i++) {
        if (config->gates[i].accept & CREDENTIAL_APIKEY) {
            radius->gates[radius->gate_count++] = config->gates[i].name;
        }
    }
}

static int64_t seconds_of(const struct fact *fact, struct str name)
{
    uint64_t seconds = 0;

    (void)str_to_uint64(fact_field(fact, name), RECORD_TIME_MAX, &seconds);
    return (int64_t)seconds;
}

/* As seen/seen.h writes it. */
static void find_seen(struct radius *radius)
{
    struct str key = heap_print(radius->heap, "%sseen:key:%.*s", radius->rehearsal->config->prefix,
                                STR_ARG(radius->keyid));
    const struct fact *fact = rehearsal_get(radius->rehearsal, key);

    radius->seen_hash2_s = seconds_of(fact, STR("hash2"));
    radius->seen_s = seconds_of(fact, STR("hash"));
    if (radius->seen_hash2_s > radius->seen_s) {
        radius->seen_s = radius->seen_hash2_s;
    }
}

/* What the steps would end with, before any rule. */
static void find_closed(struct radius *radius)
{
    struct now now = radius->rehearsal->now;
    int64_t expires_s = radius->user ? record_seconds(radius->user->user.expires) : 0;
    enum reason reason = apikey_standing(&radius->key->key, now);

    if (reason != REASON_OK) {
        radius->closed = str_from_c(reason_text(reason));
    } else if (!radius->user && str_is_absent(radius->closed)) {
        radius->closed = STR("the key's user does not exist");
    } else if (radius->user && (!radius->user->user.is_active ||
                                (expires_s != 0 && now_wall_s(now) >= expires_s))) {
        radius->closed = STR("the user is disabled or expired");
    } else if (radius->gate_count == 0) {
        radius->closed = STR("no gate accepts API keys");
    }
}

static void find_team(struct radius *radius)
{
    if (radius->team.len == 0) {
        return;
    }
    const struct fact *fact = get(radius, RECORD_TEAM, radius->team);
    struct record *record = parse(radius, RECORD_TEAM, fact);
    if (record) {
        add_listed(radius, fact_field(fact, STR("limits")), STR("team"), false);
        if (!record->team.is_active) {
            radius->closed = STR("the team is disabled");
        }
    }
    record_free(record);
}

bool radius_find(struct radius *radius, struct rehearsal *rehearsal, struct str keyid)
{
    *radius = (struct radius){.rehearsal = rehearsal, .heap = rehearsal->heap, .keyid = keyid};
    const struct fact *key = get(radius, RECORD_KEY, keyid);
    if (!key) {
        command_fail("the store does not give the key's record");
        return false;
    }
    radius->key = parse(radius, RECORD_KEY, key);
    if (!radius->key) {
        command_fail("key %s: %s", log_quote(keyid).text,
                     radius->closed.len > 0 ? radius->closed.ptr : "no such key");
        return false;
    }
    radius->user_name = heap_copy(radius->heap, record_str(&radius->key->key.user));
    const struct fact *user = get(radius, RECORD_USER, radius->user_name);
    radius->user = parse(radius, RECORD_USER, user);
    radius->key_from = fact_field(key, STR("allow_from"));
    radius->user_from = fact_field(user, STR("allow_from"));
    find_gates(radius);
    find_seen(radius);
    find_closed(radius);
    if (!radius->user) {
        return true;
    }
    radius->team = heap_copy(radius->heap, record_str(&radius->user->user.team));
    add_listed(radius, fact_field(user, STR("limits")), STR("user"), false);
    find_team(radius);
    for (size_t i = 0; i < radius->user->user.roles.count; i++) {
        add_role(radius, record_name(&radius->user->user.roles, i));
    }
    find_shut(radius);
    return true;
}

void radius_fini(struct radius *radius)
{
    record_free(radius->key);
    record_free(radius->user);
}
