#include "agent/directory/draft.h"

#include <string.h>

#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "agent/directory/value.h"

enum value_type {
    VALUE_NAME,
    VALUE_STATE,
    VALUE_MODE,
    VALUE_TIME,
    VALUE_PRIORITY,
    VALUE_HASH,
    VALUE_PHC,
    VALUE_FINGERPRINT,
    VALUE_LAST4,
    VALUE_TEXT,
    VALUE_NAMES,
    VALUE_SUBSET, /* names; that they are there counts too */
    VALUE_LIFTS,  /* names, perhaps marked */
    VALUE_PREFIXES,
    VALUE_RATE,
    VALUE_BURST,
    VALUE_QUOTA,
    VALUE_PER,
    VALUE_TZ,
    VALUE_SCOPE,
    VALUE_OUTAGE,
};

struct field {
    const char *name;
    enum value_type type;
    size_t offset; /* in struct draft, of what takes the value */
    bool is_required;
};

#define KEPT(member) offsetof(struct draft, member)
#define UNKEPT       offsetof(struct draft, unkept)

static const struct field key_fields[] = {
    {"user", VALUE_NAME, KEPT(key.user), true},
    {"hash", VALUE_HASH, KEPT(key.hash[0]), true},
    {"state", VALUE_STATE, KEPT(key.is_active), true},
    {"hash2", VALUE_HASH, KEPT(key.hash[1]), false},
    {"hash2_until", VALUE_TIME, KEPT(key.hash2_until), false},
    {"not_before", VALUE_TIME, KEPT(key.not_before), false},
    {"expires", VALUE_TIME, KEPT(key.expires), false},
    {"last4", VALUE_LAST4, UNKEPT, false},
    {"roles", VALUE_SUBSET, KEPT(key.roles), false},
    {"allow_from", VALUE_PREFIXES, KEPT(key.allow_from), false},
    {"cert", VALUE_FINGERPRINT, KEPT(key.cert), false},
    {"label", VALUE_TEXT, UNKEPT, false},
    {"created", VALUE_TIME, UNKEPT, false},
    {"rotated", VALUE_TIME, UNKEPT, false},
};

static const struct field user_fields[] = {
    {"state", VALUE_STATE, KEPT(user.is_active), true},
    {"roles", VALUE_NAMES, KEPT(user.roles), false},
    {"team", VALUE_NAME, KEPT(user.team), false},
    {"limits", VALUE_LIFTS, KEPT(user.limits), false},
    {"allow_from", VALUE_PREFIXES, KEPT(user.allow_from), false},
    {"expires", VALUE_TIME, KEPT(user.expires), false},
    {"tokens_not_before", VALUE_TIME, KEPT(user.tokens_not_before), false},
    {"password", VALUE_PHC, KEPT(user.password), false},
    {"note", VALUE_TEXT, UNKEPT, false},
};

static const struct field team_fields[] = {
    {"state", VALUE_STATE, KEPT(team.is_active), true},
    {"limits", VALUE_NAMES, KEPT(team.limits), false},
    {"note", VALUE_TEXT, UNKEPT, false},
};

static const struct field role_fields[] = {
    {"limits", VALUE_NAMES, KEPT(role.limits), false},
    {"priority", VALUE_PRIORITY, KEPT(role.priority), false},
    {"mode", VALUE_MODE, KEPT(role.is_shadow), false},
    {"note", VALUE_TEXT, UNKEPT, false},
};

static const struct field limit_fields[] = {
    {"rate", VALUE_RATE, KEPT(limit), false},
    {"burst", VALUE_BURST, KEPT(limit.burst), false},
    {"quota", VALUE_QUOTA, KEPT(limit), false},
    {"per", VALUE_PER, KEPT(limit.per), false},
    {"tz", VALUE_TZ, KEPT(limit.tz), false},
    {"scope", VALUE_SCOPE, KEPT(limit.scope), false},
    {"on_store_down", VALUE_OUTAGE, KEPT(limit), false},
    {"mode", VALUE_MODE, KEPT(limit.is_shadow), false},
    {"note", VALUE_TEXT, UNKEPT, false},
};

