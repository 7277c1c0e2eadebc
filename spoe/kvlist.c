#include "spoe/kvlist.h"

bool spoe_bytes_equal(struct spoe_bytes bytes, const char *text)
{
    size_t length = strlen(text);

    return bytes.length == length && (length == 0 || memcmp(bytes.data, text, length) == 0);
}

bool spoe_kvlist_next(struct spoe_cursor *cursor, struct spoe_pair *pair)
{
    if (spoe_cursor_left(cursor) == 0) {
        return false;
    }
    pair->key = spoe_cursor_string(cursor);
    spoe_cursor_value(cursor, &pair->value);
    if (pair->key.length == 0) {
        spoe_cursor_fail(cursor);
    }
    return !cursor->is_failed;
}

static struct spoe_bytes text_bytes(const char *text)
{
    return (struct spoe_bytes){(const uint8_t *)text, strlen(text)};
}

void spoe_kvlist_put_string(struct spoe_writer *writer, const char *key, const char *value)
{
    spoe_writer_string(writer, text_bytes(key));
    spoe_writer_u8(writer, SPOE_STRING);
    spoe_writer_string(writer, text_bytes(value));
}

void spoe_kvlist_put_uint32(struct spoe_writer *writer, const char *key, uint32_t value)
{
    spoe_writer_string(writer, text_bytes(key));
    spoe_writer_u8(writer, SPOE_UINT32);
    spoe_writer_varint(writer, value);
}
