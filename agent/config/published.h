/*
 * Where an issuer publishes its keys (a JWK Set at a URL), as its section says it. Read once, with
 * the configuration; the fetching is jwks/'s.
 */
#ifndef REEVE_CONFIG_PUBLISHED_H
#define REEVE_CONFIG_PUBLISHED_H

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/jose/policy.h"

/* https only, without user, password and fragment. ERR_SYNTAX, ERR_MEMORY with a diag. */
enum err published_set_url(struct jwt_published *published, struct str text,
                           struct diag *diag) MUST_USE;

/* The file's certificates. ERR_SYNTAX (it has none) or as file_read(), with a diag. */
enum err published_set_ca_file(struct jwt_published *published, struct str path,
                               struct diag *diag) MUST_USE;

/* Defaults, and what can only be said of the whole. ERR_RANGE with a diag. */
enum err published_complete(struct jwt_published *published, struct diag *diag) MUST_USE;

void published_fini(struct jwt_published *published);

#endif
