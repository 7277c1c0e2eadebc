/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), 64 and 128 bit output.
 * Keyed with a secret of the process it indexes hash tables that peers can fill, and remembers
 * verified credentials. Ours because OpenSSL's EVP_MAC costs ten times as much per call.
 */
#ifndef REEVE_BASE_SIPHASH_H
#define REEVE_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t k0, k1;
};

struct siphash_digest {
    uint64_t low, high;
};

uint64_t siphash_64(const struct siphash_key *key, const void *data, size_t length);
struct siphash_digest siphash_128(const struct siphash_key *key, const void *data, size_t length);

#endif
