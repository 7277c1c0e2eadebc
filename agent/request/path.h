/*
 * The canonical path: the one form in which rules see a path and in which HAProxy forwards it.
 *
 * Unreserved escapes are decoded (RFC 3986 2.3), escapes upper-cased, dot segments removed
 * (RFC 3986 5.2.4). What two parsers could read differently is refused, not guessed.
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
    struct str path;    /* borrows raw where nothing changed, else `out` */
    bool is_different;  /* from raw, by more than the case of hex digits */
};

/*
 * `relax` holds enum path_relax bits. `out` has room for raw.len bytes. REASON_OK,
 * REASON_AMBIGUOUS_PATH, or REASON_BAD_REQUEST (empty, no leading slash, too long). *fault is a
 * static text that says what was found ("encoded slash").
 */
enum reason path_canonicalise(struct str raw, unsigned relax, char *out,
                              struct path_canonical *result, const char **fault);

#endif
