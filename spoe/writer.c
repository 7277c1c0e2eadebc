#include "spoe/writer.h"

void spoe_writer_u32(struct spoe_writer *writer, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                              (uint8_t)value};

    spoe_writer_bytes(writer, (struct spoe_bytes){bytes, sizeof(bytes)});
}

void spoe_writer_long_varint(struct spoe_writer *writer, uint64_t value)
{
    uint8_t bytes[SPOE_VARINT_BYTES_MAX];
    size_t length = spoe_varint_write(value, bytes);

    spoe_writer_bytes(writer, (struct spoe_bytes){bytes, length});
}
