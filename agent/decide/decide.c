#include "agent/decide/decide.h"

#include "agent/base/copy.h"
#include "agent/decide/memo.h"
#include "agent/decide/run.h"
#include "agent/request/host.h"
#include "agent/request/path.h"

/* One challenge for every 401 of a gate, whatever the reason: the answer must not tell an unknown key
 * or user from a wrong secret. RFC 6750 3, RFC 7617 2. */
#define BEARER "Bearer realm=\"reeve\""
#define BASIC  "Basic realm=\"reeve\", charset=\"UTF-8\""

static struct str challenge_of(const struct gate *gate)
{
    bool takes_basic = gate && (gate->accept & CREDENTIAL_BASIC) != 0;
    bool takes_bearer = gate && (gate->accept & (CREDENTIAL_APIKEY | CREDENTIAL_JWT)) != 0;

    if (!takes_basic) {
        return STR(BEARER);
    }
    return takes_bearer ? STR(BEARER ", " BASIC) : STR(BASIC);
}

enum step_result run_deny(struct run *run, enum reason reason, const char *fault)
{
    struct verdict *verdict = &run->out->verdict;

    verdict->kind = VERDICT_DENY;
    verdict->reason = reason;
    verdict->fault = fault;
    if (reason_status(reason) == 401) {
        verdict->challenge = challenge_of(run->out->gate);
    }
    return STEP_END;
}

enum step_result run_throttle(struct run *run, enum reason reason, struct str limit,
                              int64_t retry_after_s)
{
    struct verdict *verdict = &run->out->verdict;

    verdict->kind = VERDICT_THROTTLE;
    verdict->reason = reason;
    verdict->limit = limit;
    verdict->retry_after = retry_after_s;
    return STEP_END;
}

enum step_result run_allow(struct run *run)
{
    run->out->verdict.kind = VERDICT_ALLOW;
    run->out->verdict.reason = REASON_OK;
    return STEP_END;
}

struct str run_source(const struct run *run)
{
    const struct ip *source = &run->request->source;

    return str_make((const char *)source->bytes, source->length == 16 ? 8 : source->length);
}

enum step_result run_get(struct run *run, enum record_kind kind, struct str name,
                         struct directory_entry **entry)
{
    struct str source_bytes = run_source(run);

    *entry = NULL;
    switch (directory_get(run->context->directory, kind, name, source_bytes, run->now, run->waiter,
                          entry)) {
    case DIRECTORY_FOUND:
        return STEP_NEXT;
    case DIRECTORY_ABSENT:
        *entry = NULL;
        return STEP_NEXT;
    case DIRECTORY_PENDING:
        return STEP_WAIT;
    case DIRECTORY_BAD:
        return run_deny(run, REASON_BAD_RECORD, "a record needed for the decision does not parse");
    case DIRECTORY_BUSY:
        return run_deny(run, REASON_OVERLOAD, "too many look-ups in flight");
    case DIRECTORY_DOWN:
        break;
    }
    return run_deny(run, REASON_STORE_DOWN, NULL);
}

enum step_result run_get_linked(struct run *run, struct directory_entry *from,
                                enum directory_link link, enum record_kind kind, struct str name,
                                struct directory_entry **entry)
{
    struct directory *directory = run->context->directory;

    *entry = memo_follow(from, link, directory, run->now);
    if (*entry) {
        return STEP_NEXT;
    }
    enum step_result result = run_get(run, kind, name, entry);
    if (result == STEP_NEXT && *entry) {
        memo_link(from, link, directory, *entry);
    }
    return result;
}

struct str run_join(struct run *run, const struct str *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += parts[i].len;
    }
    char *text = arena_take(run->arena, length);
    if (!text) {
        return STR_ABSENT;
    }
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        at = copy_bytes(at, parts[i].ptr, parts[i].len);
    }
    return str_make(text, length);
}

static enum step_result step_gate(struct run *run)
{
    run->out->gate = config_gate(run->context->config, run->request->frontend);
    return run->out->gate ? STEP_NEXT : run_deny(run, REASON_NO_GATE, NULL);
}

static enum step_result step_request(struct run *run)
{
    if (run->request->fault != REASON_OK) {
        return run_deny(run, run->request->fault, run->request->fault_text);
    }
    return STEP_NEXT;
}

static enum step_result step_host(struct run *run)
{
    struct str raw = run->request->host;
    if (str_is_absent(raw)) {
        return STEP_NEXT;
    }
    char *out = arena_take(run->arena, HOST_BYTES_MAX);
    if (!out) {
        return run_deny(run, REASON_OVERLOAD, "arena");
    }
    enum reason reason = host_normalise(raw, out, &run->out->host);
    if (reason != REASON_OK) {
        run->out->host = raw;
        return run_deny(run, reason, "host");
    }
    return STEP_NEXT;
}

static enum step_result step_path(struct run *run)
{
    struct str raw = run->request->path;
    const struct gate *gate = run->out->gate;
    struct path_canonical canonical;
    const char *fault = NULL;

