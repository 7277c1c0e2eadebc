/* IP addresses and prefixes (RFC 4632, RFC 4291). IPv4-mapped IPv6 addresses (::ffff:a.b.c.d) are
 * turned into IPv4 wherever they come in, so that one client has one address. */
#ifndef REEVE_BASE_IP_H
#define REEVE_BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/str.h"

struct ip {
    uint8_t length;    /* 4 or 16 bytes; 0 means no address */
    uint8_t bytes[16]; /* network order */
};

struct ip_prefix {
    struct ip base; /* bits beyond `bits` are zero */
    uint8_t bits;
};

#define IP_TEXT_MAX 46

/* From 4 or 16 bytes in network order; any other length gives no address. */
struct ip ip_from_bytes(const void *bytes, size_t length);

/* Writes the usual text form (RFC 5952), NUL-terminated; "" for no address. Gives its length. */
size_t ip_print(const struct ip *ip, char out[IP_TEXT_MAX]);

/* "10.0.0.0/8", "2001:db8::/32", or a bare address. False: not an address, bits out of range, or
 * bits set beyond the prefix ("10.0.0.1/8"). */
bool ip_prefix_parse(struct str text, struct ip_prefix *out);

bool ip_prefix_holds(const struct ip_prefix *prefix, const struct ip *ip);

#endif
