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
    case EXPLAIN_ANONYMOUS:
    case EXPLAIN_USER:
        break;
    }
    return CREDENTIAL_NONE;
}

static enum step_result presume_key(struct run *run)
{
    struct directory_entry *entry;

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

enum step_result step_presumed(struct run *run)
{
    const struct explain_caller *caller = run->presumed;

    if (caller->kind == EXPLAIN_USER && run->out->gate->accept != 0) {
        run->out->verdict.user = caller->name;
        return STEP_NEXT;
    }
    run->offer = (struct offer){.kind = presumed_kind(run)};
    enum step_result result = run_offer(run);
    if (result != STEP_NEXT || run->offer.kind == CREDENTIAL_NONE) {
        return result;
    }
    return caller->kind == EXPLAIN_KEY ? presume_key(run) : run_accept_token(run, caller->token);
}

/* Who is presumed to be a user has shown all that the gate asks for. */
enum step_result step_presumed_also(struct run *run)
{
    return run->presumed->kind == EXPLAIN_USER ? STEP_NEXT : step_also(run);
}

enum step_result step_presumed_certificate(struct run *run)
{
    return run->presumed->kind == EXPLAIN_USER ? STEP_NEXT : step_certificate(run);
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
    run_end(&run);
    return DECIDE_DONE;
}
