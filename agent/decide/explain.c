#include "agent/decide/explain.h"

#include "agent/decide/run.h"

/* What the gate would hear of the caller. A user may come with whatever the gate takes. */
static enum credential_kind presumed_kind(const struct run *run)
{
    const unsigned accept = run->out->gate->accept;

    switch (run->presumed->kind) {
    case EXPLAIN_KEY:
        return accept & CREDENTIAL_APIKEY ? CREDENTIAL_APIKEY : CREDENTIAL_NONE;
    case EXPLAIN_TOKEN:
        return accept & CREDENTIAL_JWT ? CREDENTIAL_JWT : CREDENTIAL_NONE;
    case EXPLAIN_PASSWORD:
        return accept & CREDENTIAL_BASIC ? CREDENTIAL_BASIC : CREDENTIAL_NONE;
    case EXPLAIN_CERT:
        return accept & CREDENTIAL_CERT ? CREDENTIAL_CERT : CREDENTIAL_NONE;
    case EXPLAIN_ANONYMOUS:
    case EXPLAIN_USER:
        break;
    }
    return CREDENTIAL_NONE;
}

enum step_result step_presumed(struct run *run)
{
    const struct explain_caller *caller = run->presumed;

    if (caller->kind == EXPLAIN_USER && run->out->gate->accept != 0) {
        run->out->verdict.user = caller->name;
        return STEP_NEXT;
    }
    run->offer = (struct offer){.kind = presumed_kind(run)};
    return run_offer(run);
}

enum step_result step_presumed_key(struct run *run)
{
    struct directory_entry *entry;

    if (run->offer.kind != CREDENTIAL_APIKEY) {
        return STEP_NEXT;
    }
    run->keyid = run->presumed->name;
    enum step_result result = run_get(run, RECORD_KEY, run->keyid, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    if (!entry) {
        return run_deny(run, REASON_BAD_CREDENTIAL, "unknown key");
    }
    return run_accept_key(run, entry, 0, apikey_standing(&entry->record->key, run->now));
}

enum step_result step_presumed_password(struct run *run)
{
    if (run->offer.kind == CREDENTIAL_BASIC) {
        run->out->credential = run->out->verdict.credential = STR("password");
        run->out->verdict.user = run->presumed->name;
    }
    return STEP_NEXT;
}

enum step_result step_presumed_token(struct run *run)
{
    return run->offer.kind == CREDENTIAL_JWT ? run_accept_token(run, run->presumed->token)
                                             : STEP_NEXT;
}

/* Who is presumed to be a user has shown all that the gate asks for. */
static bool has_also(const struct run *run)
{
    return run->presumed->kind == EXPLAIN_USER || run->presumed->kind == EXPLAIN_CERT ||
           run->presumed->has_also;
}

enum step_result step_presumed_also(struct run *run)
{
    return has_also(run) ? STEP_NEXT : step_also(run);
}

enum step_result step_presumed_certificate(struct run *run)
{
    if (run->offer.kind == CREDENTIAL_CERT) {
        return run_accept_cert(run, run->presumed->name, &run->presumed->identity);
    }
    return has_also(run) ? STEP_NEXT : step_certificate(run);
}

static void tell_sections(const struct run *run)
{
    const struct jwt_policy *issuer = run->token ? run->token->identity.policy : NULL;

    if (issuer) {
        run->trace->section(run->trace, "issuer", issuer->name, issuer->origin);
    }
    if (run->cert_policy && !str_is_absent(run->cert_policy->origin)) {
        run->trace->section(run->trace, "certificates", run->cert_policy->name,
                            run->cert_policy->origin);
    }
}

/* NULL: nothing is done in its place. */
static step_fn *step_of(const struct run *run, const struct run_step *step)
{
    return run->presumed ? step->presumed : step->step;
}

enum decide_progress explain_run(const struct decide_context *context,
                                 const struct request *request, const struct explain_caller *caller,
                                 struct explain_trace *trace, struct arena *arena, struct now now,
                                 struct waiter *waiter, struct decision *out)
{
    struct run run = {.context = context,
                      .request = request,
                      .arena = arena,
                      .now = now,
                      .waiter = waiter,
                      .out = out,
                      .presumed = caller,
                      .trace = trace};

    trace->begin(trace);
    run_start(&run);
    for (const struct run_step *step = run_steps; step->name; step++) {
        step_fn *fn = step_of(&run, step);
        enum step_result result = fn ? fn(&run) : STEP_NEXT;
        if (result == STEP_WAIT || result == STEP_WAIT_SLOW) {
            return result == STEP_WAIT ? DECIDE_WAIT : DECIDE_WAIT_SLOW;
        }
        if (fn) {
            trace->step(trace, step->name, result == STEP_END);
        }
        if (result == STEP_END) {
            break;
        }
    }
    tell_sections(&run);
    run_end(&run);
    return DECIDE_DONE;
}
