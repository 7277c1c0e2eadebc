/*
 * Distinguished names of certificates as text, in the form of RFC 2253 that OpenSSL prints
 * (XN_FLAG_RFC2253): HAProxy's ssl_c_s_dn(,0,rfc2253) and ssl_c_i_dn(,0,rfc2253).
 *
 *   CN=alice,OU=services,O=Corp\, Inc     the last part of the name comes first
 *   CN=alice+UID=7,O=Corp                 two attributes of one part
 *
 * Read strictly, so that one text has one meaning: only what that printer can have written is taken.
 *
 *   type     a letter, then letters, digits and '-'; or a dotted number
 *   value    '#' and pairs of hex digits, at least two; or a single '#'; or any text, in which ,+"\<>; stand behind a backslash,
 *            so do a '#' or blank at its beginning and a blank at its end, and every byte that is
 *            not printable ASCII is a backslash and two hex digits, upper case
 *
 * So no byte of a value can end it, and no name can pass for another. The one-line form ("/O=Corp/
 * CN=alice") is refused: a '/' in a value is not told from one between attributes.
 */
#ifndef REEVE_BASE_DN_H
#define REEVE_BASE_DN_H

#include <stdbool.h>

#include "agent/base/str.h"

/* Longer ones are refused; HAProxy cuts what exceeds its buffers, which are larger. */
#define DN_BYTES_MAX 1024

/* One or more attributes, none of them broken, of at most DN_BYTES_MAX bytes. */
bool dn_is_valid(struct str dn);

/* Whether it is in the one-line form, which tells who configures HAProxy what is wrong. */
bool dn_is_one_line(struct str dn);

/*
 * The next attribute off the front of a valid name, as it is written. False at the end.
 *
 *   struct str rest = dn, type, value;
 *   while (dn_next(&rest, &type, &value)) ...
 */
bool dn_next(struct str *rest, struct str *type, struct str *value);

#endif
