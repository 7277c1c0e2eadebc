#include "agent/authn/apikey.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/crc32.h"
#include "agent/base/enc.h"

#define PREFIX        "rv_"
#define PREFIX_LENGTH 3
#define SECRET_AT     (PREFIX_LENGTH + APIKEY_ID_LENGTH + 1)
#define CRC_AT        (SECRET_AT + APIKEY_SECRET_LENGTH + 1)

/* Random bytes from 248 on would favour the first digits: 248 is the last multiple of 62. */
#define UNBIASED_MAX 248

static bool is_base62(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) {
            return false;
        }
    }
    return true;
}

static void checksum(const char *text, char out[APIKEY_CRC_LENGTH])
{
    enc_base62(crc32_ieee(text, CRC_AT - 1), APIKEY_CRC_LENGTH, out);
}

bool apikey_parse(struct str text, struct str *keyid)
{
    char expected[APIKEY_CRC_LENGTH];

    if (text.len != APIKEY_LENGTH || memcmp(text.ptr, PREFIX, PREFIX_LENGTH) != 0 ||
        text.ptr[SECRET_AT - 1] != '_' || text.ptr[CRC_AT - 1] != '_' ||
        !is_base62(text.ptr + PREFIX_LENGTH, APIKEY_ID_LENGTH) ||
        !is_base62(text.ptr + SECRET_AT, APIKEY_SECRET_LENGTH)) {
        return false;
    }
    checksum(text.ptr, expected);
    if (memcmp(text.ptr + CRC_AT, expected, APIKEY_CRC_LENGTH) != 0) {
        return false;
    }
    *keyid = apikey_id(text);
    return true;
}

struct str apikey_id(struct str text)
{
    return str_make(text.ptr + PREFIX_LENGTH, APIKEY_ID_LENGTH);
}

static enum err random_base62(char *out, size_t length)
{
    uint8_t random[64];
    size_t made = 0;

    while (made < length) {
        enum err e = crypto_random(random, sizeof(random));
        if (e != ERR_OK) {
            return e;
        }
        for (size_t i = 0; i < sizeof(random) && made < length; i++) {
            if (random[i] < UNBIASED_MAX) {
                enc_base62(random[i] % 62u, 1, out + made);
                made++;
            }
        }
    }
    crypto_wipe(random, sizeof(random));
    return ERR_OK;
}

enum err apikey_make(char out[APIKEY_LENGTH])
{
    char keyid[APIKEY_ID_LENGTH];
    enum err e = random_base62(keyid, sizeof(keyid));

    return e == ERR_OK ? apikey_renew(str_make(keyid, sizeof(keyid)), out) : e;
}

enum err apikey_renew(struct str keyid, char out[APIKEY_LENGTH])
{
    char text[APIKEY_LENGTH];

    if (keyid.len != APIKEY_ID_LENGTH || !is_base62(keyid.ptr, keyid.len)) {
        return ERR_SYNTAX;
    }
    memcpy(text, PREFIX, PREFIX_LENGTH);
    memcpy(text + PREFIX_LENGTH, keyid.ptr, keyid.len);
    text[SECRET_AT - 1] = '_';
    text[CRC_AT - 1] = '_';
    enum err e = random_base62(text + SECRET_AT, APIKEY_SECRET_LENGTH);
    if (e == ERR_OK) {
        checksum(text, text + CRC_AT);
        memcpy(out, text, APIKEY_LENGTH);
    }
    crypto_wipe(text, sizeof(text));
    return e;
}

struct apikey_verifier {
    struct siphash_key memory_key; /* of remembered digests; new in each process */
    struct crypto_hasher *plain;
    bool accepts_plain;
    size_t pepper_count;
    struct {
        char id[PEPPER_ID_MAX + 1];
        struct crypto_hasher *hasher;
    } peppers[PEPPER_COUNT_MAX];
};

static bool fill_verifier(struct apikey_verifier *verifier, const struct pepper_set *peppers)
{
    verifier->plain = crypto_sha256_new();
    if (!verifier->plain ||
        crypto_random(&verifier->memory_key, sizeof(verifier->memory_key)) != ERR_OK) {
        return false;
    }
    for (size_t i = 0; i < peppers->count; i++) {
        const struct pepper *pepper = &peppers->items[i];
        memcpy(verifier->peppers[i].id, pepper->id, sizeof(pepper->id));
        verifier->peppers[i].hasher = crypto_hmac_new(pepper->key, pepper->key_length);
        if (!verifier->peppers[i].hasher) {
            return false;
        }
        verifier->pepper_count++;
    }
    return true;
}

struct apikey_verifier *apikey_verifier_new(const struct pepper_set *peppers,
                                            bool accepts_unpeppered)
{
    struct apikey_verifier *verifier = calloc(1, sizeof(*verifier));

    if (!verifier) {
        return NULL;
    }
    verifier->accepts_plain = accepts_unpeppered || peppers->count == 0;
    if (!fill_verifier(verifier, peppers)) {
        apikey_verifier_free(verifier);
        return NULL;
    }
    return verifier;
}

void apikey_verifier_free(struct apikey_verifier *verifier)
{
    if (!verifier) {
        return;
    }
    crypto_hasher_free(verifier->plain);
    for (size_t i = 0; i < verifier->pepper_count; i++) {
        crypto_hasher_free(verifier->peppers[i].hasher);
    }
    crypto_wipe(verifier, sizeof(*verifier));
    free(verifier);
}

