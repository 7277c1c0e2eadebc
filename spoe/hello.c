#include "spoe/hello.h"

#include "spoe/frame.h"
#include "spoe/kvlist.h"
#include "spoe/session.h"

enum key { VERSIONS, MAX_FRAME_SIZE, CAPABILITIES, ENGINE_ID, HEALTHCHECK, KEY_COUNT };

enum kind { KIND_STRING, KIND_INTEGER, KIND_BOOL };

static const struct {
    const char *name;
    enum kind kind;
} keys[KEY_COUNT] = {
    [VERSIONS] = {"supported-versions", KIND_STRING},
    [MAX_FRAME_SIZE] = {"max-frame-size", KIND_INTEGER},
    [CAPABILITIES] = {"capabilities", KIND_STRING},
    [ENGINE_ID] = {"engine-id", KIND_STRING},
    [HEALTHCHECK] = {"healthcheck", KIND_BOOL},
};

/* What was read, by key. SPOE_NULL: not there. */
struct offer {
    struct spoe_value values[KEY_COUNT];
};

static bool has_kind(const struct spoe_value *value, enum kind kind)
{
    switch (kind) {
    case KIND_STRING:
        return value->type == SPOE_STRING;
    case KIND_INTEGER:
        return spoe_value_is_integer(value);
    case KIND_BOOL:
        return value->type == SPOE_BOOL;
    }
    return false;
}

static bool take_pair(struct offer *offer, const struct spoe_pair *pair, const char **fault)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!spoe_bytes_equal(pair->key, keys[i].name)) {
            continue;
        }
        if (!has_kind(&pair->value, keys[i].kind)) {
            *fault = "HELLO: a key has the wrong type";
            return false;
        }
        if (offer->values[i].type != SPOE_NULL) {
            *fault = "HELLO: a key comes twice";
            return false;
        }
        offer->values[i] = pair->value;
    }
    return true;
}

static bool read_offer(struct spoe_bytes payload, struct offer *offer, const char **fault)
{
    struct spoe_cursor cursor = spoe_cursor_over(payload);
    struct spoe_pair pair;

    *offer = (struct offer){0};
    while (spoe_kvlist_next(&cursor, &pair)) {
        if (!take_pair(offer, &pair, fault)) {
            return false;
        }
    }
    if (cursor.is_failed) {
        *fault = "HELLO: malformed list of keys";
        return false;
    }
    return true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static struct spoe_bytes trimmed(struct spoe_bytes bytes)
{
    while (bytes.length > 0 && is_blank(bytes.data[0])) {
        bytes.data++;
        bytes.length--;
    }
    while (bytes.length > 0 && is_blank(bytes.data[bytes.length - 1])) {
        bytes.length--;
    }
    return bytes;
}

typedef bool item_fn(struct spoe_bytes item);

/* Whether a comma-separated list has an item that `matches`, blanks around it aside. */
static bool list_has(struct spoe_bytes list, item_fn *matches)
{
    size_t begin = 0;

    for (size_t i = 0; i <= list.length; i++) {
        if (i < list.length && list.data[i] != ',') {
            continue;
        }
        if (i > begin && matches(trimmed((struct spoe_bytes){list.data + begin, i - begin}))) {
            return true;
        }
        begin = i + 1;
    }
    return false;
}

static bool is_version_2(struct spoe_bytes item)
{
    if (item.length < 3 || memcmp(item.data, "2.", 2) != 0) {
        return false;
    }
    for (size_t i = 2; i < item.length; i++) {
        if (item.data[i] < '0' || item.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool is_pipelining(struct spoe_bytes item)
{
    return spoe_bytes_equal(item, "pipelining");
}

static enum spoe_status refuse(enum spoe_status status, const char *text, const char **fault)
{
    *fault = text;
    return status;
}

/* A negative size is not a very large one. */
static bool is_negative(const struct spoe_value *value)
{
    return (value->type == SPOE_INT32 || value->type == SPOE_INT64) && (int64_t)value->number < 0;
}

static enum spoe_status judge(const struct offer *offer, const char **fault)
{
    const struct spoe_value *size = &offer->values[MAX_FRAME_SIZE];

    if (offer->values[VERSIONS].type == SPOE_NULL) {
        return refuse(SPOE_STATUS_NO_VERSION, "HELLO: no supported-versions", fault);
    }
    if (size->type == SPOE_NULL) {
        return refuse(SPOE_STATUS_NO_MAX_FRAME_SIZE, "HELLO: no max-frame-size", fault);
    }
    if (offer->values[CAPABILITIES].type == SPOE_NULL) {
        return refuse(SPOE_STATUS_NO_CAPABILITIES, "HELLO: no capabilities", fault);
    }
    if (!list_has(offer->values[VERSIONS].bytes, is_version_2)) {
        return refuse(SPOE_STATUS_BAD_VERSION, "HELLO: no version 2 offered", fault);
    }
    if (size->number < SPOE_MAX_FRAME_SIZE_MIN || is_negative(size)) {
        return refuse(SPOE_STATUS_BAD_MAX_FRAME_SIZE, "HELLO: max-frame-size too small", fault);
    }
    return SPOE_STATUS_NORMAL;
}

enum spoe_status spoe_hello_parse(struct spoe_bytes payload, struct spoe_hello *out,
                                  const char **fault)
{
    struct offer offer;

    if (!read_offer(payload, &offer, fault)) {
        return SPOE_STATUS_INVALID_FRAME;
    }
    enum spoe_status status = judge(&offer, fault);
    if (status == SPOE_STATUS_NORMAL) {
        *out = (struct spoe_hello){
            .max_frame_size = offer.values[MAX_FRAME_SIZE].number,
            .is_pipelined = list_has(offer.values[CAPABILITIES].bytes, is_pipelining),
            .is_check = offer.values[HEALTHCHECK].boolean,
            .engine_id = offer.values[ENGINE_ID].bytes,
        };
    }
    return status;
}

size_t spoe_hello_write(uint32_t max_frame_size, bool is_pipelined, uint8_t *out, size_t room)
{
    struct spoe_writer writer = {.at = out, .end = out + room};

    spoe_frame_begin(&writer, SPOE_FRAME_AGENT_HELLO, 0, 0);
    spoe_kvlist_put_string(&writer, "version", "2.0");
    spoe_kvlist_put_uint32(&writer, "max-frame-size", max_frame_size);
    spoe_kvlist_put_string(&writer, "capabilities", is_pipelined ? "pipelining" : "");
    return writer.is_failed ? 0 : spoe_frame_end(out, writer.at);
}
