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
 * Keys of issuers that publish them come as news, and do not count beyond the instant that the news
 * say. A remembered token whose key has gone is verified anew, which refuses it. A token that no key
 * at hand verifies, and that says it is of such an issuer, may wait: the issuer's keys are asked for,
 * and it is decided again when news came. Where asking is no use the fault stands.
 *
 * One worker's; of a fixed size. A token that finds its places taken pushes the one out that was
 * used least lately.
 */
#ifndef REEVE_AUTHN_TOKENS_H
#define REEVE_AUTHN_TOKENS_H

#include "agent/base/clock.h"
#include "agent/base/waiter.h"
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

/* Has the keys of that issuer of the configuration fetched, unless that was done lately. */
typedef void tokens_ask_cb(void *context, size_t issuer);

/* Borrows the configuration's issuers. Gives a new object; NULL on failure. */
struct tokens *tokens_new(const struct config *config);
/* After tokens_wake(). NULL accepted; wipes. */
void tokens_free(struct tokens *tokens);

/* Whether the text was verified, and is remembered. Says nothing of whether it still holds. */
bool tokens_know(struct tokens *tokens, struct str text);

/* Without it nobody waits for keys. */
void tokens_on_ask(struct tokens *tokens, tokens_ask_cb *ask_cb, void *context);

/* News of what an issuer publishes. Takes a reference of the keys; NULL: none. They count before
 * good_until_us, and asking again is no use before next_ask_us, on the monotonic clock. Wakes who
 * waited. */
void tokens_use_keys(struct tokens *tokens, size_t issuer, struct jose_keys *keys,
                     int64_t good_until_us, int64_t next_ask_us, struct now now);

/* Wakes who waits for keys: this object is to be freed, and another one in use already. */
void tokens_wake(struct tokens *tokens, struct now now);

/* JOSE_NONE sets *out, which stays until the next call. */
enum jose_fault tokens_verify(struct tokens *tokens, struct str text, struct now now,
                              struct str cert_sha256, const struct token **out);

enum tokens_wait {
    TOKENS_WAITS,   /* the waiter is queued */
    TOKENS_SETTLED, /* waiting is no use: *fault says why the token is refused */
    TOKENS_BUSY,    /* too many wait for this issuer's keys */
};

/* For a token with a fault that is of keys (jose_fault_is_of_keys()). */
enum tokens_wait tokens_await_keys(struct tokens *tokens, struct str text, struct now now,
                                   struct waiter *waiter, enum jose_fault *fault);

#endif
