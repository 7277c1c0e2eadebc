/*
 * API keys: rv_<keyid>_<secret>_<crc>. keyid 10 and secret 32 characters [0-9A-Za-z]; crc is the
 * CRC-32 (IEEE) of everything before the last '_', six base62 digits 0-9A-Za-z, zero-padded.
 */
#ifndef REEVE_AUTHN_APIKEY_H
#define REEVE_AUTHN_APIKEY_H

#include "agent/base/clock.h"
#include "agent/base/crypto.h"
#include "agent/base/reason.h"
#include "agent/base/str.h"
#include "agent/config/pepper.h"
#include "agent/directory/directory.h"

#define APIKEY_ID_LENGTH     10
#define APIKEY_SECRET_LENGTH 32
#define APIKEY_CRC_LENGTH    6
#define APIKEY_LENGTH        (3 + APIKEY_ID_LENGTH + 1 + APIKEY_SECRET_LENGTH + 1 + APIKEY_CRC_LENGTH)

/* Form and checksum, no look-up. *keyid borrows from text. */
bool apikey_parse(struct str text, struct str *keyid);

/* The keyid of a text that apikey_parse() takes. */
struct str apikey_id(struct str text);

/* A new key from the system's generator, not terminated. */
enum err apikey_make(char out[APIKEY_LENGTH]) MUST_USE;

/* The same with a keyid that there is already, for rotation. ERR_SYNTAX: not a keyid. */
enum err apikey_renew(struct str keyid, char out[APIKEY_LENGTH]) MUST_USE;

/* The verifier of one worker: kept hash contexts for every pepper and plain SHA-256. */
struct apikey_verifier;

/* Copies the peppers. Gives a new verifier, NULL on failure. */
struct apikey_verifier *apikey_verifier_new(const struct pepper_set *peppers,
                                            bool accepts_unpeppered);
void apikey_verifier_free(struct apikey_verifier *verifier);

/* Under a key that is this verifier's own: what texts are remembered by. */
struct siphash_digest apikey_digest(const struct apikey_verifier *verifier, struct str text);

/* Whether it is of a text that was verified against the entry's record: one that apikey_parse()
 * takes. Says nothing of whether the hash still holds. */
bool apikey_is_remembered(const struct directory_entry *entry, const struct siphash_digest *digest);

/*
 * The secret, then the record's state and times: REASON_OK, BAD_CREDENTIAL, REVOKED, EXPIRED, or
 * BAD_RECORD (unknown pepper, unpeppered hash where peppers are configured). A verified text is
 * remembered in the entry by its digest, so a known key costs no HMAC. *hash_index says which hash
 * matched. State and times are told only to who knows the secret.
 */
enum reason apikey_verify(struct apikey_verifier *verifier, struct str text,
                          const struct siphash_digest *digest, struct directory_entry *entry,
                          struct now now, unsigned *hash_index);

/* The second half of it, of a key whose secret is known: state and times. */
enum reason apikey_standing(const struct key_record *key, struct now now);

/* The same work as verifying, for a key that has no record, so that unknown and wrong take the same
 * time. */
void apikey_verify_nobody(struct apikey_verifier *verifier, struct str text);

/* "hmac-sha256:<pepper id>:<hex>" or, without pepper, "sha256:<hex>"; NUL-terminated. */
#define APIKEY_HASH_TEXT_MAX 128
enum err apikey_hash_text(const struct pepper *pepper, struct str text,
                          char out[APIKEY_HASH_TEXT_MAX]) MUST_USE;

#endif
