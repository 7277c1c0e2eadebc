#include "agent/fleet/fleet.h"

#define TAG_BYTES_MAX 1024 /* a user's name, escaped, is 768 at most */

static bool is_tag(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c > '~' || c == '{' || c == '}') {
            return false;
        }
    }
    return text.len > 0 && text.len <= TAG_BYTES_MAX;
}

static bool is_id(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return text.len >= FLEET_FENCE_ID_MIN && text.len <= FLEET_FENCE_ID_MAX;
}

bool fleet_read_fence(struct str prefix, struct str key, struct str *id)
{
    static const struct str begin = {"~fence:{", 8};
    struct str tag, rest;

    if (!str_starts_with(key, prefix) || !str_starts_with(str_skip(key, prefix.len), begin)) {
        return false;
    }
    rest = str_skip(key, prefix.len + begin.len);
    if (!str_cut(&rest, '}', &tag) || str_is_absent(rest) || !is_tag(tag) ||
        !str_starts_with(rest, STR(":")) || !is_id(str_skip(rest, 1))) {
        return false;
    }
    *id = str_skip(rest, 1);
    return true;
}
