#include "agent/audit/privacy.h"

#include <stdio.h>
#include <string.h>

#include "agent/base/enc.h"

#define HASH_BYTES 16
#define HASH_BEGIN "hmac:"

enum err audit_privacy_init(struct audit_privacy *privacy, enum audit_addresses addresses,
                            struct str key)
{
    *privacy = (struct audit_privacy){.addresses = addresses};
    if (addresses != AUDIT_ADDRESS_HASHED) {
        return ERR_OK;
    }
    if (key.len < AUDIT_ADDRESS_KEY_BYTES) {
        return ERR_RANGE;
    }
    privacy->hasher = crypto_hmac_new(key.ptr, key.len);
    return privacy->hasher ? ERR_OK : ERR_MEMORY;
}

void audit_privacy_fini(struct audit_privacy *privacy)
{
    crypto_hasher_free(privacy->hasher);
    *privacy = (struct audit_privacy){0};
}

struct ip audit_privacy_prefix(struct ip ip)
{
    size_t kept = ip.length == 4 ? 3 : 6;

    memset(ip.bytes + kept, 0, sizeof(ip.bytes) - kept);
    return ip;
}

/* What can not be hashed is not shown at all. */
static size_t hash(const struct audit_privacy *privacy, char out[AUDIT_ADDRESS_TEXT_MAX],
                   size_t length)
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    size_t begin = sizeof(HASH_BEGIN) - 1;

    if (crypto_hash(privacy->hasher, out, length, digest) != ERR_OK) {
        return 0;
    }
    memcpy(out, HASH_BEGIN, begin);
    enc_hex(digest, HASH_BYTES, out + begin);
    return begin + 2 * (size_t)HASH_BYTES;
}

size_t audit_privacy_print(const struct audit_privacy *privacy, struct ip ip, bool is_prefix,
                           char out[AUDIT_ADDRESS_TEXT_MAX])
{
    if (privacy->addresses == AUDIT_ADDRESS_TRUNCATED && !is_prefix) {
        ip = audit_privacy_prefix(ip);
        is_prefix = true;
    }
    size_t length = ip_print(&ip, out);
    if (is_prefix) {
        memcpy(out + length, ip.length == 4 ? "/24" : "/48", 3);
        length += 3;
    }
    return privacy->addresses == AUDIT_ADDRESS_HASHED ? hash(privacy, out, length) : length;
}
