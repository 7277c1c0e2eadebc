#include "spoe/status.h"

#include <stddef.h>

/* Gaps are NULL. */
static const char *const texts[] = {
    [SPOE_STATUS_NORMAL] = "normal",
    [SPOE_STATUS_IO] = "I/O error",
    [SPOE_STATUS_TIMEOUT] = "a timeout occurred",
    [SPOE_STATUS_TOO_BIG] = "frame is too big",
    [SPOE_STATUS_INVALID_FRAME] = "invalid frame received",
    [SPOE_STATUS_NO_VERSION] = "version value not found",
    [SPOE_STATUS_NO_MAX_FRAME_SIZE] = "max-frame-size value not found",
    [SPOE_STATUS_NO_CAPABILITIES] = "capabilities value not found",
    [SPOE_STATUS_BAD_VERSION] = "unsupported version",
    [SPOE_STATUS_BAD_MAX_FRAME_SIZE] = "max-frame-size too big or too small",
    [SPOE_STATUS_NO_FRAGMENTATION] = "fragmentation not supported",
    [SPOE_STATUS_INTERLACED] = "invalid interlaced frames",
    [SPOE_STATUS_NO_FRAME_ID] = "frame-id not found",
    [SPOE_STATUS_NO_RESOURCE] = "resource allocation error",
    [SPOE_STATUS_UNKNOWN] = "an unknown error occurred",
};

const char *spoe_status_text(uint64_t code)
{
    const char *text = code < sizeof(texts) / sizeof(texts[0]) ? texts[code] : NULL;

    return text ? text : "unknown code";
}
