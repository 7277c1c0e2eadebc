/* CRC-32 (IEEE 802.3, reflected 0xEDB88320, initial and final XOR 0xFFFFFFFF): the checksum of an
 * API key. crc32_ieee("123456789") is 0xCBF43926. */
#ifndef REEVE_BASE_CRC32_H
#define REEVE_BASE_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_ieee(const void *data, size_t length);

#endif
