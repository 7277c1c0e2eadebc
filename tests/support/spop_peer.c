#include "tests/support/spop_peer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct spop_out spop_out_over(void *memory, size_t capacity)
{
    return (struct spop_out){.data = memory, .capacity = capacity};
}

void spop_put_raw(struct spop_out *out, const void *bytes, size_t length)
{
    if (length > out->capacity - out->length) {
        abort();
    }
    if (length > 0) {
        memcpy(out->data + out->length, bytes, length);
    }
    out->length += length;
}

void spop_put_u8(struct spop_out *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;

    spop_put_raw(out, &byte, 1);
}

void spop_put_u32(struct spop_out *out, uint32_t value)
{
    uint32_t wire = htonl(value);

    spop_put_raw(out, &wire, sizeof(wire));
}

void spop_put_varint(struct spop_out *out, uint64_t value)
{
    if (value < 240) {
        spop_put_u8(out, (unsigned)value);
        return;
    }
    spop_put_u8(out, (unsigned)(value & 0xff) | 0xf0);
    for (value = (value - 240) >> 4; value >= 128; value = (value - 128) >> 7) {
        spop_put_u8(out, (unsigned)(value & 0xff) | 0x80);
    }
    spop_put_u8(out, (unsigned)value);
}

static void put_counted(struct spop_out *out, const void *bytes, size_t length)
{
    spop_put_varint(out, length);
    spop_put_raw(out, bytes, length);
}

void spop_put_text(struct spop_out *out, const char *text)
{
    put_counted(out, text, strlen(text));
}

void spop_put_null(struct spop_out *out, const char *name)
{
    spop_put_text(out, name);
    spop_put_u8(out, 0);
}

void spop_put_bool(struct spop_out *out, const char *name, bool value)
{
    spop_put_text(out, name);
    spop_put_u8(out, value ? 0x11 : 0x01);
}

void spop_put_integer(struct spop_out *out, const char *name, unsigned integer_type, uint64_t value)
{
    spop_put_text(out, name);
    spop_put_u8(out, integer_type);
    spop_put_varint(out, value);
}

void spop_put_int(struct spop_out *out, const char *name, int64_t value)
{
    spop_put_integer(out, name, 4, (uint64_t)value);
}

void spop_put_string_bytes(struct spop_out *out, const char *name, const void *bytes, size_t length)
{
    spop_put_text(out, name);
    spop_put_u8(out, 8);
    put_counted(out, bytes, length);
}

void spop_put_string(struct spop_out *out, const char *name, const char *value)
{
    spop_put_string_bytes(out, name, value, strlen(value));
}

void spop_put_binary(struct spop_out *out, const char *name, const void *bytes, size_t length)
{
    spop_put_text(out, name);
    spop_put_u8(out, 9);
    put_counted(out, bytes, length);
}

void spop_put_ipv4(struct spop_out *out, const char *name, const uint8_t address[static 4])
{
    spop_put_text(out, name);
    spop_put_u8(out, 6);
    spop_put_raw(out, address, 4);
}

void spop_put_ipv6(struct spop_out *out, const char *name, const uint8_t address[static 16])
{
    spop_put_text(out, name);
    spop_put_u8(out, 7);
    spop_put_raw(out, address, 16);
}

size_t spop_frame_begin(struct spop_out *out, unsigned type, uint32_t flags, uint64_t stream_id,
                        uint64_t frame_id)
{
    size_t begin = out->length;

    spop_put_u32(out, 0);
    spop_put_u8(out, type);
    spop_put_u32(out, flags);
    spop_put_varint(out, stream_id);
    spop_put_varint(out, frame_id);
    return begin;
}

void spop_frame_end(struct spop_out *out, size_t begin)
{
    uint32_t wire = htonl((uint32_t)(out->length - begin - 4));

    memcpy(out->data + begin, &wire, sizeof(wire));
}

void spop_put_message(struct spop_out *out, const char *name, unsigned arg_count)
{
    spop_put_text(out, name);
    spop_put_u8(out, arg_count);
}

const struct spop_hello spop_hello_haproxy = {
    .versions = "2.0",
    .max_frame_size = 16380,
    .capabilities = "pipelining,async",
    .engine_id = "2a2bb4d6-8a8c-4a0e-9a0d-4a1e5a8b3c6f",
};

