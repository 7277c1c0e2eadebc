/*
 * KV-LIST (SPOE 3.1): the payload of HELLO and DISCONNECT, pairs of a key and a typed value to the
 * end of the frame.
 */
#ifndef SPOE_KVLIST_H
#define SPOE_KVLIST_H

#include "spoe/cursor.h"
#include "spoe/writer.h"

struct spoe_pair {
    struct spoe_bytes key; /* never empty */
    struct spoe_value value;
};

/* False at the end, or on failure: the cursor says which. An empty key is a failure. */
bool spoe_kvlist_next(struct spoe_cursor *cursor, struct spoe_pair *pair);

/* `key` and `value` end in NUL on our side; on the wire nothing does. */
void spoe_kvlist_put_string(struct spoe_writer *writer, const char *key, const char *value);
void spoe_kvlist_put_uint32(struct spoe_writer *writer, const char *key, uint32_t value);

bool spoe_bytes_equal(struct spoe_bytes bytes, const char *text);

#endif
