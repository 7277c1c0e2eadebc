/*
 * Making Ed25519 signatures (RFC 8032). Checking them, and those of other algorithms:
 * agent/base/signature.h.
 *
 * A key is its seed, 32 secret bytes, and its public half. A struct signature_maker belongs to one
 * thread. Failures leave nothing in OpenSSL's error queue.
 */
#ifndef REEVE_BASE_SIGNATURE_MAKE_H
#define REEVE_BASE_SIGNATURE_MAKE_H

#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"

#define ED25519_SEED_BYTES      32
#define ED25519_PUBLIC_BYTES    32
#define ED25519_SIGNATURE_BYTES 64

/* "-----BEGIN PUBLIC KEY-----" and the rest, with its NUL. */
#define ED25519_PEM_MAX 128

struct signature_maker;

/* The seed is copied and stays the caller's to wipe. Gives a new object; NULL on failure. */
struct signature_maker *signature_maker_new(const uint8_t seed[ED25519_SEED_BYTES]);
/* Wipes. NULL accepted. */
void signature_maker_free(struct signature_maker *maker);

void signature_maker_public(const struct signature_maker *maker, uint8_t out[ED25519_PUBLIC_BYTES]);

/* ERR_CRYPTO leaves out zeroed. */
enum err signature_make(struct signature_maker *maker, struct str data,
                        uint8_t out[ED25519_SIGNATURE_BYTES]) MUST_USE;

/* The public half as PEM, NUL-terminated. */
enum err signature_public_pem(const uint8_t key[ED25519_PUBLIC_BYTES],
                              char out[ED25519_PEM_MAX]) MUST_USE;

#endif
