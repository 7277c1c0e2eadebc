/*
 * The RateLimit-Policy item of a limit, "daily";q=100000;w=86400 (draft-ietf-httpapi-ratelimit-
 * headers): name, units, and in how many seconds they come back. Made when a lease gets its terms
 * or its window, not for each request. Begins with the quoted name.
 */
#ifndef REEVE_QUOTA_POLICY_H
#define REEVE_QUOTA_POLICY_H

#include <stddef.h>

#include "agent/base/str.h"
#include "agent/quota/lease.h"

#define POLICY_BYTES_MAX 128

/* `name` is a name (str_is_name). Gives the text's length; 0 for a quota without a window yet. */
size_t policy_write(struct str name, const struct lease *lease, char out[POLICY_BYTES_MAX]);

#endif
