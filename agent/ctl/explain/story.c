#include "agent/ctl/explain/story.h"

#include <stdlib.h>

#define KEY_BYTES_MAX 512

static struct story *story_of(struct explain_trace *trace)
{
    return (struct story *)(void *)trace;
}

/* ---- what the trace tells ---- */

static void begin_cb(struct explain_trace *trace)
{
    struct story *story = story_of(trace);

    story->step_count = story->role_count = story->limit_count = 0;
    story->query = (struct role_query){.path = STR_ABSENT};
    story->section = (struct story_section){0};
}

static void step_cb(struct explain_trace *trace, const char *name, bool is_end)
{
    struct story *story = story_of(trace);

    if (story->step_count < STORY_STEPS_MAX) {
        story->steps[story->step_count++] = (struct story_step){name, is_end};
    }
}

static void section_cb(struct explain_trace *trace, const char *kind, struct str name,
                       struct str origin)
{
    story_of(trace)->section = (struct story_section){kind, name, origin};
}

static void copy_query(struct story *story, const struct role_query *query)
{
    if (str_is_absent(story->query.path)) {
        story->query = (struct role_query){
            .method = heap_copy(story->heap, query->method),
            .host = heap_copy(story->heap, query->host),
            .path = heap_copy(story->heap, query->path),
            .user = heap_copy(story->heap, query->user),
            .team = heap_copy(story->heap, query->team),
        };
    }
}

static void role_cb(struct explain_trace *trace, struct str role, const struct role_record *record,
                    bool may_allow, const struct role_query *query)
{
    struct story *story = story_of(trace);

    copy_query(story, query);
    story->roles = heap_grow(story->heap, story->roles, story->role_count, sizeof(*story->roles));
    story->roles[story->role_count++] = (struct story_role){
        .name = heap_copy(story->heap, role),
        .exists = record != NULL,
        .may_allow = may_allow,
        .is_shadow = record && record->is_shadow,
    };
}

static bool has_standing(const struct quota_claim *claim)
{
    return claim->lease && (claim->answer == QUOTA_ENOUGH || claim->answer == QUOTA_EXHAUSTED);
}

static void take_answer(struct story *story, struct story_limit *limit,
                        const struct quota_claim *claim)
{
    limit->answer = claim->answer;
    if (has_standing(claim)) {
        quota_look(story->rehearsal->context.quota, claim, &limit->standing);
        limit->wait_us = claim->wait_us;
    }
}

static void limit_cb(struct explain_trace *trace, const struct quota_claim *claim, bool is_shadow)
{
    struct story *story = story_of(trace);

    story->limits =
        heap_grow(story->heap, story->limits, story->limit_count, sizeof(*story->limits));
    struct story_limit *limit = &story->limits[story->limit_count++];
    *limit = (struct story_limit){
        .name = heap_copy(story->heap, claim->name),
        .subject = heap_copy(story->heap, claim->subject),
        .record = *claim->limit,
        .cost = claim->cost,
        .is_shadow = is_shadow,
        .is_asked = claim->lease != NULL,
    };
    limit->record.tz = heap_copy(story->heap, claim->limit->tz);
    if (limit->is_asked) {
        take_answer(story, limit, claim);
    }
}

/* ---- what the decision leaves open ---- */

static void ask_limits(struct story *story)
{
    for (size_t i = 0; i < story->limit_count; i++) {
        struct story_limit *limit = &story->limits[i];
        struct quota_claim claim = {.name = limit->name,
                                    .limit = &limit->record,
                                    .subject = limit->subject,
                                    .cost = limit->cost};

        if (!limit->is_asked) {
            rehearsal_check(story->rehearsal, &claim);
            take_answer(story, limit, &claim);
        }
    }
}

static bool is_rule(struct str field, struct str *id)
{
    const struct str prefix = STR("rule:");

    *id = str_skip(field, prefix.len);
    return str_starts_with(field, prefix);
}