static const struct field revoked_fields[] = {
    {"until", VALUE_TIME, KEPT(revoked.until), true},
    {"note", VALUE_TEXT, UNKEPT, false},
};

static const struct field cert_fields[] = {
    {"user", VALUE_NAME, KEPT(cert.user), true},
    {"state", VALUE_STATE, KEPT(cert.is_active), true},
    {"expires", VALUE_TIME, KEPT(cert.expires), false},
    {"roles", VALUE_SUBSET, KEPT(cert.roles), false},
    {"label", VALUE_TEXT, UNKEPT, false},
    {"created", VALUE_TIME, UNKEPT, false},
};

#define TABLE(fields)                                                                              \
    {                                                                                              \
        fields, sizeof(fields) / sizeof((fields)[0])                                               \
    }

static const struct {
    const struct field *fields;
    size_t count;
} tables[RECORD_KIND_COUNT] = {
    [RECORD_KEY] = TABLE(key_fields),     [RECORD_USER] = TABLE(user_fields),
    [RECORD_TEAM] = TABLE(team_fields),   [RECORD_ROLE] = TABLE(role_fields),
    [RECORD_LIMIT] = TABLE(limit_fields), [RECORD_REVOKED] = TABLE(revoked_fields),
    [RECORD_CERT] = TABLE(cert_fields),
};

/* What holds between two fields of a kind. */
static const struct bond {
    enum record_kind kind;
    const char *field;
    enum { NEEDS, EXCLUDES, OR_ELSE } relation;
    const char *other;
} bonds[] = {
    {RECORD_KEY, "hash2", NEEDS, "hash2_until"}, {RECORD_KEY, "hash2_until", NEEDS, "hash2"},
    {RECORD_LIMIT, "rate", OR_ELSE, "quota"},    {RECORD_LIMIT, "rate", EXCLUDES, "quota"},
    {RECORD_LIMIT, "burst", NEEDS, "rate"},      {RECORD_LIMIT, "quota", NEEDS, "per"},
    {RECORD_LIMIT, "per", NEEDS, "quota"},       {RECORD_LIMIT, "tz", NEEDS, "quota"},
};

void draft_start(struct draft *draft, enum record_kind kind)
{
    *draft = (struct draft){.kind = kind};
    if (kind == RECORD_ROLE) {
        draft->role.priority = -1;
    }
}

static const char *names_read(struct draft *draft, struct str value, bool may_lift,
                              struct draft_names *out)
{
    struct str *items = draft->names + draft->name_count;
    const char *fault = value_names(value, may_lift, items, RECORD_NAMES_MAX, &out->count);

    if (!fault) {
        out->items = items;
        draft->name_count += out->count;
    }
    return fault;
}

static const char *prefixes_read(struct draft *draft, struct str value, struct draft_prefixes *out)
{
    out->items = draft->prefixes;
    return value_prefixes(value, draft->prefixes, &out->count);
}

