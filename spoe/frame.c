#include "spoe/frame.h"

#include "spoe/cursor.h"

bool spoe_frame_parse(struct spoe_bytes bytes, struct spoe_frame *frame)
{
    struct spoe_cursor cursor = spoe_cursor_over(bytes);

    frame->type = spoe_cursor_u8(&cursor);
    frame->flags = spoe_cursor_u32(&cursor);
    frame->stream_id = spoe_cursor_varint(&cursor);
    frame->frame_id = spoe_cursor_varint(&cursor);
    frame->payload = spoe_cursor_bytes(&cursor, spoe_cursor_left(&cursor));
    return !cursor.is_failed;
}

void spoe_frame_begin(struct spoe_writer *writer, enum spoe_frame_type type, uint64_t stream_id,
                      uint64_t frame_id)
{
    spoe_writer_u32(writer, 0);
    spoe_writer_u8(writer, (uint8_t)type);
    spoe_writer_u32(writer, SPOE_FLAG_FIN);
    spoe_writer_varint(writer, stream_id);
    spoe_writer_varint(writer, frame_id);
}

size_t spoe_frame_end(uint8_t *begin, const uint8_t *end)
{
    size_t size = (size_t)(end - begin);
    struct spoe_writer writer = {.at = begin, .end = begin + SPOE_LENGTH_BYTES};

    spoe_writer_u32(&writer, (uint32_t)(size - SPOE_LENGTH_BYTES));
    return size;
}
