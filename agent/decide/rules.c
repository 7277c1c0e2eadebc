/*
 * Whether the caller's roles allow the request. A user's denies always apply; the role subset of a
 * key, token or certificate narrows the allows only. Shadow roles decide nothing: what they would
 * change is told in `shadow`.
 */
#include "agent/access/role.h"
#include "agent/decide/explain.h"
#include "agent/decide/run.h"

/* The best match so far, and the role it came from. */
struct best {
    struct role_match match;
    struct str role;
    const struct role_record *record;
};

struct outcome {
    struct best deny;
    struct best allow;
};

struct search {
    struct run *run;
    struct role_query query;
    struct outcome enforced; /* enforcing roles only */
    struct outcome shadowed; /* shadow roles too */
    bool has_shadow;
};

static bool is_found(const struct best *best)
{
    return !str_is_absent(best->match.rule);
}

static void keep_better(struct best *best, const struct role_match *match, struct str role,
                        const struct role_record *record)
{
    if (str_is_absent(match->rule)) {
        return;
    }
    if (!is_found(best) || role_match_compare(match, &best->match) > 0) {
        *best = (struct best){*match, role, record};
    }
}

static bool token_may_allow(const struct token *token, struct str role)
{
    if (!token || !token->identity.narrows_roles) {
        return true;
    }
    for (size_t i = 0; i < token->role_count; i++) {
        if (str_equal(token->roles[i], role)) {
            return true;
        }
    }
    return false;
}

static bool has_role(const struct record_names *roles, struct str role)
{
    for (size_t i = 0; i < roles->count; i++) {
        if (str_equal(record_name(roles, i), role)) {
            return true;
        }
    }
    return false;
}

static bool key_may_allow(const struct key_record *key, struct str role)
{
    return !key || !key->has_roles || has_role(&key->roles, role);
}

static bool cert_may_allow(const struct cert_record *cert, struct str role)
{
    return !cert || !cert->has_roles || has_role(&cert->roles, role);
}

static bool policy_may_allow(const struct cert_policy *policy, struct str role)
{
    return !policy || policy->roles.count == 0 || str_list_has(&policy->roles, role);
}

/* The subset of roles that the credential has, and the certificate beside it. */
static bool may_allow(const struct run *run, struct str role)
{
    return key_may_allow(run->key, role) && token_may_allow(run->token, role) &&
           cert_may_allow(run->cert, role) && policy_may_allow(run->cert_policy, role);
}

/* Whether the user's own limits lift it: "!daily". */
static bool is_lifted(const struct run *run, struct str name)
{
    for (size_t i = 0; run->user && i < run->user->limits.count; i++) {
        struct str item = record_name(&run->user->limits, i);
        if (item.len > 0 && item.ptr[0] == '!' && str_equal(str_skip(item, 1), name)) {
            return true;
        }
    }
    return false;
}

static void add_role_limit(struct run *run, struct str name, struct str role, bool is_shadow)
{
    if (!is_lifted(run, name)) {
        run_add_limit(run, name, role, is_shadow);
    }
}

/* The user's first role is remembered, and most users have one. */
static enum step_result get_role(struct run *run, struct str role, struct directory_entry **entry)
{
    if (run->user && role.ptr == record_name(&run->user->roles, 0).ptr) {
        return run_get_linked(run, run->user_entry, DIRECTORY_LINK_ROLE, RECORD_ROLE, role, entry);
    }
    return run_get(run, RECORD_ROLE, role, entry);
}

static enum step_result search_role(struct search *search, struct str role)
{
    struct run *run = search->run;
    struct directory_entry *entry;
    struct role_match deny;
    struct role_match allow;

    enum step_result result = get_role(run, role, &entry);
    if (run->trace && result == STEP_NEXT) {
        run->trace->role(run->trace, role, entry ? &entry->record->role : NULL,
                         may_allow(run, role), &search->query);
    }
    if (result != STEP_NEXT || !entry) {
        return result;
    }
    const struct role_record *record = &entry->record->role;
    role_match(record->rules, &search->query, &deny, &allow);
    if (!may_allow(run, role)) {
        allow = (struct role_match){.rule = STR_ABSENT};
    }
    keep_better(&search->shadowed.deny, &deny, role, record);
    keep_better(&search->shadowed.allow, &allow, role, record);
    if (!str_is_absent(allow.rule)) {
        for (size_t i = 0; i < record->limits.count; i++) {
            add_role_limit(run, record_name(&record->limits, i), role, record->is_shadow);
        }
    }
    if (record->is_shadow) {
        search->has_shadow = true;
        return STEP_NEXT;
    }
    keep_better(&search->enforced.deny, &deny, role, record);
    keep_better(&search->enforced.allow, &allow, role, record);
    return STEP_NEXT;
}