static const char *value_read(struct draft *draft, const struct field *field, struct str value)
{
    void *out = (char *)draft + field->offset;

    switch (field->type) {
    case VALUE_NAME:
        return value_name(value, out);
    case VALUE_STATE:
        return value_state(value, out);
    case VALUE_MODE:
        return value_mode(value, out);
    case VALUE_TIME:
        return value_time(value, out);
    case VALUE_PRIORITY:
        return value_priority(value, out);
    case VALUE_HASH:
        return value_hash(value, out);
    case VALUE_PHC:
        return value_phc(value, out);
    case VALUE_FINGERPRINT:
        return value_fingerprint(value, out);
    case VALUE_LAST4:
        return value_last4(value);
    case VALUE_TEXT:
        return value_text(value);
    case VALUE_NAMES:
        return names_read(draft, value, false, out);
    case VALUE_SUBSET:
        draft->has_subset = true;
        return names_read(draft, value, false, out);
    case VALUE_LIFTS:
        return names_read(draft, value, true, out);
    case VALUE_PREFIXES:
        return prefixes_read(draft, value, out);
    case VALUE_RATE:
        return value_rate(value, out);
    case VALUE_BURST:
        return value_burst(value, out);
    case VALUE_QUOTA:
        return value_quota(value, out);
    case VALUE_PER:
        return value_per(value, out);
    case VALUE_TZ:
        return value_tz(value, out);
    case VALUE_SCOPE:
        return value_scope(value, out);
    case VALUE_OUTAGE:
        return value_outage(value, out);
    }
    return "a field of no type";
}

enum err draft_field(struct draft *draft, struct str name, struct str value, struct diag *diag)
{
    const struct field *fields = tables[draft->kind].fields;
    size_t i = 0;

    while (i < tables[draft->kind].count && !str_equal(name, str_from_c(fields[i].name))) {
        i++;
    }
    if (i == tables[draft->kind].count) {
        diag_set(diag, "%s: no such field", log_quote(name).text);
        return ERR_SYNTAX;
    }
    const char *fault = "stands twice";
    if (!(draft->seen & (1u << i))) {
        draft->seen |= 1u << i;
        fault = value_read(draft, &fields[i], value);
    }
    if (fault) {
        diag_set(diag, "%s: %s", fields[i].name, fault);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static bool is_seen(const struct draft *draft, const char *name)
{
    const struct field *fields = tables[draft->kind].fields;
    size_t i = 0;

    while (strcmp(fields[i].name, name) != 0) {
        i++;
        ensure(i < tables[draft->kind].count);
    }
    return draft->seen & (1u << i);
}

static bool bond_holds(const struct draft *draft, const struct bond *bond)
{
    bool has_field = is_seen(draft, bond->field);
    bool has_other = is_seen(draft, bond->other);

    switch (bond->relation) {
    case NEEDS:
        return !has_field || has_other;
    case EXCLUDES:
        return !has_field || !has_other;
    case OR_ELSE:
        return has_field || has_other;
    }
    return false;
}

static enum err bonds_check(const struct draft *draft, struct diag *diag)
{
    static const char *const faults[] = {
        [NEEDS] = "goes only with", [EXCLUDES] = "never goes with", [OR_ELSE] = "missing, and no"};

    for (size_t i = 0; i < sizeof(bonds) / sizeof(bonds[0]); i++) {
        const struct bond *bond = &bonds[i];
        if (bond->kind == draft->kind && !bond_holds(draft, bond)) {
            diag_set(diag, "%s: %s %s", bond->field, faults[bond->relation], bond->other);
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

static enum err limit_finish(struct limit_record *limit, struct diag *diag)
{
    if (!str_is_absent(limit->tz) && limit->per < LIMIT_PER_DAY) {
        diag_set(diag, "tz: only of day, week and month");
        return ERR_SYNTAX;
    }
    if (limit->kind == LIMIT_RATE && limit->burst == 0) {
        uint64_t of_a_second = limit->units / (uint64_t)(limit->period_us / 1000000);
        limit->burst = of_a_second > 0 ? of_a_second : 1;
    }
    return ERR_OK;
}

enum err draft_finish(struct draft *draft, struct diag *diag)
{
    enum record_kind kind = draft->kind;

    for (size_t i = 0; i < tables[kind].count; i++) {
        const struct field *field = &tables[kind].fields[i];
        if (field->is_required && !(draft->seen & (1u << i))) {
            diag_set(diag, "%s: missing", field->name);
            return ERR_SYNTAX;
        }
    }
    enum err err = bonds_check(draft, diag);
    return !err && kind == RECORD_LIMIT ? limit_finish(&draft->limit, diag) : err;
}
