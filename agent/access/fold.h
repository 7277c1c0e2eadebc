/*
 * Folding: how denies compare. What a back end may take for the same resource must not get around a
 * deny, so denies see paths and templates with
 *
 *   - ASCII letters in lower case,
 *   - escapes of printable ASCII decoded ("%3A" is ':' to most back ends), but for %2F, %5C and
 * %25, which change what a path is rather than how it is spelled,
 *   - final slashes cut off,
 *
 * and methods in upper case. Allows compare byte for byte. Source: DESIGN "Roles and rules".
 */
#ifndef REEVE_ACCESS_FOLD_H
#define REEVE_ACCESS_FOLD_H

#include <stddef.h>

#include "agent/access/rule.h"
#include "agent/access/template.h"
#include "agent/base/str.h"

/* A path or a piece of one; out has room for text.len bytes. Gives the folded length. Final slashes
 * stay: fold_trim() cuts them. */
size_t fold_path(struct str text, char *out);

/* "/a/" to "/a"; "/" to "". */
struct str fold_trim(struct str path);

/* out has room for method.len bytes, which may be what method borrows. */
struct str fold_method(struct str method, char *out);

/* A deny's methods and template, parsed before. Afterwards they borrow from texts. The final slash
 * of "/a/" is no segment any more. */
void fold_rule(struct rule *rule, struct template *template, char texts[RULE_TEXT_MAX]);

/* The byte that text[*at] stands for, an escape or a plain one; moves *at behind it. */
unsigned char fold_decode(struct str text, size_t *at);

#endif
