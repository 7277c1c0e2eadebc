/*
 * The user that a verified client certificate stands for, by the names in it.
 *
 * The names are as HAProxy sends them (base/dn.h), of a certificate whose chain HAProxy verified. So
 * the issuer's name is what one of the CAs of its ca-file says, and no more: which sections count
 * is decided by the gate first. Pure; nothing is allocated.
 */
#ifndef REEVE_AUTHN_CERT_H
#define REEVE_AUTHN_CERT_H

#include "agent/config/config.h"

/* Whom it names, and by which section. */
struct cert_identity {
    const struct cert_policy *policy;
    struct str user; /* borrows from the subject */
};

/*
 * NULL, or what is wrong, a static text. No section, or several, is wrong too: no order of sections
 * decides who somebody is.
 */
const char *cert_identify(const struct config *config, const struct gate *gate, struct str issuer,
                          struct str subject, struct cert_identity *out);

/* The user's name in a subject of this policy; absent: the subject is another's, or names no user,
 * or more than one. *fault says which. The subject is valid. */
struct str cert_user(const struct cert_policy *policy, struct str subject, const char **fault);

#endif
