/*
 * DISCONNECT (SPOE 3.2.8, 3.2.9): why a side leaves. Read leniently, since the answer is the same
 * whatever stands in it; written with the codes of status.h only.
 */
#ifndef SPOE_DISCONNECT_H
#define SPOE_DISCONNECT_H

#include "spoe/status.h"
#include "spoe/value.h"

struct spoe_disconnect {
    uint64_t status;           /* any value; 99 where none could be read */
    struct spoe_bytes message; /* any bytes; empty where none could be read */
};

/* Never fails: what does not parse is as if it were not there. */
void spoe_disconnect_parse(struct spoe_bytes payload, struct spoe_disconnect *out);

/* What may be sent is 0, 2 to 13, and 99 for everything else. */
enum spoe_status spoe_disconnect_sendable(enum spoe_status status);

/* AGENT-DISCONNECT with spoe_disconnect_sendable(status) and its text. Gives the frame's size, 0
 * when `room` is too small. Always below SPOE_MAX_FRAME_SIZE_MIN. */
size_t spoe_disconnect_write(enum spoe_status status, uint8_t *out, size_t room);

#endif
