/*
 * The policy of agent/request/path.h once more: slow, in many passes over tokens, written from
 * DESIGN and the header and not from path.c, so that the two check each other.
 */
#ifndef REEVE_TESTS_UNIT_REQUEST_PATH_REFERENCE_H
#define REEVE_TESTS_UNIT_REQUEST_PATH_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/base/reason.h"
#include "agent/base/str.h"

/* `out` has room for raw.len bytes. */
enum reason path_reference(struct str raw, unsigned relax, char *out, size_t *length,
                           bool *is_different);

/* NULL, or which promise of path.h an accepted path breaks. */
const char *path_broken_promise(struct str canonical, unsigned relax);

#endif
