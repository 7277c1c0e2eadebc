#include "tests/unit/audit/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_MAX 64

struct reader {
    const unsigned char *at, *end;
    bool is_bad;
};

static bool accept(struct reader *reader, char c)
{
    if (reader->at < reader->end && *reader->at == (unsigned char)c) {
        reader->at++;
        return true;
    }
    return false;
}

static void expect(struct reader *reader, char c)
{
    reader->is_bad |= !accept(reader, c);
}

static uint32_t read_hex4(struct reader *reader)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        unsigned c = reader->at < reader->end ? *reader->at++ : 0;

        if (c >= '0' && c <= '9') {
            value = value * 16 + (c - '0');
        } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
            value = value * 16 + ((c | 32) - 'a' + 10);
        } else {
            reader->is_bad = true;
        }
    }
    return value;
}

static size_t encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

static size_t read_escape(struct reader *reader, char out[4])
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    unsigned char c = reader->at < reader->end ? *reader->at++ : 0;
    const char *found = c ? strchr(from, c) : NULL;

    if (c == 'u') {
        uint32_t code = read_hex4(reader);
        reader->is_bad |= code >= 0xd800 && code <= 0xdfff; /* pairs are never written */
        return encode(code, out);
    }
    reader->is_bad |= !found;
    out[0] = found ? to[found - from] : '?';
    return 1;
}

/* Length of the UTF-8 sequence, by decoding and comparing with the shortest form. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = p[0] < 0x80         ? 1
                    : (p[0] >> 5) == 6  ? 2
                    : (p[0] >> 4) == 14 ? 3
                    : (p[0] >> 3) == 30 ? 4
                                        : 0;
    if (length < 2 || length > left) {
        return length > left ? 0 : length;
    }
    uint32_t code = p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (p[i] >> 6 != 2) {
            return 0;
        }
        code = code << 6 | (p[i] & 0x3f);
    }
    bool is_valid = code >= least[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return is_valid ? length : 0;
}

static void read_string(struct reader *reader, char *out, size_t capacity)
{
    size_t used = 0;
    char piece[4];

    expect(reader, '"');
    while (!reader->is_bad && reader->at < reader->end && *reader->at != '"') {
        size_t length;

        if (*reader->at < 0x20) {
            reader->is_bad = true;
            return;
        }
        if (accept(reader, '\\')) {
            length = read_escape(reader, piece);
        } else {
            length = utf8_length(reader->at, (size_t)(reader->end - reader->at));
            reader->is_bad |= length == 0;
            memcpy(piece, reader->at, length);
            reader->at += length;
        }
        if (out && used + length < capacity) {
            memcpy(out + used, piece, length);
            used += length;
        }
    }
    if (out) {
        out[used] = '\0';
    }
    expect(reader, '"');
}

static void read_word(struct reader *reader, char *out, size_t capacity)
{
    const unsigned char *begin = reader->at;
    size_t length;

    while (reader->at < reader->end && !strchr(",}]", *reader->at)) {
        reader->at++;
    }
    length = (size_t)(reader->at - begin);
    if (out && length < capacity) {
        memcpy(out, begin, length);
        out[length] = '\0';
    }
    if (length == 4 && memcmp(begin, "true", 4) == 0) {
        return;
    }
    reader->is_bad |= length == 0 || (length > 1 && begin[0] == '0');
    for (size_t i = 0; i < length; i++) {
        reader->is_bad |= begin[i] < '0' || begin[i] > '9';
    }
}

static void read_value(struct reader *reader, char *out, size_t capacity);

/* Of any values; such a member can not be had. */
static void read_array(struct reader *reader)
{
    if (accept(reader, ']')) {
        return;
    }
    do {
        read_value(reader, NULL, 0);
    } while (!reader->is_bad && accept(reader, ','));
    expect(reader, ']');
}

static void read_value(struct reader *reader, char *out, size_t capacity)
{
    if (accept(reader, '[')) {
        read_array(reader);
    } else if (reader->at < reader->end && *reader->at == '"') {
        read_string(reader, out, capacity);
    } else {
        read_word(reader, out, capacity);
    }
}

static struct json_wanted *find_wanted(struct json_wanted *wanted, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(wanted[i].name, name) == 0) {
            wanted[i].is_found = true;
            return &wanted[i];
        }
    }
    return NULL;
}

bool json_members(const char *text, size_t length, struct json_wanted *wanted, size_t count)
{
    struct reader reader = {.at = (const unsigned char *)text,
                            .end = (const unsigned char *)text + length};
    char names[MEMBER_MAX][32];
    size_t name_count = 0;

    expect(&reader, '{');
    do {
        if (name_count == MEMBER_MAX) {
            return false;
        }
        char *name = names[name_count];
        read_string(&reader, name, sizeof(names[0]));
        expect(&reader, ':');
        struct json_wanted *found = find_wanted(wanted, count, name);
        read_value(&reader, found ? found->out : NULL, found ? found->capacity : 0);
        for (size_t i = 0; i < name_count; i++) {
            reader.is_bad |= names[i][0] == name[0] && strcmp(names[i], name) == 0;
        }
        name_count++;
    } while (!reader.is_bad && accept(&reader, ','));
    expect(&reader, '}');
    return !reader.is_bad && reader.at == reader.end;
}

bool json_is_object(const char *text, size_t length)
{
    return json_members(text, length, NULL, 0);
}

bool json_member(const char *text, size_t length, const char *name, char *out, size_t capacity)
{
    struct json_wanted wanted = {.name = name, .out = out, .capacity = capacity};

    return json_members(text, length, &wanted, 1) && wanted.is_found;
}
