#include "agent/ctl/audit/scan.h"

#include <endian.h>

#include "agent/audit/line.h"

#define COUNT_MAX UINT64_C(1000000000000000)

struct cursor {
    const char *at, *end;
};

/* Where a member's value goes. */
enum {
    SLOT_PATH_RAW = AUDIT_FIELD_COUNT,
    SLOT_AGENT,
    SLOT_BOOT,
    SLOT_WORKER,
    SLOT_SEQUENCE,
    SLOT_ID,
    SLOT_TRUNCATED,
    SLOT_REDELIVERED,
    SLOT_COUNT,
    SLOT_NONE, /* a member that is not known here */
};

/* With the quotes and the colon that they have in a line. */
#define MEMBER(name)                                                                               \
    {                                                                                              \
        "\"" name "\":", sizeof(name) + 2                                                          \
    }

static const struct str members[SLOT_COUNT] = {
#define X(kind, id, member, name, bound, meaning) MEMBER(name),
    AUDIT_FIELDS(X)
#undef X
        [SLOT_PATH_RAW] = MEMBER("path_raw"),
    [SLOT_AGENT] = MEMBER("agent"),
    [SLOT_BOOT] = MEMBER("boot"),
    [SLOT_WORKER] = MEMBER("worker"),
    [SLOT_SEQUENCE] = MEMBER("seq"),
    [SLOT_ID] = MEMBER("id"),
    [SLOT_TRUNCATED] = MEMBER("truncated"),
    [SLOT_REDELIVERED] = MEMBER("redelivered"),
};

_Static_assert(SLOT_NONE < SCAN_SLOTS_MAX && SCAN_SLOTS_MAX <= 64,
               "a shape has a place for each, and a word a bit");

static bool is_at(const struct cursor *cursor, struct str text)
{
    return (size_t)(cursor->end - cursor->at) >= text.len &&
           memcmp(cursor->at, text.ptr, text.len) == 0;
}

static bool take(struct cursor *cursor, char c)
{
    if (cursor->at < cursor->end && *cursor->at == c) {
        cursor->at++;
        return true;
    }
    return false;
}

static bool is_hex4(struct cursor *cursor)
{
    for (int i = 0; i < 4; i++) {
        char c = cursor->at < cursor->end ? *cursor->at++ : '\0';
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return false;
        }
    }
    return true;
}

static bool take_escape(struct cursor *cursor)
{
    char c = cursor->at < cursor->end ? *cursor->at++ : '\0';

    return c == 'u' ? is_hex4(cursor) : c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
}

#define WORD_BYTES sizeof(uint64_t)

/* How many of eight bytes come before the first quote, backslash or control character. */
static size_t plain_bytes(const char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    word = le64toh(word);
    uint64_t quote = word ^ '"' * ones, slash = word ^ '\\' * ones;
    uint64_t found =
        (((word - 0x20 * ones) & ~word) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) &
        tops; /* a borrow may mark others, but none before the first */
    return found != 0 ? (size_t)__builtin_ctzll(found) / 8 : WORD_BYTES;
}

static void skip_plain(struct cursor *cursor)
{
    size_t count = WORD_BYTES;

    while (count == WORD_BYTES && (size_t)(cursor->end - cursor->at) >= WORD_BYTES) {
        count = plain_bytes(cursor->at);
        cursor->at += count;
    }
}

/* Behind the opening quote. */
static bool take_text(struct cursor *cursor, struct str *out)
{
    const char *begin = cursor->at;

    for (;;) {
        skip_plain(cursor);
        if (cursor->at == cursor->end) {
            return false;
        }
        unsigned char c = (unsigned char)*cursor->at++;
        if (c == '"') {
            *out = str_make(begin, (size_t)(cursor->at - 1 - begin));
            return true;
        }
        if (c < 0x20 || (c == '\\' && !take_escape(cursor))) {
            return false;
        }
    }
}

