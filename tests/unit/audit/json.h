/* A strict JSON checker (RFC 8259) for one flat object, written apart from the code under test. */
#ifndef REEVE_TESTS_AUDIT_JSON_H
#define REEVE_TESTS_AUDIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* One object, nothing before or after it, no raw control byte, valid UTF-8, no name twice. */
bool json_is_object(const char *text, size_t length);

/* A member that is looked for: its value as json_member() gives it. */
struct json_wanted {
    const char *name;
    char *out; /* [capacity] */
    size_t capacity;
    bool is_found;
};

/* The same, and what is wanted of it, in one walk. */
bool json_members(const char *text, size_t length, struct json_wanted *wanted, size_t count);

/* The member's value: a string decoded to UTF-8, anything else as it stands; NUL-terminated.
 * False: there is no such member. The object must be valid. */
bool json_member(const char *text, size_t length, const char *name, char *out, size_t capacity);

#endif
