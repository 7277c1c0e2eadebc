#include "agent/directory/record.h"

static const struct {
    struct str before;
    struct str after;
} frames[RECORD_KIND_COUNT] = {
    [RECORD_KEY] = {{"key:", 4}, {"", 0}},     [RECORD_USER] = {{"user:{", 6}, {"}", 1}},
    [RECORD_TEAM] = {{"team:", 5}, {"", 0}},   [RECORD_ROLE] = {{"role:", 5}, {"", 0}},
    [RECORD_LIMIT] = {{"limit:", 6}, {"", 0}},
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