static bool take_word(struct cursor *cursor, struct str word, struct str *out)
{
    if (!is_at(cursor, word)) {
        return false;
    }
    *out = str_make(cursor->at, word.len);
    cursor->at += word.len;
    return true;
}

static bool take_number(struct cursor *cursor, struct str *out)
{
    const char *begin = cursor->at;

    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        cursor->at++;
    }
    *out = str_make(begin, (size_t)(cursor->at - begin));
    return out->len == 1 || (out->len > 1 && *begin != '0');
}

static bool take_value(struct cursor *cursor, struct str *out)
{
    if (take(cursor, '"')) {
        return take_text(cursor, out);
    }
    return take_number(cursor, out) || take_word(cursor, STR("true"), out) ||
           take_word(cursor, STR("false"), out);
}

static void put(struct scan *scan, size_t slot, struct str value)
{
    switch (slot) {
    case SLOT_PATH_RAW:
        scan->values[AUDIT_FIELD_PATH] = value;
        scan->path_is_raw = true;
        break;
    case SLOT_AGENT:
        scan->agent = value;
        break;
    case SLOT_BOOT:
        scan->boot = value;
        break;
    case SLOT_WORKER:
        scan->worker = value;
        break;
    case SLOT_SEQUENCE:
        scan->sequence = value;
        break;
    case SLOT_TRUNCATED:
        scan->is_truncated = true;
        break;
    case SLOT_REDELIVERED:
        scan->is_redelivered = true;
        break;
    case SLOT_ID:
    case SLOT_NONE:
        break;
    default:
        scan->values[slot] = value;
    }
}

/* A member's name and its colon: what came behind `before` in the last line is asked first. */
static bool take_name(struct cursor *cursor, struct scan_shape *shape, size_t before, size_t *slot)
{
    struct str name;

    *slot = shape->after[before];
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        if (is_at(cursor, members[*slot])) {
            cursor->at += members[*slot].len;
            shape->after[before] = (uint8_t)*slot;
            return true;
        }
        *slot = *slot + 1 < SLOT_COUNT ? *slot + 1 : 0;
    }
    *slot = SLOT_NONE;
    return take(cursor, '"') && take_text(cursor, &name) && !memchr(name.ptr, '\\', name.len) &&
           take(cursor, ':');
}

/* Readers differ in which of two they take. */
static bool is_second(uint64_t *seen, size_t slot)
{
    uint64_t bit = UINT64_C(1) << (slot == SLOT_PATH_RAW ? AUDIT_FIELD_PATH : slot);
    bool is_seen = slot != SLOT_NONE && (*seen & bit);

    *seen |= bit;
    return is_seen;
}

/* All members, up to the end of the line. */
static bool take_members(struct cursor *cursor, struct scan_shape *shape, struct scan *scan)
{
    uint64_t seen = UINT64_C(1) << AUDIT_FIELD_TYPE;
    size_t slot = AUDIT_FIELD_TYPE;
    struct str value;

    do {
        if (!take_name(cursor, shape, slot, &slot) || is_second(&seen, slot) ||
            !take_value(cursor, &value)) {
            return false;
        }
        put(scan, slot, value);
    } while (take(cursor, ','));
    return take(cursor, '}') && cursor->at == cursor->end;
}

static enum scan_kind kind_of(struct str type)
{
    if (str_equal(type, STR("decision")) || str_equal(type, STR("count"))) {
        return SCAN_RECORD;
    }
    if (str_equal(type, STR("superseded"))) {
        return SCAN_SUPERSEDED;
    }
    return str_equal(type, STR("audit_gap")) ? SCAN_GAP : SCAN_OTHER;
}

static bool read_count(struct scan *scan)
{
    struct str digits = scan->values[AUDIT_FIELD_REQUESTS];

    scan->count = 1;
    return str_is_absent(digits) || str_to_uint64(digits, COUNT_MAX, &scan->count);
}

