/* Where an issuer's keys come from: a file, an environment variable or a credential of systemd's, as
 * secret.h names them. A file that holds a secret (a JWK of kty oct) is refused where group and
 * others can read or write it; public keys may be read by everybody. */
#ifndef REEVE_CONFIG_KEY_FILE_H
#define REEVE_CONFIG_KEY_FILE_H

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/jose/keys.h"

/* Adds the keys of `source`. As jose_keys_add() and secret_read(), with a diag "<source>: ...". */
enum err key_file_add(const char *source, struct jose_keys *keys, struct diag *diag) MUST_USE;

#endif
