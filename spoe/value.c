#include "spoe/value.h"

#include "spoe/cursor.h"
#include "spoe/writer.h"

#define TYPE_MASK  0x0f
#define FLAG_TRUE  0x10
#define IPV4_BYTES 4
#define IPV6_BYTES 16

void spoe_value_read(struct spoe_cursor *cursor, struct spoe_value *value)
{
    uint8_t head = spoe_cursor_u8(cursor);

    *value = (struct spoe_value){.type = head & TYPE_MASK};
    switch (value->type) {
    case SPOE_NULL:
        break;
    case SPOE_BOOL:
        value->boolean = (head & FLAG_TRUE) != 0;
        break;
    case SPOE_INT32:
    case SPOE_UINT32:
    case SPOE_INT64:
    case SPOE_UINT64:
        value->number = spoe_cursor_varint(cursor);
        break;
    case SPOE_IPV4:
        value->bytes = spoe_cursor_bytes(cursor, IPV4_BYTES);
        break;
    case SPOE_IPV6:
        value->bytes = spoe_cursor_bytes(cursor, IPV6_BYTES);
        break;
    case SPOE_STRING:
    case SPOE_BINARY:
        value->bytes = spoe_cursor_string(cursor);
        break;
    default:
        spoe_cursor_fail(cursor);
        break;
    }
    if (cursor->is_failed) {
        *value = (struct spoe_value){.type = SPOE_NULL};
    }
}

static void write_address(struct spoe_writer *writer, struct spoe_bytes address, size_t length)
{
    if (address.length != length) {
        spoe_writer_fail(writer);
        return;
    }
    spoe_writer_bytes(writer, address);
}

void spoe_value_write(struct spoe_writer *writer, const struct spoe_value *value)
{
    unsigned flags = value->type == SPOE_BOOL && value->boolean ? FLAG_TRUE : 0;

    spoe_writer_u8(writer, (uint8_t)(value->type | flags));
    switch (value->type) {
    case SPOE_NULL:
    case SPOE_BOOL:
        break;
    case SPOE_INT32:
    case SPOE_UINT32:
    case SPOE_INT64:
    case SPOE_UINT64:
        spoe_writer_varint(writer, value->number);
        break;
    case SPOE_IPV4:
        write_address(writer, value->bytes, IPV4_BYTES);
        break;
    case SPOE_IPV6:
        write_address(writer, value->bytes, IPV6_BYTES);
        break;
    case SPOE_STRING:
    case SPOE_BINARY:
        spoe_writer_string(writer, value->bytes);
        break;
    }
}
