#include "agent/ctl/audit/scan.h"

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
    SLOT_TRUNCATED,
    SLOT_REDELIVERED,
    SLOT_COUNT,
    SLOT_NONE, /* a member that is not known here */
};

static const struct str names[SLOT_COUNT] = {
#define X(kind, id, member, name, bound, meaning) {name, sizeof(name) - 1},
    AUDIT_FIELDS(X)
#undef X
        [SLOT_PATH_RAW] = {"path_raw", 8},
    [SLOT_AGENT] = {"agent", 5},
    [SLOT_BOOT] = {"boot", 4},
    [SLOT_WORKER] = {"worker", 6},
    [SLOT_SEQUENCE] = {"seq", 3},
    [SLOT_TRUNCATED] = {"truncated", 9},
    [SLOT_REDELIVERED] = {"redelivered", 11},
};

/* What usually comes behind it: who wrote the line stands behind the time. */
static size_t likely_after(size_t slot)
{
    return slot == AUDIT_FIELD_TIME ? SLOT_AGENT
           : slot == SLOT_SEQUENCE  ? AUDIT_FIELD_TIME + 1
           : slot < SLOT_TRUNCATED  ? slot + 1
                                    : 0;
}

static size_t slot_of(struct str name, size_t likely)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        size_t slot = likely + i < SLOT_COUNT ? likely + i : likely + i - SLOT_COUNT;
        if (names[slot].len == name.len && names[slot].ptr[0] == name.ptr[0] &&
            memcmp(names[slot].ptr, name.ptr, name.len) == 0) {
            return slot;
        }
    }
    return SLOT_NONE;
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

/* Eight bytes without quote, backslash and control characters. May say no where it is so. */
static bool is_plain(const char *bytes)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = 0x80 * ones;
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    uint64_t quote = word ^ '"' * ones, slash = word ^ '\\' * ones;
    return ((((word - 0x20 * ones) & ~word) | ((quote - ones) & ~quote) |
             ((slash - ones) & ~slash)) &
            tops) == 0;
}

/* Behind the opening quote. */
static bool take_text(struct cursor *cursor, struct str *out)
{
    const char *begin = cursor->at;

    while (cursor->end - cursor->at >= 8 && is_plain(cursor->at)) {
        cursor->at += 8;
    }
    while (cursor->at < cursor->end) {
        unsigned char c = (unsigned char)*cursor->at++;
        if (c > '\\' || (c > '"' && c < '\\')) {
            continue;
        }
        if (c == '"') {
            *out = str_make(begin, (size_t)(cursor->at - 1 - begin));
            return true;
        }
        if (c < 0x20 || (c == '\\' && !take_escape(cursor))) {
            return false;
        }
    }
    return false;
}

static bool take_word(struct cursor *cursor, struct str word, struct str *out)
{
    if (!str_starts_with(str_make(cursor->at, (size_t)(cursor->end - cursor->at)), word)) {
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
    return out->len > 0;
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
    case SLOT_NONE:
        break;
    default:
        scan->values[slot] = value;
    }
}

/* All members, up to the end of the line. */
static bool take_members(struct cursor *cursor, struct scan *scan)
{
    size_t likely = AUDIT_FIELD_TIME;
    struct str name, value;

    do {
        if (!take(cursor, '"') || !take_text(cursor, &name) || !take(cursor, ':') ||
            !take_value(cursor, &value)) {
            return false;
        }
        size_t slot = slot_of(name, likely);
        put(scan, slot, value);
        likely = likely_after(slot);
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

enum scan_kind scan_line(struct str line, struct scan *out)
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
    bool is_whole = take(&cursor, ',') && take_members(&cursor, out) && read_count(out);
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
