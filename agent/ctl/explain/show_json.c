#include "agent/ctl/explain/advice.h"
#include "agent/ctl/explain/show.h"
#include "agent/ctl/terms.h"

static const char *kind_text(const struct question *question)
{
    switch (question->caller.kind) {
    case EXPLAIN_KEY:
        return "key";
    case EXPLAIN_USER:
        return "user";
    case EXPLAIN_TOKEN:
        return "token";
    case EXPLAIN_PASSWORD:
        return "password";
    case EXPLAIN_CERT:
        return "certificate";
    case EXPLAIN_ANONYMOUS:
        break;
    }
    return "anonymous";
}

static void put_request(struct json_out *json, const struct question *question)
{
    const struct request *request = &question->request;
    char address[IP_TEXT_MAX];

    json_begin(json, "request", '{');
    json_text(json, "method", request->method);
    json_text(json, "host", request->host);
    json_text(json, "path", request->path);
    json_text(json, "src", str_make(address, ip_print(&request->source, address)));
    json_text(json, "frontend", request->frontend);
    json_end(json, '}');
    json_begin(json, "caller", '{');
    json_text(json, "kind", str_from_c(kind_text(question)));
    json_text(json, "name", question->caller.name);
    json_bool(json, "proved", question->proves);
    json_end(json, '}');
}

static void put_sections(struct json_out *json, const struct story *story)
{
    if (story->gate) {
        json_begin(json, "gate", '{');
        json_text(json, "name", story->gate->name);
        json_text(json, "origin", story->gate->origin);
        json_bool(json, "observes", story->gate->observes);
        json_end(json, '}');
    }
    if (story->section.kind) {
        json_begin(json, story->section.kind, '{');
        json_text(json, "name", story->section.name);
        json_text(json, "origin", story->section.origin);
        json_end(json, '}');
    }
}

static void put_steps(struct json_out *json, const struct story *story)
{
    json_begin(json, "steps", '[');
    for (size_t i = 0; i < story->step_count; i++) {
        json_begin(json, NULL, '{');
        json_text(json, "step", str_from_c(story->steps[i].name));
        json_bool(json, "end", story->steps[i].is_end);
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void put_fact(struct json_out *json, const struct story *story, const struct fact *fact)
{
    static const char *const states[] = {"found", "absent", "bad", "unknown"};
    struct diag diag = {{0}};

    json_begin(json, NULL, '{');
    json_text(json, "key", fact->key);
    enum show_state state = show_state(story->rehearsal, fact, &diag);
    json_text(json, "state", str_from_c(states[state]));
    if (state == SHOW_BAD) {
        json_text(json, "fault", str_from_c(diag.text));
    }
    json_begin(json, "fields", '{');
    for (size_t i = 0; i < fact->field_count; i++) {
        if (!show_is_secret(fact->fields[i].name)) {
            json_named_text(json, fact->fields[i].name, fact->fields[i].value);
        }
    }
    json_end(json, '}');
    json_end(json, '}');
}

static void put_facts(struct json_out *json, const struct story *story)
{
    json_begin(json, "records", '[');
    for (size_t i = 0; i < facts_count(story->rehearsal->facts); i++) {
        put_fact(json, story, facts_at(story->rehearsal->facts, i));
    }
    json_end(json, ']');
}

static void put_rule(struct json_out *json, const struct story_rule *rule)
{
    json_begin(json, NULL, '{');
    json_text(json, "id", rule->id);
    json_text(json, "text", rule->text);
    json_bool(json, "matches", rule->why.matches);
    json_bool(json, "method", rule->why.method);
    json_bool(json, "host", rule->why.host);
    json_bool(json, "path", rule->why.path);
    if (rule->why.segment > 0) {
        json_count(json, "segment", rule->why.segment);
    }
    json_text(json, "outcome", rule->outcome);
    json_end(json, '}');
}

static void put_roles(struct json_out *json, const struct story *story)
{
    json_begin(json, "roles", '[');
    for (size_t i = 0; i < story->role_count; i++) {
        const struct story_role *role = &story->roles[i];

        json_begin(json, NULL, '{');
        json_text(json, "role", role->name);
        json_bool(json, "exists", role->exists);
        json_bool(json, "may_allow", role->may_allow);
        json_bool(json, "shadow", role->is_shadow);
        json_begin(json, "rules", '[');
        for (size_t j = 0; j < role->rule_count; j++) {
            put_rule(json, &role->rules[j]);
        }
        json_end(json, ']');
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void put_limit(struct json_out *json, struct story *story, const struct story_limit *limit)
{
    json_begin(json, NULL, '{');
    json_text(json, "limit", limit->name);
    json_text(json, "subject", limit->subject);
    json_text(json, "terms", terms_text(story->heap, &limit->record));
    json_count(json, "cost", limit->cost);
    json_bool(json, "shadow", limit->is_shadow);
    json_bool(json, "asked", limit->is_asked);
    json_text(json, "answer", str_from_c(story_answer(limit)));
    if (limit->standing.is_known) {
        json_count(json, "most", limit->standing.most);
        json_count(json, "left", limit->standing.left);
        if (limit->standing.end_s > 0) {
            json_number(json, "until", limit->standing.end_s);
        }
    }
    json_end(json, '}');
}

static void put_limits(struct json_out *json, struct story *story)
{
    json_begin(json, "limits", '[');
    for (size_t i = 0; i < story->limit_count; i++) {
        put_limit(json, story, &story->limits[i]);
    }
    json_end(json, ']');
}

/* Named as the reply variables are. */
static void put_verdict(struct json_out *json, const struct story *story)
{
    const struct verdict *verdict = &story->verdict;

    json_begin(json, "verdict", '{');
    json_text(json, "verdict", verdict_text(verdict->kind));
    json_text(json, "judged", verdict_text(story->judged));
    json_number(json, "status", verdict_status(verdict));
    json_text(json, "reason", reason_code(verdict->reason));
    json_text(json, "text", str_from_c(reason_text(verdict->reason)));
    json_text(json, "fault", str_from_c(verdict->fault));
    json_text(json, "rule", verdict->rule);
    json_text(json, "user", verdict->user);
    json_text(json, "team", verdict->team);
    json_text(json, "roles", verdict->roles);
    json_text(json, "credential", verdict->credential);
    json_text(json, "path", verdict->path);
    json_text(json, "limit", verdict->limit);
    json_text(json, "shadow", verdict->shadow);
    json_number(json, "priority", verdict->priority);
    json_number(json, "retry_after", verdict->retry_after);
    json_end(json, '}');
}

void show_json(struct json_out *json, struct story *story, const struct question *question)
{
    put_request(json, question);
    put_sections(json, story);
    put_steps(json, story);
    put_facts(json, story);
    put_roles(json, story);
    put_limits(json, story);
    put_verdict(json, story);
    json_text(json, "advice", advice_for(story));
}
