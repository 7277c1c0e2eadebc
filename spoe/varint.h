/*
 * Variable-length integers (SPOE 3.1): one byte below 240, at most ten bytes for 64 bits.
 *
 *     value < 240      value
 *     otherwise        1111 low 4 bits, then (value - 240) >> 4 in groups of 7 bits, low ones
 *                      first; every group but the last has its top bit set and is lowered by 128
 *
 * The encoding is one-to-one: each value has one encoding, and what is accepted encodes to the same
 * bytes again. HAProxy's decoder has no limit of length; this one takes ten bytes and 64 bits.
 */
#ifndef SPOE_VARINT_H
#define SPOE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define SPOE_VARINT_BYTES_MAX 10
/* Below this, a value is its own encoding. */
#define SPOE_VARINT_ONE_BYTE 240

/* Reads one integer from the front of `length` bytes. Gives how many bytes it takes; 0 when it is
 * cut, longer than ten bytes or more than 64 bits, and then *value is untouched. */
size_t spoe_varint_read(const uint8_t *bytes, size_t length, uint64_t *value);

/* Gives how many bytes were written. */
size_t spoe_varint_write(uint64_t value, uint8_t out[static SPOE_VARINT_BYTES_MAX]);

#endif
