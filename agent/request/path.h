/*
 * The canonical path: the one form in which rules see a path and in which HAProxy forwards it.
 *
 * Unreserved escapes are decoded (RFC 3986 2.3), other escapes stay and are upper-cased, dot
 * segments are removed (RFC 3986 5.2.4); a final slash stays and is significant. What two parsers
 * could read differently is refused, not guessed:
 *
 *   raw bytes     backslash, '?', '#', controls, blanks, 0x80 and above, and every other byte that
 *                 is no pchar (RFC 3986 3.3): " < > [ ] ^ ` { | }
 *   escapes       not followed by two hex digits; of a slash, a backslash, a control byte or DEL;
 *                 %25 with two hex digits after it (double encoding), also when these digits were
 *                 escapes themselves; bytes that are not UTF-8
 *   segments      empty ones, ".." above the root, path parameters (';' raw or as %3B)
 *
 * %3F and %23 stay: they are data by RFC 3986, and no rule can mean a query or a fragment. So do
 * the escapes of other reserved characters (%40, %3A): rules see "%40" and "@" as two paths.
 *
 * What a relaxation gives up, it gives up for whole segments only. Whatever is relaxed, a dot
 * segment is refused where only some readers see one: with parameters ("..;a"), beside an encoded
 * slash ("..%2F"), or where ".." would remove an empty segment or one that holds an encoded slash.
 * With NON_UTF8, overlong forms ("%C0%AF") pass: not for upstreams whose decoders take them.
 *
 * Properties, tested: canon(canon(p)) = canon(p); without relaxations nothing accepted holds a dot
 * segment, an empty segment, an encoded slash, a backslash, a control byte.
 */
#ifndef REEVE_REQUEST_PATH_H
#define REEVE_REQUEST_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/reason.h"
#include "agent/base/str.h"

/* Longest path taken. */
#define PATH_BYTES_MAX 8192

struct path_canonical {
    struct str path;   /* borrows raw where nothing changed, else `out` */
    bool is_different; /* from raw, by more than the case of hex digits */
};

/*
 * `relax` holds enum path_relax bits. `out` has room for raw.len bytes. REASON_OK,
 * REASON_AMBIGUOUS_PATH, or REASON_BAD_REQUEST (empty, no leading slash, too long). *fault is a
 * static text that says what was found ("encoded slash"); it and *result are untouched otherwise.
 *
 * Linear in the path's length, no allocation. A path without escapes and leading dots is read once
 * and never copied.
 */
enum reason path_canonicalise(struct str raw, unsigned relax, char *out,
                              struct path_canonical *result, const char **fault);

#endif
