#include "spoe/varint.h"

/* The tenth byte starts at bit 60: what it may hold above the four bits left is nothing. */
#define LAST_BYTE_SHIFT 60
#define LAST_BYTE_MAX   0x0f

size_t spoe_varint_read(const uint8_t *bytes, size_t length, uint64_t *value)
{
    if (length == 0) {
        return 0;
    }
    uint64_t sum = bytes[0];
    if (sum < SPOE_VARINT_ONE_BYTE) {
        *value = sum;
        return 1;
    }
    size_t count = length < SPOE_VARINT_BYTES_MAX ? length : SPOE_VARINT_BYTES_MAX;
    unsigned shift = 4;
    for (size_t i = 1; i < count; i++, shift += 7) {
        uint64_t byte = bytes[i];
        if (shift == LAST_BYTE_SHIFT && byte > LAST_BYTE_MAX) {
            return 0;
        }
        if (__builtin_add_overflow(sum, byte << shift, &sum)) {
            return 0;
        }
        if (byte < 0x80) {
            *value = sum;
            return i + 1;
        }
    }
    return 0;
}

size_t spoe_varint_write(uint64_t value, uint8_t out[static SPOE_VARINT_BYTES_MAX])
{
    size_t length = 0;

    if (value < SPOE_VARINT_ONE_BYTE) {
        out[0] = (uint8_t)value;
        return 1;
    }
    out[length++] = (uint8_t)(value | 0xf0);
    value = (value - 240) >> 4;
    while (value >= 0x80) {
        out[length++] = (uint8_t)(value | 0x80);
        value = (value - 0x80) >> 7;
    }
    out[length++] = (uint8_t)value;
    return length;
}
