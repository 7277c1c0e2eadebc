#include "agent/base/crc32.h"

#include <endian.h>
#include <string.h>

/*
 * Slicing by eight: table[k][b] is what byte b, k bytes from the end of a word, adds to the
 * checksum. A CRC is linear, so each row follows from its eight powers of two, and the compiler
 * builds the table.
 */
#define BIT(b, i, x) (((b) >> (i)) & 1 ? (x) : 0u)
#define LOW(b, ...)  LOW_(b, __VA_ARGS__)
#define LOW_(b, x0, x1, x2, x3, x4, x5, x6, x7)                                                    \
    (BIT(b, 0, x0) ^ BIT(b, 1, x1) ^ BIT(b, 2, x2) ^ BIT(b, 3, x3) ^ BIT(b, 4, x4) ^               \
     BIT(b, 5, x5) ^ BIT(b, 6, x6) ^ BIT(b, 7, x7))
#define FOUR(b, ...)                                                                               \
    LOW(b, __VA_ARGS__), LOW((b) + 1, __VA_ARGS__), LOW((b) + 2, __VA_ARGS__),                     \
        LOW((b) + 3, __VA_ARGS__)
#define SIXTEEN(b, ...)                                                                            \
    FOUR(b, __VA_ARGS__), FOUR((b) + 4, __VA_ARGS__), FOUR((b) + 8, __VA_ARGS__),                  \
        FOUR((b) + 12, __VA_ARGS__)
#define SIXTY_FOUR(b, ...)                                                                         \
    SIXTEEN(b, __VA_ARGS__), SIXTEEN((b) + 16, __VA_ARGS__), SIXTEEN((b) + 32, __VA_ARGS__),       \
        SIXTEEN((b) + 48, __VA_ARGS__)
#define BYTES(...)                                                                                 \
    {                                                                                              \
        SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__), SIXTY_FOUR(128, __VA_ARGS__),     \
            SIXTY_FOUR(192, __VA_ARGS__)                                                           \
    }

static const uint32_t table[8][256] = {
    BYTES(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190,
          0xedb88320),
    BYTES(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05,
          0x3b83984b),
    BYTES(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0,
          0xe1351b80),
    BYTES(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d,
          0xed59b63b),
    BYTES(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1, 0x60e09782, 0xc1c12f04, 0x58f35849,
          0xb1e6b092),
    BYTES(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d, 0x03d6029b, 0x07ac0536, 0x0f580a6c,
          0x1eb014d8),
    BYTES(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67, 0x67de9cce, 0xcfbd399c, 0x440b7579,
          0x8816eaf2),
    BYTES(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5, 0x7cbb312b, 0xf9766256, 0x299dc2ed,
          0x533b85da),
};

static uint32_t load(const unsigned char *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return le32toh(word);
}

static uint32_t last_four(uint32_t word)
{
    return table[3][word & 0xff] ^ table[2][(word >> 8) & 0xff] ^ table[1][(word >> 16) & 0xff] ^
           table[0][word >> 24];
}

static uint32_t first_four(uint32_t word)
{
    return table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^ table[5][(word >> 16) & 0xff] ^
           table[4][word >> 24];
}

uint32_t crc32_ieee(const void *data, size_t length)
{
    const unsigned char *bytes = data;
    uint32_t crc = UINT32_MAX;

    for (; length >= 8; bytes += 8, length -= 8) {
        crc = first_four(load(bytes) ^ crc) ^ last_four(load(bytes + 4));
    }
    if (length >= 4) {
        crc = last_four(load(bytes) ^ crc);
        bytes += 4;
        length -= 4;
    }
    for (; length > 0; bytes++, length--) {
        crc = (crc >> 8) ^ table[0][(crc ^ *bytes) & 0xff];
    }
    return ~crc;
}