static int compare_rules(const void *left, const void *right)
{
    struct str a = ((const struct story_rule *)left)->id;
    struct str b = ((const struct story_rule *)right)->id;
    int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static bool decides(const struct story *story, const struct story_role *role,
                    const struct story_rule *rule)
{
    struct str rest = story->verdict.rule, name;

    return str_cut(&rest, '/', &name) && str_equal(name, role->name) && str_equal(rest, rule->id);
}

static struct str mismatch(struct story *story, const struct why *why)
{
    if (!why->method) {
        return STR("another method");
    }
    if (!why->host) {
        return STR("another host");
    }
    return heap_print(story->heap, "the path differs at segment %zu", why->segment);
}

static struct str loss(struct story *story, const struct story_role *role, const struct why *why)
{
    if (why->allows && !role->may_allow) {
        return STR("matches, but the credential does not have this role");
    }
    if (role->is_shadow) {
        return STR("matches, but a shadow role decides nothing");
    }
    if (why->allows && story->verdict.reason == REASON_RULE_DENIED) {
        return STR("matches, but deny beats allow");
    }
    return heap_print(story->heap, "matches, but %.*s comes first", STR_ARG(story->verdict.rule));
}

static void judge_rule(struct story *story, const struct story_role *role, struct story_rule *rule)
{
    const struct role_source source = {rule->id, rule->text};
    struct diag diag = {{0}};

    if (why_find(&source, &story->query, &rule->why, &diag) != ERR_OK) {
        rule->outcome = heap_copy(story->heap, str_from_c(diag.text));
    } else if (!rule->why.matches) {
        rule->outcome = mismatch(story, &rule->why);
    } else if (decides(story, role, rule)) {
        rule->outcome = STR("decides");
    } else {
        rule->outcome = loss(story, role, &rule->why);
    }
}

static void read_rules(struct story *story, struct story_role *role)
{
    const struct str prefix = str_from_c(story->rehearsal->config->prefix);
    char key[KEY_BYTES_MAX];
    size_t length = record_key(RECORD_ROLE, prefix, role->name, key, sizeof(key));
    const struct fact *fact = facts_find(story->rehearsal->facts, str_make(key, length));
    struct str id;

    if (!fact) {
        return;
    }
    role->rules = heap_take(story->heap, (fact->field_count + 1) * sizeof(*role->rules));
    for (size_t i = 0; i < fact->field_count; i++) {
        if (is_rule(fact->fields[i].name, &id)) {
            role->rules[role->rule_count++] =
                (struct story_rule){.id = id, .text = fact->fields[i].value};
        }
    }
    qsort(role->rules, role->rule_count, sizeof(*role->rules), compare_rules);
    for (size_t i = 0; i < role->rule_count; i++) {
        judge_rule(story, role, &role->rules[i]);
    }
}

/* ---- the verdict ---- */

static void copy_decision(struct story *story, const struct decision *decision)
{
    struct verdict *verdict = &story->verdict;
    struct str *const texts[] = {&verdict->rule,
                                 &verdict->user,
                                 &verdict->team,
                                 &verdict->roles,
                                 &verdict->path,
                                 &verdict->credential,
                                 &verdict->challenge,
                                 &verdict->limit,
                                 &verdict->ratelimit,
                                 &verdict->shadow,
                                 &verdict->ratelimit_policy};

    *verdict = decision->verdict;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        *texts[i] = heap_copy(story->heap, *texts[i]);
    }
    if (verdict->fault) {
        verdict->fault = heap_copy(story->heap, str_from_c(verdict->fault)).ptr;
    }
    story->judged = decision->judged;
    story->gate = decision->gate;
    story->host = heap_copy(story->heap, decision->host);
    story->path = heap_copy(story->heap, decision->path);
    story->credential = heap_copy(story->heap, decision->credential);
}

void story_tell(struct story *story, struct rehearsal *rehearsal, const struct request *request,
                const struct explain_caller *caller)
{
    struct decision decision;

    *story = (struct story){.trace = {begin_cb, step_cb, role_cb, section_cb, limit_cb},
                            .rehearsal = rehearsal,
                            .heap = rehearsal->heap};
    rehearsal_decide(rehearsal, request, caller, &story->trace, &decision);
    copy_decision(story, &decision);
    for (size_t i = 0; i < story->role_count; i++) {
        read_rules(story, &story->roles[i]);
    }
    ask_limits(story);
}

bool story_is_in_trouble(const struct story *story)
{
    enum reason reason = story->verdict.reason;

    return reason == REASON_STORE_DOWN || reason == REASON_OVERLOAD;
}

/* ---- words ---- */

const char *story_answer(const struct story_limit *limit)
{
    switch (limit->answer) {
    case QUOTA_ENOUGH:
        return "enough";
    case QUOTA_EXHAUSTED:
        return "exhausted";
    case QUOTA_COST:
        return "costs more than it can ever give";
    case QUOTA_BAD:
        return "the counter or the time zone can not be read";
    case QUOTA_DOWN:
        return "the store does not say";
    case QUOTA_PENDING:
    case QUOTA_BUSY:
        break;
    }
    return "not asked";
}
