/* Texts that items of sections own. Errors come with a diag; what was there stays then. */
#ifndef REEVE_CONFIG_TEXT_H
#define REEVE_CONFIG_TEXT_H

#include <stdbool.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/base/str.h"

#define TEXT_BYTES_MAX 512
#define TEXTS_MAX      64 /* of a list */

/* Not empty, of at most TEXT_BYTES_MAX bytes, without control characters of ASCII. */
bool text_is_line(struct str text);

/* ERR_MEMORY. */
enum err text_own(struct str text, struct str *out, struct diag *diag) MUST_USE;
/* A section's title, which must be a name: ERR_SYNTAX. ERR_MEMORY. */
enum err text_own_title(const char *title, struct str *out, struct diag *diag) MUST_USE;
/* Absent is accepted. */
void text_drop(struct str *text);

/* In place of what was there, if text_is_line(). `wanted`: "the text of iss". ERR_SYNTAX,
 * ERR_MEMORY. */
enum err text_replace(struct str text, struct str *out, const char *wanted,
                      struct diag *diag) MUST_USE;

/* Room for one more in the array that `items` points to. ERR_FULL, ERR_MEMORY. */
enum err text_grow(void *items, size_t count, size_t bytes, struct diag *diag) MUST_USE;

/* The same as text_replace(), as one more of a list; ERR_FULL too. */
enum err text_add(struct str text, struct str_list *list, const char *wanted,
                  struct diag *diag) MUST_USE;
void text_list_drop(struct str_list *list);

/* "expected <wanted>, got ..."; gives `e`. */
enum err text_refuse(enum err e, struct diag *diag, const char *wanted, struct str text);

#endif