void spop_put_hello(struct spop_out *out, const struct spop_hello *hello)
{
    size_t begin = spop_frame_begin(out, SPOP_HELLO, SPOP_FIN, 0, 0);

    if (hello->versions) {
        spop_put_string(out, "supported-versions", hello->versions);
    }
    if (hello->max_frame_size > 0) {
        spop_put_integer(out, "max-frame-size", 3, hello->max_frame_size);
    }
    if (hello->capabilities) {
        spop_put_string(out, "capabilities", hello->capabilities);
    }
    if (hello->is_check) {
        spop_put_bool(out, "healthcheck", true);
    }
    if (hello->engine_id) {
        spop_put_string(out, "engine-id", hello->engine_id);
    }
    spop_frame_end(out, begin);
}

void spop_put_check(struct spop_out *out)
{
    const struct spop_hello check = {
        .versions = "2.0", .max_frame_size = 16380, .capabilities = "", .is_check = true};

    spop_put_hello(out, &check);
}

void spop_put_disconnect(struct spop_out *out, uint64_t status, const char *message)
{
    size_t begin = spop_frame_begin(out, SPOP_DISCONNECT, SPOP_FIN, 0, 0);

    spop_put_integer(out, "status-code", 3, status);
    spop_put_string(out, "message", message);
    spop_frame_end(out, begin);
}

static void put_optional(struct spop_out *out, const char *name, const char *value)
{
    if (value) {
        spop_put_string(out, name, value);
    } else {
        spop_put_null(out, name);
    }
}

static void put_address(struct spop_out *out, const char *name, const char *address)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, address, bytes) == 1) {
        spop_put_ipv4(out, name, bytes);
    } else if (inet_pton(AF_INET6, address, bytes) == 1) {
        spop_put_ipv6(out, name, bytes);
    } else {
        abort();
    }
}

/* NULL: plain TCP, where HAProxy has none of these. */
static void put_certificate(struct spop_out *out, const struct spop_certificate *certificate)
{
    static const char *const names[] = {"c_used", "c_verify", "c_sha256", "c_dn", "c_idn"};

    if (!certificate) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            spop_put_null(out, names[i]);
        }
        return;
    }
    spop_put_bool(out, names[0], certificate->is_used);
    spop_put_int(out, names[1], certificate->verify);
    if (certificate->sha256) {
        spop_put_binary(out, names[2], certificate->sha256, 32);
    } else {
        spop_put_null(out, names[2]);
    }
    put_optional(out, names[3], certificate->subject);
    put_optional(out, names[4], certificate->issuer);
}

void spop_put_question_args(struct spop_out *out, const struct spop_question *question)
{
    spop_put_int(out, "v", 1);
    put_optional(out, "rid", question->rid);
    put_optional(out, "fe", question->frontend);
    put_address(out, "src", question->source);
    spop_put_bool(out, "tls", question->is_tls);
    put_optional(out, "method", question->method);
    put_optional(out, "path", question->path);
    put_optional(out, "host", question->host);
    spop_put_int(out, "host_n", question->host != NULL);
    put_optional(out, "authz", question->authorization);
    spop_put_int(out, "authz_n", question->authorization != NULL);
    put_optional(out, "apikey", question->apikey);
    spop_put_int(out, "apikey_n", question->apikey != NULL);
    put_certificate(out, question->certificate);
}

void spop_put_question(struct spop_out *out, uint64_t stream_id, uint64_t frame_id,
                       const struct spop_question *question)
{
    size_t begin = spop_frame_begin(out, SPOP_NOTIFY, SPOP_FIN, stream_id, frame_id);

    spop_put_message(out, "reeve-check", SPOP_QUESTION_ARGS);
    spop_put_question_args(out, question);
    spop_frame_end(out, begin);
}

static bool take(struct spop_bytes *bytes, size_t length, struct spop_bytes *taken)
{
    if (length > bytes->length) {
        return false;
    }
    *taken = (struct spop_bytes){bytes->data, length};
    bytes->data += length;
    bytes->length -= length;
    return true;
}

