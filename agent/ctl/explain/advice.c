#include "agent/ctl/explain/advice.h"

#include <string.h>

static const char *const texts[REASON_COUNT] = {
    [REASON_NO_CREDENTIAL] =
        "offer a credential that the gate accepts, or give the gate an anonymous role whose rules "
        "allow the request",
    [REASON_BAD_CREDENTIAL] = "issue a key: reeve-admin key issue <user>",
    [REASON_EXPIRED] = "renew it: reeve-admin key issue <user> expires=30d; or look at not_before",
    [REASON_REVOKED] = "issue another: reeve-admin key issue <user>",
    [REASON_USER_DISABLED] = "look at the user and its team: reeve-admin user show <user>",
    [REASON_SOURCE_ADDRESS] =
        "add the source to allow_from of the record that is named, or call from where it allows",
    [REASON_NO_GATE] = "write a gate for the frontend, or gate \"*\", into the configuration",
    [REASON_AMBIGUOUS_PATH] =
        "send the canonical path; or forward = \"canonical\" or relax in the gate, if the upstream "
        "reads such paths as Reeve does",
    [REASON_BAD_REQUEST] = "the request is malformed: nothing to be changed here",
    [REASON_BAD_RECORD] = "mend the record that is named",
    [REASON_RATE] = "wait; or raise or lift the limit: reeve-admin limit set, "
                    "reeve-admin user set <user> limits='!<limit>'",
    [REASON_QUOTA] = "wait; raise the limit: reeve-admin limit set; or give units back: "
                     "reeve-admin usage reset <user> <limit>",
    [REASON_COST] = "lower the rule's cost, or raise the limit above it",
    [REASON_STORE_DOWN] =
        "reach Redis first; agents go on serving what they know for max_stale meanwhile",
};

static bool is_made_of(struct str text, const char *others)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_alphanumeric && (c == '\0' || !strchr(others, c))) {
            return false;
        }
    }
    return true;
}

/* A rule can mean this request and no other, and in single quotes a shell reads nothing into it: the
 * request's texts are of whoever sent it, and advice is copied. */
static bool can_be_written(const struct role_query *query)
{
    return is_made_of(query->method, "-_.") && is_made_of(query->host, "-_.") &&
           is_made_of(query->path, "-._~!$&()+,;=:@/%");
}

/* A role whose allows would count. */
static const struct story_role *find_role(const struct story *story)
{
    for (size_t i = 0; i < story->role_count; i++) {
        const struct story_role *role = &story->roles[i];

        if (role->exists && role->may_allow && !role->is_shadow) {
            return role;
        }
    }
    return NULL;
}

/* The rule that is missing, as it could be written. */
static struct str missing_rule(struct story *story)
{
    const struct role_query *query = &story->query;
    const struct story_role *role = find_role(story);

    if (story->role_count == 0) {
        return STR("give the user a role: reeve-admin user set <user> roles=<role>");
    }
    if (!role) {
        return STR("give the user and the credential a role that exists and is no shadow");
    }
    if (!can_be_written(query)) {
        return STR("no rule can mean this request alone: see what the caller should send instead");
    }
    return heap_print(story->heap,
                      "allow it: reeve-admin role rule add %.*s <id> 'allow %.*s %.*s %.*s'",
                      STR_ARG(role->name), STR_ARG(query->method),
                      STR_ARG(query->host.len > 0 ? query->host : STR("*")), STR_ARG(query->path));
}

struct str advice_for(struct story *story)
{
    const struct verdict *verdict = &story->verdict;

    if (verdict->reason == REASON_NO_RULE) {
        return missing_rule(story);
    }
    if (verdict->reason == REASON_RULE_DENIED) {
        return heap_print(story->heap,
                          "the deny %.*s stands above every allow: change or delete it",
                          STR_ARG(verdict->rule));
    }
    return str_from_c(texts[verdict->reason]);
}
