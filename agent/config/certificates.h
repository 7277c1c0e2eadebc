/*
 * Certificates: how the subject of a client certificate names a user, for those of one issuer.
 * Immutable; part of the configuration snapshot, which owns every text.
 */
#ifndef REEVE_CONFIG_CERTIFICATES_H
#define REEVE_CONFIG_CERTIFICATES_H

#include "agent/base/str.h"

struct cert_policy {
    struct str name;       /* what the configuration calls it */
    struct str origin;     /* where it stands: "reeve.conf:42" */
    struct str issuer;     /* the issuer's DN, exactly (base/dn.h) */
    struct str user;       /* the type of the attribute that names the user: "CN" */
    struct str below;      /* the subject is this attribute and then these; absent: any subject */
    struct str_list gates; /* where it counts, by their names */
    struct str_list roles; /* narrow the user's; none: they do not */
};

#endif
