/*
 * JSON of others, read with jansson and strictly: one object and nothing behind it, no member
 * twice, UTF-8 without a byte order mark, no NUL in texts, numbers that fit. Depth and number of
 * values are bounded before anything is built, so what is built is too (about 200 bytes a value).
 */
#ifndef REEVE_JOSE_JSON_H
#define REEVE_JOSE_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "agent/base/str.h"

#define JOSE_JSON_DEPTH_MAX  32
#define JOSE_JSON_VALUES_MAX 4096

/* Gives a new object, to be released with json_decref(); NULL where it is refused. */
json_t *jose_json_object(struct str text);

/* Borrows from the value; absent where it is NULL or not a text. */
struct str jose_json_text(const json_t *value);

/* The object as one line of printable ASCII, for people. Gives memory of malloc(); NULL where it is
 * refused. */
char *jose_json_printable(struct str text);

#endif