static const struct best *deciding(const struct outcome *outcome)
{
    return is_found(&outcome->deny) ? &outcome->deny : &outcome->allow;
}

static struct str rule_name(struct run *run, const struct best *best)
{
    if (!is_found(best)) {
        return STR_ABSENT;
    }
    const struct str parts[] = {best->role, STR("/"), best->match.rule};

    return run_join(run, parts, 3);
}

static enum reason outcome_reason(const struct run *run, const struct outcome *outcome)
{
    if (is_found(&outcome->deny)) {
        return REASON_RULE_DENIED;
    }
    if (is_found(&outcome->allow)) {
        return REASON_OK;
    }
    /* Who offered nothing may still authenticate. */
    return run_is_anonymous(run) ? REASON_NO_CREDENTIAL : REASON_NO_RULE;
}

static void tell_shadow(struct search *search)
{
    struct run *run = search->run;
    enum reason reason = outcome_reason(run, &search->shadowed);
    struct str rule = rule_name(run, deciding(&search->shadowed));
    struct str parts[] = {verdict_text(reason == REASON_OK ? VERDICT_ALLOW : VERDICT_DENY),
                          STR(":"), reason_code(reason), STR(":"), rule};

    if (reason != outcome_reason(run, &search->enforced)) {
        run->out->verdict.shadow = run_join(run, parts, rule.len > 0 ? 5 : 3);
    }
}

/* The rule's own limits, and those of user and team, which always apply. */
static void add_limits(struct run *run, const struct best *best)
{
    run->cost = best->match.cost;
    for (size_t i = 0; i < best->match.limit_count; i++) {
        add_role_limit(run, best->match.limits[i], best->role, false);
    }
    for (size_t i = 0; run->user && i < run->user->limits.count; i++) {
        struct str item = record_name(&run->user->limits, i);
        if (item.len > 0 && item.ptr[0] != '!') {
            run_add_limit(run, item, STR_ABSENT, false);
        }
    }
    for (size_t i = 0; run->team && i < run->team->limits.count; i++) {
        run_add_limit(run, record_name(&run->team->limits, i), STR_ABSENT, false);
    }
}

static enum step_result conclude(struct search *search)
{
    struct run *run = search->run;
    const struct best *best = deciding(&search->enforced);
    enum reason reason = outcome_reason(run, &search->enforced);

    if (search->has_shadow) {
        tell_shadow(search);
    }
    run->out->verdict.rule = rule_name(run, best);
    if (is_found(best)) {
        run->out->verdict.priority = best->record->priority;
    }
    if (reason != REASON_OK) {
        return run_deny(run, reason, NULL);
    }
    if (str_is_absent(run->out->verdict.rule)) {
        return run_deny(run, REASON_OVERLOAD, "arena");
    }
    add_limits(run, best);
    return STEP_NEXT;
}

/* The user's roles, the token's, or the one of the anonymous. */
static size_t role_count(const struct run *run)
{
    return run->user                 ? run->user->roles.count
           : run_has_token_user(run) ? run->token->role_count
                                     : 1;
}

static struct str role_at(const struct run *run, size_t i)
{
    if (run_has_token_user(run)) {
        return run->token->roles[i];
    }
    return run->user ? record_name(&run->user->roles, i) : run->out->gate->anonymous;
}

/* The roles that could allow, "a,b": the user's, narrowed by the key's subset. */
static struct str role_list(struct run *run)
{
    struct str parts[2 * RECORD_ROLES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < role_count(run); i++) {
        struct str role = role_at(run, i);
        if (may_allow(run, role)) {
            if (count > 0) {
                parts[count++] = STR(",");
            }
            parts[count++] = role;
        }
    }
    /* One role's text lives as long as its record, and is not copied. */
    return count == 1 ? parts[0] : run_join(run, parts, count);
}

enum step_result step_rules(struct run *run)
{
    struct search search = {
        .run = run,
        .query = {.method = run->request->method,
                  .host = run->out->host,
                  .path = run->out->path,
                  .user = run_is_anonymous(run) ? STR_ABSENT : run->out->verdict.user,
                  .team = run->out->verdict.team}};

    run->out->verdict.roles = role_list(run);
    for (size_t i = 0; i < role_count(run); i++) {
        enum step_result result = search_role(&search, role_at(run, i));
        if (result != STEP_NEXT) {
            return result;
        }
    }
    return conclude(&search);
}
