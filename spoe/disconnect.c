#include "spoe/disconnect.h"

#include "spoe/frame.h"
#include "spoe/kvlist.h"

void spoe_disconnect_parse(struct spoe_bytes payload, struct spoe_disconnect *out)
{
    struct spoe_cursor cursor = spoe_cursor_over(payload);
    struct spoe_pair pair;

    *out = (struct spoe_disconnect){.status = SPOE_STATUS_UNKNOWN};
    while (spoe_kvlist_next(&cursor, &pair)) {
        if (spoe_bytes_equal(pair.key, "status-code") && spoe_value_is_integer(&pair.value)) {
            out->status = pair.value.number;
        } else if (spoe_bytes_equal(pair.key, "message") && pair.value.type == SPOE_STRING) {
            out->message = pair.value.bytes;
        }
    }
}

enum spoe_status spoe_disconnect_sendable(enum spoe_status status)
{
    if (status == SPOE_STATUS_NORMAL ||
        (status >= SPOE_STATUS_TIMEOUT && status <= SPOE_STATUS_NO_RESOURCE)) {
        return status;
    }
    return SPOE_STATUS_UNKNOWN;
}

size_t spoe_disconnect_write(enum spoe_status status, uint8_t *out, size_t room)
{
    struct spoe_writer writer = {.at = out, .end = out + room};
    enum spoe_status sent = spoe_disconnect_sendable(status);

    spoe_frame_begin(&writer, SPOE_FRAME_AGENT_DISCONNECT, 0, 0);
    spoe_kvlist_put_uint32(&writer, "status-code", (uint32_t)sent);
    spoe_kvlist_put_string(&writer, "message", spoe_status_text(sent));
    return writer.is_failed ? 0 : spoe_frame_end(out, writer.at);
}
