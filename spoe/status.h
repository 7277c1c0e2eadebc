/*
 * Status codes of DISCONNECT frames (SPOE 3.5). Only these can be sent: HAProxy up to 3.0 crashes
 * on a health check answered with one of 14..98.
 */
#ifndef SPOE_STATUS_H
#define SPOE_STATUS_H

#include <stdint.h>

enum spoe_status {
    SPOE_STATUS_NORMAL = 0,
    SPOE_STATUS_IO = 1, /* from HAProxy only; never sent */
    SPOE_STATUS_TIMEOUT = 2,
    SPOE_STATUS_TOO_BIG = 3,
    SPOE_STATUS_INVALID_FRAME = 4,
    SPOE_STATUS_NO_VERSION = 5,
    SPOE_STATUS_NO_MAX_FRAME_SIZE = 6,
    SPOE_STATUS_NO_CAPABILITIES = 7,
    SPOE_STATUS_BAD_VERSION = 8,
    SPOE_STATUS_BAD_MAX_FRAME_SIZE = 9,
    SPOE_STATUS_NO_FRAGMENTATION = 10,
    SPOE_STATUS_INTERLACED = 11,
    SPOE_STATUS_NO_FRAME_ID = 12,
    SPOE_STATUS_NO_RESOURCE = 13,
    SPOE_STATUS_UNKNOWN = 99,
};

/* A short English text for any code a peer may send: "a timeout occurred", "unknown code". */
const char *spoe_status_text(uint64_t code);

#endif
