#include "agent/quota/policy.h"

#include <inttypes.h>
#include <stdio.h>

/* Whole seconds, rounded up, at least one: w has no fractions. */
static int64_t window_s(const struct lease *lease)
{
    const struct terms *terms = &lease->terms;
    int64_t us = terms->kind == LIMIT_RATE ? terms_time_of(terms, terms->burst)
                                           : (lease->window.end_ms - lease->window.start_ms) * 1000;

    return us > 1000000 ? (us + 999999) / 1000000 : 1;
}

size_t policy_write(struct str name, const struct lease *lease, char out[POLICY_BYTES_MAX])
{
    if (lease->terms.kind == LIMIT_QUOTA && lease->window.end_ms == 0) {
        return 0;
    }
    int length = snprintf(out, POLICY_BYTES_MAX, "\"%.*s\";q=%" PRIu64 ";w=%" PRId64, STR_ARG(name),
                          terms_most(&lease->terms), window_s(lease));

    return length > 0 && length < POLICY_BYTES_MAX ? (size_t)length : 0;
}
