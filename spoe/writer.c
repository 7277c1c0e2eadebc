#include "spoe/writer.h"

void spoe_writer_long_varint(struct spoe_writer *writer, uint64_t value)
{
    uint8_t bytes[SPOE_VARINT_BYTES_MAX];
    size_t length = spoe_varint_write(value, bytes);

    spoe_writer_bytes(writer, (struct spoe_bytes){bytes, length});
}
