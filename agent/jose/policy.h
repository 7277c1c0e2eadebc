/*
 * What an issuer's tokens must say, and what is made of what they say. Immutable; part of the
 * configuration snapshot, which owns every text.
 *
 * A claim is named by its name, or by a path that begins with '/': "/realm_access/roles".
 */
#ifndef REEVE_JOSE_POLICY_H
#define REEVE_JOSE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"
#include "agent/jose/keys.h"

/* "value=role". */
struct jwt_role {
    struct str value; /* of the claim */
    struct str role;
};

struct jwt_roles {
    struct jwt_role *items;
    size_t count;
};

/* Where an issuer publishes its keys, and how they are kept. */
struct jwt_published {
    struct str url;    /* absent: nowhere; its keys come from files */
    struct str ca_pem; /* who may vouch for the server; absent: the system's */
    int64_t refresh_us;
    int64_t max_age_us;  /* of the last good set */
    int64_t timeout_us;  /* of one fetch */
    int64_t cooldown_us; /* between two fetches for keys that are not known */
};

struct jwt_policy {
    struct str name;        /* what the configuration calls the issuer */
    struct str origin;      /* where it stands: "reeve.conf:42" */
    struct str issuer;      /* iss, exactly */
    struct jose_keys *keys; /* of its files; none where it publishes them */
    struct jwt_published published;
    unsigned algorithms;       /* SIGNATURE_BIT()s */
    unsigned types;            /* enum jws_type bits */
    struct str_list audiences; /* one of them must be in aud */
    struct str_list required;  /* claims that must be there and not null */
    int64_t leeway_s;          /* for clocks that differ */
    int64_t max_lifetime_s;    /* from iat to exp; 0: any */
    struct str user_claim;
    struct str roles_claim; /* empty: a token says nothing of roles */
    struct jwt_roles roles; /* values that are roles; none: values that are names are roles */
    struct str team_claim;  /* empty: a token says nothing of teams */
    bool has_users; /* the token is all there is to know of a user; else the store is asked */
    bool needs_revocations; /* a token counts only while revocations can be looked up */
};

#endif