    char *out = raw.len <= PATH_BYTES_MAX ? arena_take(run->arena, raw.len) : NULL;
    if (!out) {
        return run_deny(run, REASON_BAD_REQUEST, "path too long");
    }
    enum reason reason = path_canonicalise(raw, gate->relax, out, &canonical, &fault);
    if (reason != REASON_OK) {
        return run_deny(run, reason, fault);
    }
    if (canonical.is_different && !gate->forwards_canonical) {
        return run_deny(run, REASON_AMBIGUOUS_PATH, "not in canonical form");
    }
    run->out->path = canonical.path;
    run->out->path_is_raw = false;
    run->out->verdict.path = canonical.path;
    return STEP_NEXT;
}

enum step_result run_offer(struct run *run)
{
    switch (run->offer.kind) {
    case CREDENTIAL_APIKEY:
    case CREDENTIAL_BASIC:
    case CREDENTIAL_JWT:
    case CREDENTIAL_CERT:
        return STEP_NEXT;
    case CREDENTIAL_NONE:
        return run->out->gate->anonymous.len > 0 ? STEP_NEXT
                                                 : run_deny(run, REASON_NO_CREDENTIAL, NULL);
    }
    return run_deny(run, REASON_BAD_CREDENTIAL, "credential kind not supported");
}

/* What can not be read is a failed attempt, too. */
static enum step_result refuse_offer(struct run *run, enum reason reason, const char *fault)
{
    if (reason == REASON_BAD_CREDENTIAL) {
        run_attempt(run, CREDENTIAL_BASIC, run->request->authorization);
        if (run_shield(run) == STEP_END) {
            return STEP_END;
        }
    }
    return run_deny(run, reason, fault);
}

static enum step_result step_offer(struct run *run)
{
    const char *fault = NULL;
    enum reason reason = offer_find(run->request, run->out->gate, run->arena, &run->offer, &fault);

    return reason == REASON_OK ? run_offer(run) : refuse_offer(run, reason, fault);
}

const struct run_step run_steps[] = {
    {"gate", step_gate, step_gate},
    {"request", step_request, step_request},
    {"host", step_host, step_host},
    {"path", step_path, step_path},
    {"offer", step_offer, step_presumed},
    {"also", step_also, step_presumed_also},
    {"key", step_key, step_presumed_key},
    {"password", step_password, step_presumed_password},
    {"token", step_token, step_presumed_token},
    {"certificate", step_certificate, step_presumed_certificate},
    {"user", step_user, step_user},
    {"team", step_team, step_team},
    {"rules", step_rules, step_rules},
    {"limits", step_limits, step_limits},
    {NULL, NULL, NULL},
};

/* What an observing gate tells HAProxy: allow, and in `shadow` what it would have been. */
static void observe(struct run *run)
{
    struct verdict *verdict = &run->out->verdict;
    struct str parts[] = {verdict_text(verdict->kind), STR(":"), reason_code(verdict->reason),
                          STR(":"), verdict->rule};

    if (verdict->kind != VERDICT_ALLOW) {
        verdict->shadow = run_join(run, parts, verdict->rule.len > 0 ? 5 : 3);
    }
    verdict->kind = VERDICT_ALLOW;
    verdict->challenge = STR_ABSENT;
    verdict->retry_after = 0;
}

void run_start(struct run *run)
{
    *run->out = (struct decision){
        .verdict = {.priority = -1},
        .host = run->request->host,
        .path = run->request->path,
        .path_is_raw = true,
    };
}

void run_end(struct run *run)
{
    if (run->out->verdict.reason == REASON_NONE) {
        run_deny(run, REASON_OVERLOAD, "no step decided");
    }
    run->out->judged = run->out->verdict.kind;
    if (run->out->gate && run->out->gate->observes) {
        observe(run);
    }
}

enum decide_progress decide_run(const struct decide_context *context, const struct request *request,
                                struct arena *arena, struct now now, struct waiter *waiter,
                                struct decision *out)
{
    struct run run = {.context = context,
                      .request = request,
                      .arena = arena,
                      .now = now,
                      .waiter = waiter,
                      .out = out};

    run_start(&run);
    for (const struct run_step *step = run_steps; step->name; step++) {
        enum step_result result = step->step(&run);
        if (result == STEP_WAIT || result == STEP_WAIT_SLOW) {
            return result == STEP_WAIT ? DECIDE_WAIT : DECIDE_WAIT_SLOW;
        }
        if (result == STEP_END) {
            break;
        }
    }
    run_count(&run);
    run_end(&run);
    return DECIDE_DONE;
}

void decide_refuse(const struct decide_context *context, const struct request *request,
                   enum reason reason, struct arena *arena, struct decision *out)
{
    struct run run = {.context = context, .request = request, .arena = arena, .out = out};

    run_start(&run);
    out->gate = config_gate(context->config, request->frontend);
    run_deny(&run, reason, NULL);
    run_end(&run);
}

void decide_undo(const struct decide_context *context, struct decision *decision)
{
    quota_refund(context->quota, decision->spent, decision->spent_count);
    decision->spent_count = 0;
}
