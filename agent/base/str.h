/*
 * A slice of bytes that somebody else owns. Not NUL-terminated, may hold any byte, may be empty.
 * An absent string has ptr == NULL; an empty but present one has len == 0 and ptr != NULL.
 */
#ifndef REEVE_BASE_STR_H
#define REEVE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

struct str_list {
    struct str *items;
    size_t count;
};

bool str_list_has(const struct str_list *list, struct str s);

/* A slice of a string literal. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_ABSENT   ((struct str){NULL, 0})

/* Arguments for "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).len ? (s).ptr : ""

static inline struct str str_make(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

/* Borrows text, which may be NULL (then absent). */
static inline struct str str_from_c(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_is_absent(struct str s)
{
    return s.ptr == NULL;
}

/* Byte-wise. Not for secrets: those go through crypto_equal(). */
static inline bool str_equal(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_starts_with(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Everything from `offset` on; empty where offset >= s.len. */
static inline struct str str_skip(struct str s, size_t offset)
{
    return offset >= s.len ? str_make(s.ptr ? s.ptr + s.len : NULL, 0)
                           : str_make(s.ptr + offset, s.len - offset);
}

/* ASCII letters compared without case. */
bool str_equal_nocase(struct str a, struct str b);

/* Cuts the part before the next `separator` off *rest and gives it in *part; at the end the whole
 * rest. False when nothing was left (rest absent). "a,,b" gives "a", "", "b". */
bool str_cut(struct str *rest, char separator, struct str *part);

/* Without leading and trailing blanks and tabs. */
struct str str_trim(struct str s);

/* Decimal digits only, no sign, no leading zero but "0" itself, at most `max`.
 * False on anything else; *out is untouched then. */
bool str_to_uint64(struct str s, uint64_t max, uint64_t *out);

/* True for names of users, roles, teams, limits and the like: [A-Za-z0-9._@-]{1,64}. */
bool str_is_name(struct str s);

#endif
