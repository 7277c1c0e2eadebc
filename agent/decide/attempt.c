/* Attempts to say who one is: who failed too often has to wait, and what fails is counted. */
#include "agent/decide/run.h"

#define US_PER_S 1000000

void run_attempt(struct run *run, enum credential_kind kind, struct str credential)
{
    run->attempt =
        (struct shield_attempt){.kind = kind,
                                .credential = credential,
                                .text = kind == CREDENTIAL_JWT ? STR_ABSENT : run->offer.text,
                                .source = &run->request->source};
}

enum step_result run_shield(struct run *run)
{
    struct shield *shield = run->context->shield;
    enum shield_cause cause = SHIELD_NOTHING;
    int64_t wait_us = shield ? shield_wait_us(shield, &run->attempt, run->now, &cause) : 0;

    if (wait_us > 0) {
        run->out->verdict.fault = cause == SHIELD_SOURCE
                                      ? "the source failed too often"
                                      : "the credential failed too often from this source";
        return run_throttle(run, REASON_TOO_MANY_FAILURES, STR_ABSENT,
                            (wait_us + US_PER_S - 1) / US_PER_S);
    }
    run->is_shielded = shield != NULL;
    return STEP_NEXT;
}

/* Where nobody waits what is remembered needs no clearing. */
void run_clear(struct run *run)
{
    struct shield *shield = run->context->shield;

    if (run->is_shielded || (shield && !shield_is_quiet(shield, run->now))) {
        shield_succeeded(shield, &run->attempt, run->now);
    }
}

void run_count(const struct run *run)
{
    if (run->context->shield && run->out->verdict.reason == REASON_BAD_CREDENTIAL) {
        shield_failed(run->context->shield, &run->attempt, run->now);
    }
}
