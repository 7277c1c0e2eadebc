/* A gate: what one HAProxy frontend accepts. Immutable, part of the configuration snapshot. */
#ifndef REEVE_CONFIG_GATE_H
#define REEVE_CONFIG_GATE_H

#include <stdbool.h>

#include "agent/base/str.h"

/* Credential kinds, as bits for gate.accept and gate.also. */
enum credential_kind {
    CREDENTIAL_NONE = 0,
    CREDENTIAL_APIKEY = 1 << 0,
    CREDENTIAL_BASIC = 1 << 1,
    CREDENTIAL_JWT = 1 << 2,
    CREDENTIAL_CERT = 1 << 3,
};

/* What gate.relax gives up, as bits. */
enum path_relax {
    PATH_RELAX_ENCODED_SLASH = 1 << 0, /* %2F stays as it is, and is not a separator */
    PATH_RELAX_EMPTY_SEGMENT = 1 << 1, /* "//" stays as it is */
    PATH_RELAX_SEMICOLON = 1 << 2,     /* ";" is an ordinary character */
    PATH_RELAX_NON_UTF8 = 1 << 3,      /* escapes that are not UTF-8 */
};

struct gate {
    struct str name;         /* the frontend's, or "*" */
    struct str origin;       /* where it stands: "reeve.conf:42" */
    unsigned accept;         /* enum credential_kind bits that say who is calling */
    unsigned also;           /* bits that must be there and valid too */
    struct str anonymous;    /* role for requests that offer none; empty: none */
    unsigned relax;          /* enum path_relax bits */
    bool forwards_canonical; /* HAProxy promises set-path to the canonical path */
    bool observes;           /* verdict is always allow; shadow and audit say the truth */
};

#endif