/* The parts of "2024-05-06T07:08:09.123456Z". */
static const struct {
    uint8_t digits, bits;
    uint32_t max;
    char end;
} time_parts[] = {
    {4, 14, 9999, '-'}, {2, 4, 12, '-'}, {2, 5, 31, 'T'},      {2, 5, 23, ':'},
    {2, 6, 59, ':'},    {2, 6, 60, '.'}, {6, 20, 999999, 'Z'},
};

#define TIME_PARTS (sizeof(time_parts) / sizeof(time_parts[0]))

static bool read_time(struct str text, uint64_t *out)
{
    const char *at = text.ptr;

    *out = 0;
    if (text.len != SCAN_TIME_BYTES - 1) {
        return str_is_absent(text);
    }
    for (size_t i = 0; i < TIME_PARTS; i++) {
        uint32_t value = 0;

        for (unsigned digit = 0; digit < time_parts[i].digits; digit++, at++) {
            if (*at < '0' || *at > '9') {
                return false;
            }
            value = 10 * value + (uint32_t)(*at - '0');
        }
        if (value > time_parts[i].max || *at++ != time_parts[i].end) {
            return false;
        }
        *out = *out << time_parts[i].bits | value;
    }
    return true;
}

static bool read_times(struct scan *scan)
{
    const struct str *values = scan->values;
    uint64_t time;

    if (!read_time(values[AUDIT_FIELD_TIME], &time) ||
        !read_time(values[AUDIT_FIELD_FIRST], &scan->first) ||
        !read_time(values[AUDIT_FIELD_LAST], &scan->last)) {
        return false;
    }
    scan->first = scan->first > 0 ? scan->first : time;
    scan->last = scan->last > 0 ? scan->last : time;
    return true;
}

const char *scan_time_text(uint64_t time, char out[SCAN_TIME_BYTES])
{
    size_t at = time > 0 ? SCAN_TIME_BYTES - 1 : 0;

    out[at] = '\0';
    for (size_t i = TIME_PARTS; i-- > 0 && at > 0;) {
        uint64_t value = time & ((UINT64_C(1) << time_parts[i].bits) - 1);

        out[--at] = time_parts[i].end;
        for (unsigned digit = 0; digit < time_parts[i].digits; digit++, value /= 10) {
            out[--at] = (char)('0' + value % 10);
        }
        time >>= time_parts[i].bits;
    }
    return out;
}

enum scan_kind scan_line(struct scan_shape *shape, struct str line, struct scan *out)
{
    const struct str begin = STR(AUDIT_LINE_BEGIN);
    struct cursor cursor = {line.ptr + begin.len, line.ptr + line.len};

    *out = (struct scan){0};
    if (!str_starts_with(line, begin) || !take_text(&cursor, &out->type)) {
        return SCAN_BROKEN;
    }
    enum scan_kind kind = kind_of(out->type);
    if (kind == SCAN_OTHER) {
        return line.ptr[line.len - 1] == '}' ? SCAN_OTHER : SCAN_BROKEN;
    }
    bool is_whole = take(&cursor, ',') && take_members(&cursor, shape, out) && read_count(out) &&
                    read_times(out);
    return is_whole && !str_is_absent(out->sequence) ? kind : SCAN_BROKEN;
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10);
}

static size_t put_code(unsigned code, char *out)
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

/* What scan_line() took: every escape is whole. */
struct str scan_unescape(struct str value, char *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    size_t length = 0;

    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\\') {
            out[length++] = value.ptr[i];
        } else if (value.ptr[++i] == 'u') {
            unsigned code = 0;
            for (int digit = 0; digit < 4; digit++) {
                code = code << 4 | hex_value(value.ptr[++i]);
            }
            length += put_code(code, out + length);
        } else {
            out[length++] = to[strchr(from, value.ptr[i]) - from];
        }
    }
    return str_make(out, length);
}
