/*
 * Writing wire data: the cursor's counterpart. Write everything, check once: after the first piece
 * that does not fit nothing more is written and the writer stays failed.
 *
 * Never writes at or after `end`.
 */
#ifndef SPOE_WRITER_H
#define SPOE_WRITER_H

#include <string.h>

#include "spoe/value.h"
#include "spoe/varint.h"

struct spoe_writer {
    uint8_t *at;
    uint8_t *end;
    bool is_failed;
};

/* Stands at its end when it failed, as the cursor does. */
static inline void spoe_writer_fail(struct spoe_writer *writer)
{
    writer->at = writer->end;
    writer->is_failed = true;
}

static inline void spoe_writer_u8(struct spoe_writer *writer, uint8_t value)
{
    if (writer->at == writer->end) {
        spoe_writer_fail(writer);
        return;
    }
    *writer->at++ = value;
}

/* Big endian. */
static inline void spoe_writer_u32(struct spoe_writer *writer, uint32_t value)
{
    spoe_writer_u8(writer, (uint8_t)(value >> 24));
    spoe_writer_u8(writer, (uint8_t)(value >> 16));
    spoe_writer_u8(writer, (uint8_t)(value >> 8));
    spoe_writer_u8(writer, (uint8_t)value);
}

/* An integer of two bytes or more; spoe_writer_varint() is the one to call. */
void spoe_writer_long_varint(struct spoe_writer *writer, uint64_t value);

static inline void spoe_writer_varint(struct spoe_writer *writer, uint64_t value)
{
    if (value < SPOE_VARINT_ONE_BYTE) {
        spoe_writer_u8(writer, (uint8_t)value);
        return;
    }
    spoe_writer_long_varint(writer, value);
}

/* bytes.data may be NULL where length is 0. */
static inline void spoe_writer_bytes(struct spoe_writer *writer, struct spoe_bytes bytes)
{
    if (bytes.length > (size_t)(writer->end - writer->at)) {
        spoe_writer_fail(writer);
        return;
    }
    if (bytes.length > 0) {
        memcpy(writer->at, bytes.data, bytes.length);
        writer->at += bytes.length;
    }
}

/* SPOE 3.1 STRING and BINARY: the length, then the bytes. */
static inline void spoe_writer_string(struct spoe_writer *writer, struct spoe_bytes bytes)
{
    spoe_writer_varint(writer, bytes.length);
    spoe_writer_bytes(writer, bytes);
}

#endif
