/*
 * A sink: where the audit goes beside its file. Immutable; part of the configuration snapshot, which owns
 * every text.
 */
#ifndef REEVE_CONFIG_SINK_H
#define REEVE_CONFIG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"

enum sink_transport { SINK_TCP, SINK_UDP, SINK_UNIX, SINK_UNIX_STREAM };

struct sink_policy {
    struct str name;   /* what the configuration calls it */
    struct str origin; /* where it stands: "reeve.conf:42" */
    struct str to;     /* as configured */
    enum sink_transport transport;
    struct str host; /* or the path of a unix socket */
    uint16_t port;
    unsigned facility;
    struct str app_name;
    struct str sd_id;
    size_t message_bytes; /* of a datagram */
    int64_t timeout_us;
    size_t hold_count; /* segments */
};

bool sink_policy_is_equal(const struct sink_policy *a, const struct sink_policy *b);

#endif
