/* What signature.c and signature_key.c share. */
#ifndef REEVE_BASE_SIGNATURE_INSIDE_H
#define REEVE_BASE_SIGNATURE_INSIDE_H

#include <openssl/types.h>

#include "agent/base/signature.h"

struct signature_key {
    enum signature_key_type type;
    EVP_PKEY *pkey; /* NULL of a secret */
    size_t secret_length;
    uint8_t secret[];
};

enum signature_padding { SIGNATURE_NO_PADDING, SIGNATURE_PKCS1, SIGNATURE_PSS };

struct signature_scheme {
    const char *name;
    enum signature_key_type key_type;
    const char *hash; /* NULL: the scheme has its own */
    size_t hash_bytes;
    enum signature_padding padding;
};

/* By enum signature_algorithm. */
extern const struct signature_scheme signature_schemes[SIGNATURE_ALGORITHM_COUNT];

/* Length in bytes of a coordinate and of the order; 0: no curve. */
size_t signature_curve_bytes(enum signature_key_type type);

#endif
