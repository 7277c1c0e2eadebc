/*
 * A client certificate, as HAProxy tells of one: `ssl_c_der,sha2(256)`, and its names as
 * `ssl_c_s_dn(,0,rfc2253)` and `ssl_c_i_dn(,0,rfc2253)` (base/dn.h). Nothing of it is verified: that
 * is HAProxy's. Any thread; failures leave nothing in OpenSSL's error queue.
 */
#ifndef REEVE_BASE_CERTIFICATE_H
#define REEVE_BASE_CERTIFICATE_H

#include <stdint.h>

#include "agent/base/crypto.h"
#include "agent/base/diag.h"
#include "agent/base/dn.h"
#include "agent/base/err.h"

struct certificate {
    uint8_t sha256[CRYPTO_SHA256_BYTES];
    char subject[DN_BYTES_MAX + 1];
    char issuer[DN_BYTES_MAX + 1];
};

/* The one certificate in a PEM. ERR_SYNTAX: none, or several. ERR_RANGE: its names are too long.
 * ERR_MEMORY. With a diag. */
enum err certificate_read(struct str pem, struct certificate *out, struct diag *diag) MUST_USE;

#endif
