#include "spoe/cursor.h"

uint32_t spoe_cursor_u32(struct spoe_cursor *cursor)
{
    struct spoe_bytes bytes = spoe_cursor_bytes(cursor, 4);

    if (bytes.length < 4) {
        return 0;
    }
    return (uint32_t)bytes.data[0] << 24 | (uint32_t)bytes.data[1] << 16 |
           (uint32_t)bytes.data[2] << 8 | bytes.data[3];
}

uint64_t spoe_cursor_long_varint(struct spoe_cursor *cursor)
{
    uint64_t value = 0;
    size_t used = spoe_varint_read(cursor->at, spoe_cursor_left(cursor), &value);

    if (used == 0) {
        spoe_cursor_fail(cursor);
        return 0;
    }
    cursor->at += used;
    return value;
}
