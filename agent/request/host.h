/*
 * The host that rules see: lower case, one valid port and one final dot stripped (RFC 9110 7.2).
 * Refused: commas, blanks, userinfo, bad ports, empty names, bytes outside reg-name and IP literals.
 */
#ifndef REEVE_REQUEST_HOST_H
#define REEVE_REQUEST_HOST_H

#include "agent/base/reason.h"
#include "agent/base/str.h"

#define HOST_BYTES_MAX 255

/* `out` has room for HOST_BYTES_MAX bytes; *host borrows raw or out. REASON_OK or BAD_REQUEST. */
enum reason host_normalise(struct str raw, char *out, struct str *host);

#endif
