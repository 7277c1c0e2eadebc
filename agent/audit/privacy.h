/*
 * How much of a client's address the audit shows. Applied where lines are printed: the spool, which is
 * in memory and short-lived, has the whole address.
 *
 *   full        192.0.2.7
 *   truncated   192.0.2.0/24, an IPv6 address's /48
 *   hashed      hmac:<32 hex digits>, the begin of HMAC-SHA-256 of the text that would stand there in
 *               full; who has the key finds an address again, and where the key is gone nobody does
 *
 * Owned by one thread.
 */
#ifndef REEVE_AUDIT_PRIVACY_H
#define REEVE_AUDIT_PRIVACY_H

#include "agent/base/crypto.h"
#include "agent/base/ip.h"

enum audit_addresses { AUDIT_ADDRESS_FULL, AUDIT_ADDRESS_TRUNCATED, AUDIT_ADDRESS_HASHED };

#define AUDIT_ADDRESS_TEXT_MAX  64
#define AUDIT_ADDRESS_KEY_BYTES 16 /* shorter keys are guessed */

struct audit_privacy {
    enum audit_addresses addresses;
    struct crypto_hasher *hasher; /* of the key; only where addresses are hashed */
};

/* The key is copied; absent unless addresses are hashed. ERR_RANGE: too short. */
enum err audit_privacy_init(struct audit_privacy *privacy, enum audit_addresses addresses,
                            struct str key) MUST_USE;
void audit_privacy_fini(struct audit_privacy *privacy);

/* `is_prefix`: the address stands for its /24 or /48, whose last bits are zero. Gives the text's
 * length; not terminated. */
size_t audit_privacy_print(const struct audit_privacy *privacy, struct ip ip, bool is_prefix,
                           char out[AUDIT_ADDRESS_TEXT_MAX]);

/* An address with the bits behind its /24 or /48 zeroed. */
struct ip audit_privacy_prefix(struct ip ip);

#endif
