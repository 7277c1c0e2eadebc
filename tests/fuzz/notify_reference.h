/*
 * What the agent must answer to one NOTIFY in the world of notify_world.h: read from the payload by
 * tests/support/spop_peer, and decided rule by rule with nothing of agent/ that decides.
 */
#ifndef REEVE_TESTS_FUZZ_NOTIFY_REFERENCE_H
#define REEVE_TESTS_FUZZ_NOTIFY_REFERENCE_H

#include <stddef.h>

#include "agent/request/path.h"
#include "tests/support/spop_peer.h"

enum notify_answer {
    NOTIFY_MALFORMED, /* DISCONNECT */
    NOTIFY_UNKNOWN,   /* no message of ours: an ACK without actions */
    NOTIFY_DENY,
    NOTIFY_ALLOW,
    NOTIFY_EITHER, /* allow or deny: what IPv6 literals are good hosts is not told here */
};

struct notify_reference {
    enum notify_answer answer;
    /* Of what may be allowed. */
    const char *user; /* "" for a guest */
    char path[PATH_BYTES_MAX];
    size_t path_length;
};

void notify_reference(struct spop_bytes payload, struct notify_reference *out);

#endif
