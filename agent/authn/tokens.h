/*
 * JSON Web Tokens as a worker sees them: verified once, then remembered under a keyed digest of
 * their text until they expire.
 *
 * What is remembered is what was signed, and nothing that can change: whether a token is revoked and
 * what its user may do is asked of the directory at each sight, so no revocation is outlived. Its
 * time and its holder are checked at each sight, too.
 *
 * A token is revoked by a record of this name: the first 32 hex digits of the SHA-256 of iss, a line
 * feed and jti. So
 *
 *     printf '%s\n%s' "$iss" "$jti" | sha256sum | cut -c 1-32
 *
 * One worker's; of a fixed size. A token that finds its places taken pushes the one out that was
 * used least lately.
 */
#ifndef REEVE_AUTHN_TOKENS_H
#define REEVE_AUTHN_TOKENS_H

#include "agent/base/clock.h"
#include "agent/config/config.h"
#include "agent/jose/jwt.h"

#define TOKEN_REVOCATION_CHARS 32

/* A verified token. */
struct token {
    struct jwt_identity identity; /* its claims are not kept */
    struct str revocation;        /* absent: it has no jti, and can not be revoked alone */
    struct str roles[JWT_ROLES_MAX];
    size_t role_count;
    uint32_t *seen; /* mark of seen/, kept with the token */
};

struct tokens;

/* Borrows the configuration's issuers. Gives a new object; NULL on failure. */
struct tokens *tokens_new(const struct config *config);
/* NULL accepted; wipes. */
void tokens_free(struct tokens *tokens);

/* Whether the text was verified, and is remembered. Says nothing of whether it still holds. */
bool tokens_know(struct tokens *tokens, struct str text);

/* JOSE_NONE sets *out, which stays until the next call. */
enum jose_fault tokens_verify(struct tokens *tokens, struct str text, struct now now,
                              struct str cert_sha256, const struct token **out);

#endif
