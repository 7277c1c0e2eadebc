#include "agent/request/host.h"

#include <arpa/inet.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* What follows the name: nothing, or a port. */
static bool is_port_suffix(struct str suffix)
{
    uint64_t port;

    if (suffix.len == 0) {
        return true;
    }
    return suffix.ptr[0] == ':' && str_to_uint64(str_skip(suffix, 1), 65535, &port) && port > 0;
}

static enum reason normalise_literal(struct str raw, char *out, struct str *host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;

    const char *close = memchr(raw.ptr, ']', raw.len);
    size_t length = close ? (size_t)(close - raw.ptr) - 1 : 0;
    if (length == 0 || length >= sizeof(text) || !is_port_suffix(str_skip(raw, length + 2))) {
        return REASON_BAD_REQUEST;
    }
    memcpy(text, raw.ptr + 1, length);
    text[length] = '\0';
    /* A NUL inside would hide what follows it. */
    if (memchr(text, '\0', length) || inet_pton(AF_INET6, text, &address) != 1 ||
        !inet_ntop(AF_INET6, &address, out + 1, INET6_ADDRSTRLEN)) {
        return REASON_BAD_REQUEST;
    }
    length = strlen(out + 1);
    out[0] = '[';
    out[length + 1] = ']';
    *host = str_make(out, length + 2);
    return REASON_OK;
}

static enum reason normalise_name(struct str raw, char *out, struct str *host)
{
    size_t length = 0;
    bool has_upper = false;

    while (length < raw.len && (is_label_byte(raw.ptr[length]) || raw.ptr[length] == '.')) {
        has_upper = has_upper || is_upper(raw.ptr[length]);
        if (raw.ptr[length] == '.' && (length == 0 || raw.ptr[length - 1] == '.')) {
            return REASON_BAD_REQUEST;
        }
        length++;
    }
    if (length == 0 || !is_port_suffix(str_skip(raw, length))) {
        return REASON_BAD_REQUEST;
    }
    if (raw.ptr[length - 1] == '.') {
        length--;
    }
    if (length > HOST_BYTES_MAX) {
        return REASON_BAD_REQUEST;
    }
    *host = str_make(raw.ptr, length);
    if (has_upper) {
        for (size_t i = 0; i < length; i++) {
            out[i] = is_upper(raw.ptr[i]) ? (char)(raw.ptr[i] | 0x20) : raw.ptr[i];
        }
        host->ptr = out;
    }
    return REASON_OK;
}

enum reason host_normalise(struct str raw, char *out, struct str *host)
{
    if (raw.len > 0 && raw.ptr[0] == '[') {
        return normalise_literal(raw, out, host);
    }
    return normalise_name(raw, out, host);
}