bool spop_get_varint(struct spop_bytes *bytes, uint64_t *value)
{
    struct spop_bytes byte;

    if (!take(bytes, 1, &byte)) {
        return false;
    }
    *value = byte.data[0];
    if (*value < 240) {
        return true;
    }
    for (unsigned shift = 4; shift < 64; shift += 7) {
        if (!take(bytes, 1, &byte)) {
            return false;
        }
        uint64_t more = (uint64_t)byte.data[0] << shift;
        if (more >> shift != byte.data[0] || *value + more < more) {
            return false;
        }
        *value += more;
        if (byte.data[0] < 128) {
            return true;
        }
    }
    return false;
}

static bool get_counted(struct spop_bytes *bytes, struct spop_bytes *value)
{
    uint64_t length;

    return spop_get_varint(bytes, &length) && take(bytes, length, value);
}

static bool get_value(struct spop_bytes *bytes, struct spop_value *value)
{
    struct spop_bytes head;

    if (!take(bytes, 1, &head)) {
        return false;
    }
    *value = (struct spop_value){.type = head.data[0] & 0x0f};
    switch (value->type) {
    case 0:
        return true;
    case 1:
        value->number = (head.data[0] & 0x10) != 0;
        return true;
    case 2:
    case 3:
    case 4:
    case 5:
        return spop_get_varint(bytes, &value->number);
    case 6:
        return take(bytes, 4, &value->bytes);
    case 7:
        return take(bytes, 16, &value->bytes);
    case 8:
    case 9:
        return get_counted(bytes, &value->bytes);
    default:
        return false;
    }
}

bool spop_get_message(struct spop_bytes *payload, struct spop_bytes *name, unsigned *arg_count)
{
    struct spop_bytes count;

    if (!get_counted(payload, name) || !take(payload, 1, &count)) {
        return false;
    }
    *arg_count = count.data[0];
    return true;
}

bool spop_get_arg(struct spop_bytes *payload, struct spop_bytes *name, struct spop_value *value)
{
    return get_counted(payload, name) && get_value(payload, value);
}

enum spop_result spop_get_frame(const uint8_t *bytes, size_t length, struct spop_frame *frame,
                                size_t *used)
{
    uint32_t wire;

    if (length < sizeof(wire)) {
        return SPOP_MORE;
    }
    memcpy(&wire, bytes, sizeof(wire));
    size_t size = ntohl(wire);
    if (length - sizeof(wire) < size) {
        return SPOP_MORE;
    }
    struct spop_bytes rest = {bytes + sizeof(wire), size};
    struct spop_bytes head;
    if (!take(&rest, 5, &head) || !spop_get_varint(&rest, &frame->stream_id) ||
        !spop_get_varint(&rest, &frame->frame_id)) {
        return SPOP_MALFORMED;
    }
    memcpy(&wire, head.data + 1, sizeof(wire));
    frame->type = head.data[0];
    frame->flags = ntohl(wire);
    frame->payload = rest;
    *used = sizeof(wire) + size;
    return SPOP_WHOLE;
}

bool spop_is_text(struct spop_bytes bytes, const char *text)
{
    return bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0;
}

bool spop_get_pair(struct spop_bytes payload, const char *key, struct spop_value *value)
{
    struct spop_bytes name;
    struct spop_value candidate;

    while (payload.length > 0) {
        if (!get_counted(&payload, &name) || !get_value(&payload, &candidate)) {
            return false;
        }
        if (spop_is_text(name, key)) {
            *value = candidate;
            return true;
        }
    }
    return false;
}

enum spop_result spop_get_action(struct spop_bytes *payload, struct spop_action *action)
{
    struct spop_bytes head;

    if (payload->length == 0) {
        return SPOP_MORE;
    }
    if (!take(payload, 3, &head) || !get_counted(payload, &action->name)) {
        return SPOP_MALFORMED;
    }
    *action =
        (struct spop_action){.type = head.data[0], .scope = head.data[2], .name = action->name};
    unsigned fields = head.data[1];
    if (action->type == 1 && fields == 3 && get_value(payload, &action->value)) {
        return SPOP_WHOLE;
    }
    return action->type == 2 && fields == 2 ? SPOP_WHOLE : SPOP_MALFORMED;
}

bool spop_get_var(const struct spop_frame *ack, const char *name, struct spop_value *value)
{
    struct spop_bytes payload = ack->payload;
    struct spop_action action;

    while (spop_get_action(&payload, &action) == SPOP_WHOLE) {
        if (action.type == 1 && action.scope == 2 && spop_is_text(action.name, name)) {
            *value = action.value;
            return true;
        }
    }
    return false;
}
