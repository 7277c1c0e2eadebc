/*
 * JSON on a stream, member by member, all texts escaped (enc_json()). One writer has one document at
 * a time. Names are static.
 *
 *   json_begin(&json, NULL, '{');
 *   json_text(&json, "user", user);
 *   json_end(&json, '}');
 */
#ifndef REEVE_CTL_JSON_OUT_H
#define REEVE_CTL_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/base/str.h"

struct json_out {
    FILE *stream;
    bool is_behind; /* something stands before in the same object or list */
};

/* '{' or '['. `name` is NULL in lists and for the document. */
void json_begin(struct json_out *json, const char *name, char bracket);
void json_end(struct json_out *json, char bracket);

/* An absent text is left out. */
void json_text(struct json_out *json, const char *name, struct str value);
/* The name is not static and may hold any byte. */
void json_named_text(struct json_out *json, struct str name, struct str value);
void json_number(struct json_out *json, const char *name, int64_t value);
void json_count(struct json_out *json, const char *name, uint64_t value);
void json_bool(struct json_out *json, const char *name, bool value);

/* The text as it may stand between quotes, for terminals too: nothing in it acts on one. */
void json_escaped(FILE *stream, struct str value);

#endif
