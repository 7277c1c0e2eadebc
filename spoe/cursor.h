/*
 * Reading wire data: a cursor over borrowed bytes with a sticky error. Read everything, check once.
 *
 *     struct spoe_cursor cursor = spoe_cursor_over(bytes);
 *     uint8_t type = spoe_cursor_u8(&cursor);
 *     uint32_t flags = spoe_cursor_u32(&cursor);
 *     if (cursor.is_failed) { ... }
 *
 * After the first read that does not fit, every further one gives zeroes and empty slices and the
 * cursor stays failed. A failed cursor stands at its end, so a read of a byte or more fails by the
 * one comparison it makes anyway, and loops that run until the end do end.
 */
#ifndef SPOE_CURSOR_H
#define SPOE_CURSOR_H

#include "spoe/value.h"
#include "spoe/varint.h"

struct spoe_cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool is_failed;
};

/* Borrows `bytes`. */
static inline struct spoe_cursor spoe_cursor_over(struct spoe_bytes bytes)
{
    const uint8_t *end = bytes.length > 0 ? bytes.data + bytes.length : bytes.data;

    return (struct spoe_cursor){.at = bytes.data, .end = end};
}

static inline void spoe_cursor_fail(struct spoe_cursor *cursor)
{
    cursor->at = cursor->end;
    cursor->is_failed = true;
}

static inline size_t spoe_cursor_left(const struct spoe_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline uint8_t spoe_cursor_u8(struct spoe_cursor *cursor)
{
    if (cursor->at == cursor->end) {
        spoe_cursor_fail(cursor);
        return 0;
    }
    return *cursor->at++;
}

/* Big endian. */
uint32_t spoe_cursor_u32(struct spoe_cursor *cursor);

/* An integer of two bytes or more; spoe_cursor_varint() is the one to call. */
uint64_t spoe_cursor_long_varint(struct spoe_cursor *cursor);

static inline uint64_t spoe_cursor_varint(struct spoe_cursor *cursor)
{
    if (cursor->at < cursor->end && *cursor->at < SPOE_VARINT_ONE_BYTE) {
        return *cursor->at++;
    }
    return spoe_cursor_long_varint(cursor);
}

/* The next `length` bytes, in place; any 64-bit length is safe to ask for. */
static inline struct spoe_bytes spoe_cursor_bytes(struct spoe_cursor *cursor, uint64_t length)
{
    if (length > spoe_cursor_left(cursor)) {
        spoe_cursor_fail(cursor);
        return (struct spoe_bytes){NULL, 0};
    }
    struct spoe_bytes bytes = {cursor->at, (size_t)length};
    if (length > 0) {
        cursor->at += length;
    }
    return bytes;
}

/* SPOE 3.1 STRING and BINARY: a length, then that many bytes. */
static inline struct spoe_bytes spoe_cursor_string(struct spoe_cursor *cursor)
{
    return spoe_cursor_bytes(cursor, spoe_cursor_varint(cursor));
}

/*
 * A value with its type byte. Members its type does not name are zeroed. Reserved types (10 to 15)
 * fail the cursor, since their length is not known. What a failed cursor gives must not be used.
 */
static inline void spoe_cursor_value(struct spoe_cursor *cursor, struct spoe_value *value)
{
    uint8_t head = spoe_cursor_u8(cursor);

    value->type = head & SPOE_TYPE_MASK;
    value->boolean = false;
    value->number = 0;
    value->bytes = (struct spoe_bytes){NULL, 0};
    switch (value->type) {
    case SPOE_NULL:
        break;
    case SPOE_BOOL:
        value->boolean = (head & SPOE_FLAG_TRUE) != 0;
        break;
    case SPOE_INT32:
    case SPOE_UINT32:
    case SPOE_INT64:
    case SPOE_UINT64:
        value->number = spoe_cursor_varint(cursor);
        break;
    case SPOE_IPV4:
        value->bytes = spoe_cursor_bytes(cursor, SPOE_IPV4_BYTES);
        break;
    case SPOE_IPV6:
        value->bytes = spoe_cursor_bytes(cursor, SPOE_IPV6_BYTES);
        break;
    case SPOE_STRING:
    case SPOE_BINARY:
        value->bytes = spoe_cursor_string(cursor);
        break;
    default:
        spoe_cursor_fail(cursor);
        break;
    }
}

#endif
