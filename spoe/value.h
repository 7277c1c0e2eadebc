/*
 * The values of SPOP (SPOE 3.1): what an argument carries and what an action sets.
 *
 * A value borrows the bytes it was read from; nothing is copied, nothing is NUL-terminated.
 */
#ifndef SPOE_VALUE_H
#define SPOE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A slice of somebody else's bytes. */
struct spoe_bytes {
    const uint8_t *data;
    size_t length;
};

/* The wire's own numbers: the low four bits of a type byte. The others are flags. */
enum spoe_type {
    SPOE_NULL = 0,
    SPOE_BOOL = 1,
    SPOE_INT32 = 2,
    SPOE_UINT32 = 3,
    SPOE_INT64 = 4,
    SPOE_UINT64 = 5,
    SPOE_IPV4 = 6,   /* 4 bytes, network order */
    SPOE_IPV6 = 7,   /* 16 bytes, network order */
    SPOE_STRING = 8, /* any bytes, whatever the name says */
    SPOE_BINARY = 9,
};

#define SPOE_TYPE_MASK  0x0f
#define SPOE_FLAG_TRUE  0x10 /* of SPOE_BOOL */
#define SPOE_IPV4_BYTES 4
#define SPOE_IPV6_BYTES 16

struct spoe_value {
    enum spoe_type type;
    bool boolean;            /* SPOE_BOOL */
    uint64_t number;         /* the four integers; signed ones as two's complement */
    struct spoe_bytes bytes; /* SPOE_IPV4, SPOE_IPV6, SPOE_STRING, SPOE_BINARY */
};

/* SPOE_INT32 to SPOE_UINT64: which one a peer uses says little, HAProxy sends INT64 only. */
static inline bool spoe_value_is_integer(const struct spoe_value *value)
{
    return value->type >= SPOE_INT32 && value->type <= SPOE_UINT64;
}

#endif
