#include "agent/directory/record.h"

static const struct {
    struct str before;
    struct str after;
} frames[RECORD_KIND_COUNT] = {
    [RECORD_KEY] = {{"key:", 4}, {"", 0}},     [RECORD_USER] = {{"user:{", 6}, {"}", 1}},
    [RECORD_TEAM] = {{"team:", 5}, {"", 0}},   [RECORD_ROLE] = {{"role:", 5}, {"", 0}},
    [RECORD_LIMIT] = {{"limit:", 6}, {"", 0}}, [RECORD_REVOKED] = {{"revoked:", 8}, {"", 0}},
    [RECORD_CERT] = {{"cert:", 5}, {"", 0}},
};

struct writer {
    char *out;
    size_t capacity;
    size_t length;
    bool is_full;
};

static void put(struct writer *writer, struct str text)
{
    if (text.len > writer->capacity - writer->length) {
        writer->is_full = true;
        return;
    }
    if (text.len > 0) {
        memcpy(writer->out + writer->length, text.ptr, text.len);
        writer->length += text.len;
    }
}

static void put_escaped(struct writer *writer, struct str name)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < name.len; i++) {
        struct str byte = str_make(name.ptr + i, 1);
        unsigned char value = (unsigned char)name.ptr[i];
        char escape[3] = {'%', digits[value >> 4], digits[value & 15]};
        put(writer, str_is_name(byte) ? byte : str_make(escape, sizeof(escape)));
    }
}

size_t record_key(enum record_kind kind, struct str prefix, struct str name, char *out,
                  size_t capacity)
{
    struct writer writer = {.out = out, .capacity = capacity};

    put(&writer, prefix);
    put(&writer, frames[kind].before);
    put_escaped(&writer, name);
    put(&writer, frames[kind].after);
    return writer.is_full ? 0 : writer.length;
}

size_t record_key_name(struct str name, char *out, size_t capacity)
{
    struct writer writer = {.out = out, .capacity = capacity};

    put_escaped(&writer, name);
    return writer.is_full ? 0 : writer.length;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Gives the bytes that `text` begins with: one, or an escape. 0: a broken escape. */
static size_t read_escaped(struct str text, char *out)
{
    if (text.ptr[0] != '%') {
        *out = text.ptr[0];
        return 1;
    }
    int high = text.len > 2 ? hex_value(text.ptr[1]) : -1;
    int low = text.len > 2 ? hex_value(text.ptr[2]) : -1;
    if (high < 0 || low < 0) {
        return 0;
    }
    *out = (char)(high << 4 | low);
    return 3;
}

static bool read_name(struct str text, char *out, size_t capacity, struct str *name)
{
    size_t length = 0;

    while (text.len > 0) {
        size_t taken = length < capacity ? read_escaped(text, out + length) : 0;
        if (taken == 0) {
            return false;
        }
        text = str_skip(text, taken);
        length++;
    }
    *name = str_make(out, length);
    return length > 0;
}

bool record_key_read(struct str prefix, struct str key, enum record_kind *kind, char *out,
                     size_t capacity, struct str *name)
{
    if (!str_starts_with(key, prefix)) {
        return false;
    }
    struct str rest = str_skip(key, prefix.len);
    for (size_t i = 0; i < RECORD_KIND_COUNT; i++) {
        struct str before = frames[i].before, after = frames[i].after;
        if (str_starts_with(rest, before) && rest.len >= before.len + after.len &&
            str_equal(str_skip(rest, rest.len - after.len), after)) {
            *kind = (enum record_kind)i;
            return read_name(str_make(rest.ptr + before.len, rest.len - before.len - after.len),
                             out, capacity, name);
        }
    }
    return false;
}
