/* A strict JSON checker (RFC 8259) for one flat object, written apart from the code under test. */
#ifndef REEVE_TESTS_AUDIT_JSON_H
#define REEVE_TESTS_AUDIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* One object, nothing before or after it, no raw control byte, valid UTF-8, no name twice. */
bool json_is_object(const char *text, size_t length);

/* The member's value: a string decoded to UTF-8, anything else as it stands; NUL-terminated.
 * False: there is no such member. The object must be valid. */
bool json_member(const char *text, size_t length, const char *name, char *out, size_t capacity);

#endif
