/*
 * The few primitives Reeve takes from OpenSSL, with the algorithms fetched once (one-shot calls
 * fetch them each time, which costs four times the digest itself).
 *
 * crypto_start() before any thread starts; everything else may be called from every thread, but a
 * struct crypto_hasher belongs to one.
 */
#ifndef REEVE_BASE_CRYPTO_H
#define REEVE_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"

#define CRYPTO_SHA256_BYTES 32

enum err crypto_start(void) MUST_USE;
void crypto_stop(void);

/* A digest or HMAC context kept for reuse. */
struct crypto_hasher;

/* Plain SHA-256. Gives a new object; NULL when out of memory. */
struct crypto_hasher *crypto_sha256_new(void);
/* HMAC-SHA-256 under `key`, not empty, which is copied into the context. */
struct crypto_hasher *crypto_hmac_new(const void *key, size_t key_length);
void crypto_hasher_free(struct crypto_hasher *hasher);

/* ERR_CRYPTO leaves out zeroed; callers deny. OpenSSL allocates and frees its state in each call,
 * so this is not for the way of a request that is answered from memory. */
enum err crypto_hash(struct crypto_hasher *hasher, const void *data, size_t length,
                     uint8_t out[CRYPTO_SHA256_BYTES]) MUST_USE;

/*
 * What makes guessing a password dear. Parameters are the caller's to bound: scrypt takes 128 * r *
 * 2^ln bytes (and 128 * r * p) for as long as it runs. Any thread, at once. ERR_CRYPTO where OpenSSL
 * refuses them or has no memory; out is zeroed then.
 */
struct crypto_scrypt {
    unsigned ln, r, p; /* RFC 7914: N is 2^ln */
};
enum err crypto_scrypt(struct str password, struct str salt, const struct crypto_scrypt *cost,
                       uint8_t *out, size_t length) MUST_USE;
/* RFC 8018, with HMAC-SHA-256. */
enum err crypto_pbkdf2(struct str password, struct str salt, uint64_t iterations, uint8_t *out,
                       size_t length) MUST_USE;

/* The same of what comes in pieces, with a plain hasher: begin, then add and peek in any order. A peek
 * tells the digest of all that was added so far. After ERR_CRYPTO begin again. */
enum err crypto_hash_begin(struct crypto_hasher *hasher) MUST_USE;
enum err crypto_hash_add(struct crypto_hasher *hasher, const void *data, size_t length) MUST_USE;
enum err crypto_hash_peek(const struct crypto_hasher *hasher,
                          uint8_t out[CRYPTO_SHA256_BYTES]) MUST_USE;

#define CRYPTO_SHA1_BYTES 20

/* The name that Redis gives to a script; broken as a promise about contents. Needs no
 * crypto_start(). ERR_CRYPTO leaves out zeroed. */
enum err crypto_sha1(const void *data, size_t length, uint8_t out[CRYPTO_SHA1_BYTES]) MUST_USE;

/* Constant time in the contents, for equal lengths. */
bool crypto_equal(const void *a, const void *b, size_t length);

/* Zeroes memory in a way the compiler keeps. */
void crypto_wipe(void *memory, size_t length);

/* From the operating system's generator; ERR_CRYPTO when it fails. */
enum err crypto_random(void *out, size_t length) MUST_USE;

#endif
