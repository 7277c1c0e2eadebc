#include <time.h>

#include "agent/ctl/explain/advice.h"
#include "agent/ctl/explain/show.h"
#include "agent/ctl/terms.h"

/* Rules that do not match are shown up to this many a role. */
#define RULES_SHOWN_MAX 50

/* Quotes stand as they are. */
static void put(struct str s)
{
    struct str part;

    for (bool is_first = true; str_cut(&s, '"', &part); is_first = false) {
        fputs(is_first ? "" : "\"", stdout);
        json_escaped(stdout, part);
    }
}

static void put_pair(const char *name, struct str value)
{
    if (value.len > 0) {
        printf("  %-10s ", name);
        put(value);
        putchar('\n');
    }
}

static void put_time(int64_t unix_s)
{
    time_t time = (time_t)unix_s;
    struct tm tm;
    char text[32] = "";

    if (gmtime_r(&time, &tm)) {
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    fputs(text, stdout);
}

static const char *proof_text(const struct question *question)
{
    if (question->proves) {
        return question->request.cert_used ? "the certificate is taken as verified by HAProxy"
                                           : "the token was verified";
    }
    switch (question->caller.kind) {
    case EXPLAIN_KEY:
        return "the key's secret was not asked for: who has it is answered so";
    case EXPLAIN_USER:
        return "no credential was asked for, and no role subset or allow_from of one counts";
    case EXPLAIN_TOKEN:
        return "the token was not verified: who has it is answered so";
    case EXPLAIN_PASSWORD:
        return "the password was not asked for: who has it is answered so";
    case EXPLAIN_CERT:
        return "the certificate is taken as verified by HAProxy";
    case EXPLAIN_ANONYMOUS:
        break;
    }
    return "nothing is offered";
}

static void put_question(const struct story *story, const struct question *question)
{
    const struct request *request = &question->request;
    char address[IP_TEXT_MAX];

    put(request->method);
    printf(" %s", request->is_tls ? "https://" : "http://");
    put(request->host);
    put(request->path);
    ip_print(&request->source, address);
    printf(" from %s%s\n", address,
           question->has_source || question->record ? "" : " (--src says from where)");
    if (story->gate) {
        printf("  gate       \"");
        put(story->gate->name);
        printf("\" at ");
        put(story->gate->origin);
        printf("%s%s\n", story->gate->observes ? ", only observes" : "",
               story->gate->forwards_canonical ? ", forwards canonical paths" : "");
    }
    printf("  caller     %s\n", proof_text(question));
    if (story->section.kind) {
        printf("  known by   %s \"", story->section.kind);
        put(story->section.name);
        printf("\" at ");
        put(story->section.origin);
        putchar('\n');
    }
    put_pair("credential", story->credential);
    put_pair("user", story->verdict.user);
    put_pair("team", story->verdict.team);
    put_pair("roles", story->verdict.roles);
}

static void put_steps(const struct story *story)
{
    printf("\nsteps\n ");
    for (size_t i = 0; i < story->step_count; i++) {
        printf(" %s%s", story->steps[i].name, story->steps[i].is_end ? ": end" : " ->");
    }
    putchar('\n');
}

static void put_field(const struct store_field *field)
{
    putchar(' ');
    put(field->name);
    putchar('=');
    if (show_is_secret(field->name)) {
        fputs("(not shown)", stdout);
    } else {
        put(field->value);
    }
}

static bool is_rule(const struct store_field *field)
{
    return str_starts_with(field->name, STR("rule:"));
}

/* A role's rules come further down. */
static void put_fields(const struct fact *fact)
{
    size_t rule_count = 0;

    for (size_t i = 0; i < fact->field_count; i++) {
        if (is_rule(&fact->fields[i])) {
            rule_count++;
        } else {
            put_field(&fact->fields[i]);
        }
    }
    if (rule_count > 0) {
        printf(" (%zu rules)", rule_count);
    }
}

static void put_fact(const struct story *story, const struct fact *fact)
{
    struct diag diag = {{0}};
    enum show_state state = show_state(story->rehearsal, fact, &diag);

    printf("  ");
    put(fact->key);
    switch (state) {
    case SHOW_FOUND:
        put_fields(fact);
        break;
    case SHOW_BAD:
        printf(" does not parse: ");
        put(str_from_c(diag.text));
        break;
    case SHOW_ABSENT:
        printf(" (no such record)");
        break;
    case SHOW_UNKNOWN:
        printf(" (the store does not say)");
        break;
    }
    putchar('\n');
}

static void put_facts(const struct story *story)
{
    const struct facts *facts = story->rehearsal->facts;

    if (facts_count(facts) > 0) {
        printf("\nrecords, as the store has them now\n");
    }
    for (size_t i = 0; i < facts_count(facts); i++) {
        put_fact(story, facts_at(facts, i));
    }
}

static void put_rule(const struct story_role *role, const struct story_rule *rule)
{
    printf("  ");
    put(role->name);
    putchar('/');
    put(rule->id);
    printf("  ");
    put(rule->text);
    printf("\n      ");
    put(rule->outcome);
    putchar('\n');
}

static void put_role(const struct story_role *role)
{
    size_t left_out = 0, shown = 0;

    if (!role->exists || role->rule_count == 0) {
        printf("  ");
        put(role->name);
        printf(": %s\n", role->exists ? "no rules" : "no record, so no rules");
    }
    for (size_t i = 0; i < role->rule_count; i++) {
        if (role->rules[i].why.matches || shown++ < RULES_SHOWN_MAX) {
            put_rule(role, &role->rules[i]);
        } else {
            left_out++;
        }
    }
    if (left_out > 0) {
        printf("  and %zu more that do not match (--json has them)\n", left_out);
    }
}

static void put_roles(const struct story *story)
{
    if (story->role_count > 0) {
        printf("\nrules\n");
    }
    for (size_t i = 0; i < story->role_count; i++) {
        put_role(&story->roles[i]);
    }
}

static void put_left(const struct story_limit *limit)
{
    if (!limit->standing.is_known) {
        return;
    }
    printf(", %llu of %llu left", (unsigned long long)limit->standing.left,
           (unsigned long long)limit->standing.most);
    if (limit->standing.end_s > 0) {
        printf(" until ");
        put_time(limit->standing.end_s);
    }
    if (limit->answer == QUOTA_EXHAUSTED) {
        printf(", more in %lld s", (long long)((limit->wait_us + 999999) / 1000000));
    }
}

static void put_limit(struct story *story, const struct story_limit *limit)
{
    printf("  ");
    put(limit->name);
    printf("  ");
    put(limit->subject);
    printf("  ");
    put(terms_text(story->heap, &limit->record));
    printf("\n      cost %llu: %s", (unsigned long long)limit->cost, story_answer(limit));
    put_left(limit);
    printf("%s%s\n", limit->is_shadow ? " (shadow: refuses nobody)" : "",
           limit->is_asked ? "" : " (behind one that refused)");
}

static void put_limits(struct story *story)
{
    if (story->limit_count > 0) {
        printf("\nlimits; what agents have leased counts as used\n");
    }
    for (size_t i = 0; i < story->limit_count; i++) {
        put_limit(story, &story->limits[i]);
    }
}

static void put_verdict(struct story *story)
{
    const struct verdict *verdict = &story->verdict;

    printf("\nverdict  %.*s %d %.*s\n", STR_ARG(verdict_text(verdict->kind)),
           verdict_status(verdict), STR_ARG(reason_code(verdict->reason)));
    put_pair("because", str_from_c(reason_text(verdict->reason)));
    put_pair("namely", str_from_c(verdict->fault));
    put_pair("rule", verdict->rule);
    put_pair("limit", verdict->limit);
    put_pair("shadow", verdict->shadow);
    put_pair("advice", advice_for(story));
}

void show_text(struct story *story, const struct question *question)
{
    put_question(story, question);
    put_steps(story);
    put_facts(story);
    put_roles(story);
    put_limits(story);
    put_verdict(story);
}
