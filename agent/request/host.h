/*
 * The host that rules see: lower case, one valid port and one final dot stripped (RFC 9110 7.2).
 *
 * A name is letters, digits, '-', '_' and dots between non-empty labels: what DNS can hold, less
 * than RFC 3986 allows (no escapes, no "!$&'()*+;="). An IPv6 literal is taken in brackets and
 * rewritten to its one usual form (RFC 5952). Refused is everything else: commas, blanks, userinfo,
 * control and raw non-ASCII bytes, empty names and labels, zone ids, IPvFuture, and ports that are
 * empty, 0, above 65535 or written with a leading zero.
 */
#ifndef REEVE_REQUEST_HOST_H
#define REEVE_REQUEST_HOST_H

#include "agent/base/reason.h"
#include "agent/base/str.h"

/* Longest host taken, port and final dot not counted. */
#define HOST_BYTES_MAX 255

/* `out` has room for HOST_BYTES_MAX bytes; *host borrows raw or out, and is untouched unless
 * REASON_OK. The other outcome is REASON_BAD_REQUEST. */
enum reason host_normalise(struct str raw, char *out, struct str *host);

#endif
