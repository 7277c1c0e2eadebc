/* Where to listen and where the store and its Sentinels are: the URL-like settings. */
#ifndef REEVE_CONFIG_ADDRESS_H
#define REEVE_CONFIG_ADDRESS_H

#include "agent/config/config.h"

/*
 * "tcp://<numeric address>:<port>" ([::1] for IPv6) or "unix:///<path>". Gives strings of its own.
 * ERR_SYNTAX with a diag that says what is wrong; ERR_MEMORY.
 */
enum err address_parse(struct str text, struct config_address *out, struct diag *diag) MUST_USE;
/* "tcp://<host>:<port>", where the host may be a name. Likewise. */
enum err address_parse_sentinel(struct str text, struct config_address *out,
                                struct diag *diag) MUST_USE;
void address_free(struct config_address *address);

/*
 * "redis://[user[:password]@][host[:port]][/db]" or "unix://[user[:password]@]/path[?db=N]"; user and password are
 * percent-decoded. Without a host out->address.host is "". out->address.text is the text without user and password. The diag never repeats
 * the text.
 */
enum err address_parse_store(struct str text, struct config_store *out, struct diag *diag) MUST_USE;
/* Wipes the password. */
void address_free_store(struct config_store *store);

#endif