/* NULL: the record asks for a pepper we do not have, or for none where one is needed. */
static struct crypto_hasher *hasher_of(struct apikey_verifier *verifier,
                                       const struct record_hash *hash)
{
    if (hash->scheme == RECORD_HASH_SHA256) {
        return verifier->accepts_plain ? verifier->plain : NULL;
    }
    for (size_t i = 0; i < verifier->pepper_count; i++) {
        if (str_equal(record_str(&hash->pepper), str_from_c(verifier->peppers[i].id))) {
            return verifier->peppers[i].hasher;
        }
    }
    return NULL;
}

/* The key's hash where it has it and it holds now, else NULL. */
static struct record_hash *live_hash(struct key_record *key, unsigned index, struct now now)
{
    bool is_live = index == 0 || now_wall_s(now) < record_seconds(key->hash2_until);

    return is_live ? record_hash(key, index) : NULL;
}

static bool is_remembered(const struct record_hash *hash, const struct siphash_digest *digest)
{
    return hash->has_verified && crypto_equal(&hash->verified, digest, sizeof(*digest));
}

bool apikey_is_remembered(const struct directory_entry *entry, const struct siphash_digest *digest)
{
    struct key_record *key = &entry->record->key;
    const struct record_hash *second = record_hash(key, 1);

    return is_remembered(record_hash(key, 0), digest) || (second && is_remembered(second, digest));
}

static enum reason check_hash(struct apikey_verifier *verifier, struct str text,
                              const struct record_hash *hash)
{
    struct crypto_hasher *hasher = hasher_of(verifier, hash);
    uint8_t digest[CRYPTO_SHA256_BYTES];

    if (!hasher) {
        return REASON_BAD_RECORD;
    }
    if (crypto_hash(hasher, text.ptr, text.len, digest) != ERR_OK) {
        return REASON_BAD_CREDENTIAL;
    }
    return crypto_equal(digest, hash->digest, sizeof(digest)) ? REASON_OK : REASON_BAD_CREDENTIAL;
}

/* A hash under a pepper that is gone must not hide the other, good one. */
static enum reason check_secret(struct apikey_verifier *verifier, struct str text,
                                const struct siphash_digest *digest, struct key_record *key,
                                struct now now, unsigned *index)
{
    enum reason result = REASON_BAD_CREDENTIAL;

    for (unsigned i = 0; i < 2; i++) {
        const struct record_hash *hash = live_hash(key, i, now);
        if (hash && is_remembered(hash, digest)) {
            *index = i;
            return REASON_OK;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        struct record_hash *hash = live_hash(key, i, now);
        if (!hash) {
            continue;
        }
        enum reason reason = check_hash(verifier, text, hash);
        if (reason == REASON_OK) {
            hash->verified = *digest;
            hash->has_verified = true;
            *index = i;
            return REASON_OK;
        }
        result = reason == REASON_BAD_RECORD ? reason : result;
    }
    return result;
}

struct siphash_digest apikey_digest(const struct apikey_verifier *verifier, struct str text)
{
    return siphash_128(&verifier->memory_key, text.ptr, text.len);
}

enum reason apikey_verify(struct apikey_verifier *verifier, struct str text,
                          const struct siphash_digest *digest, struct directory_entry *entry,
                          struct now now, unsigned *hash_index)
{
    struct key_record *key = &entry->record->key;
    enum reason reason = check_secret(verifier, text, digest, key, now, hash_index);

    return reason == REASON_OK ? apikey_standing(key, now) : reason;
}

enum reason apikey_standing(const struct key_record *key, struct now now)
{
    if (!key->is_active) {
        return REASON_REVOKED;
    }
    int64_t expires = record_seconds(key->expires);
    if ((expires != 0 && now_wall_s(now) >= expires) ||
        now_wall_s(now) < record_seconds(key->not_before)) {
        return REASON_EXPIRED;
    }
    return REASON_OK;
}

void apikey_verify_nobody(struct apikey_verifier *verifier, struct str text)
{
    struct crypto_hasher *hasher =
        verifier->pepper_count > 0 ? verifier->peppers[0].hasher : verifier->plain;
    uint8_t digest[CRYPTO_SHA256_BYTES] = {0};

    /* Only the time it takes matters. */
    if (crypto_hash(hasher, text.ptr, text.len, digest) == ERR_OK) {
        (void)crypto_equal(digest, (uint8_t[CRYPTO_SHA256_BYTES]){0}, sizeof(digest));
    }
}

enum err apikey_hash_text(const struct pepper *pepper, struct str text,
                          char out[APIKEY_HASH_TEXT_MAX])
{
    struct crypto_hasher *hasher =
        pepper ? crypto_hmac_new(pepper->key, pepper->key_length) : crypto_sha256_new();
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = {0};

    if (!hasher) {
        return ERR_MEMORY;
    }
    enum err e = crypto_hash(hasher, text.ptr, text.len, digest);
    crypto_hasher_free(hasher);
    if (e != ERR_OK) {
        return e;
    }
    enc_hex(digest, sizeof(digest), hex);
    if (pepper) {
        snprintf(out, APIKEY_HASH_TEXT_MAX, "hmac-sha256:%s:%s", pepper->id, hex);
    } else {
        snprintf(out, APIKEY_HASH_TEXT_MAX, "sha256:%s", hex);
    }
    return ERR_OK;
}
