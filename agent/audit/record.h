/*
 * What one audit record says. Filled by decide/, packed by the spool, printed by the writer.
 * No secret, no Authorization, no query values. Every slice is borrowed for the call. Names in the
 * audit file, order and bounds of the texts: AUDIT_FIELDS in agent/audit/entry.h.
 */
#ifndef REEVE_AUDIT_RECORD_H
#define REEVE_AUDIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/base/ip.h"
#include "agent/base/reason.h"
#include "agent/base/str.h"

struct audit_record {
    int64_t wall_us;
    int64_t mono_us; /* the same instant on the monotonic clock, which never steps; 0: left out */
    int64_t duration_us; /* from the frame's arrival to the verdict */
    struct str rid;
    struct str gate; /* the gate that judged, "*" for the catch-all; absent: no gate */
    struct str frontend;
    struct ip source;
    struct str host; /* normalised; raw where it was refused */
    struct str method;
    struct str path; /* canonical; raw where it was refused */
    bool path_is_raw;
    struct str user; /* empty: not known */
    struct str team;
    struct str credential; /* "key:<id>", "key:<id>#2" when the second hash matched;
                              "jwt:<issuer>", ":" and its revocation's name; or empty */
    struct str roles;      /* "a,b": those that could allow */
    struct str verdict;    /* what HAProxy was told: allow, throttle, deny */
    int status;
    enum reason reason;
    struct str rule;
    struct str limits; /* "daily:1:99": name, cost, units surely left, comma separated; marked */
    struct str limit;  /* that was exhausted, too small or missing */
    struct str shadow;
    struct str fault;   /* why a request or record was refused, for people */
    int64_t supersedes; /* the sequence of a record of the same worker that this one takes back: its
                            allow was not told; 0: none */
    bool is_tls;
    struct str config;        /* the hash of the configuration that decided */
    struct str config_before; /* of a reload: the one before */
    struct str event;         /* of lifecycle and sink records; absent in others */
    struct str data;          /* where the facts came from: "cache", "store" */
};

#endif
