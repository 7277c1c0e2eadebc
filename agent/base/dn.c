#include "agent/base/dn.h"

/* '#', and a tag and a length of DER. */
#define DUMP_BYTES_MIN 5

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F');
}

/* What must be escaped wherever it stands. */
static bool is_special(char c)
{
    return c != '\0' && strchr(",+\"\\<>;", c);
}

static bool is_oid(struct str type)
{
    struct str part;
    size_t count = 0;

    while (str_cut(&type, '.', &part)) {
        uint64_t number;

        if (!str_to_uint64(part, UINT32_MAX, &number)) {
            return false;
        }
        count++;
    }
    return count > 1;
}

static bool is_type(struct str type)
{
    if (type.len == 0 || !is_letter(type.ptr[0])) {
        return is_oid(type);
    }
    for (size_t i = 1; i < type.len; i++) {
        if (!is_letter(type.ptr[i]) && !is_digit(type.ptr[i]) && type.ptr[i] != '-') {
            return false;
        }
    }
    return true;
}

static bool is_dump(struct str value)
{
    for (size_t i = 1; i < value.len; i++) {
        if (!is_hex(value.ptr[i])) {
            return false;
        }
    }
    return value.len >= DUMP_BYTES_MIN && value.len % 2 == 1;
}

/* Bytes that the escape at the front takes; 0: it is none that the printer writes there. */
static size_t escape_length(struct str rest, bool is_first)
{
    if (rest.len < 2) {
        return 0;
    }
    bool is_last = rest.len == 2;
    char c = rest.ptr[1];
    if (is_special(c) || (c == ' ' && (is_first || is_last)) ||
        (c == '#' && is_first && !is_last)) {
        return 2;
    }
    if (rest.len < 3 || !is_hex(c) || !is_hex(rest.ptr[2])) {
        return 0;
    }
    bool is_printable = c >= '2' && c <= '7' && !(c == '7' && rest.ptr[2] == 'F');
    return is_printable ? 0 : 3;
}

static bool is_plain(struct str rest, bool is_first)
{
    char c = rest.ptr[0];

    bool is_last = rest.len == 1;

    return c >= 0x20 && c < 0x7f && !is_special(c) && !(c == '#' && is_first && !is_last) &&
           !(c == ' ' && (is_first || is_last));
}

static bool is_value(struct str value)
{
    struct str rest = value;

    if (value.len > 1 && value.ptr[0] == '#') {
        return is_dump(value);
    }
    while (rest.len > 0) {
        bool is_first = rest.len == value.len;
        size_t taken = rest.ptr[0] == '\\' ? escape_length(rest, is_first)
                                           : (is_plain(rest, is_first) ? 1 : 0);

        if (taken == 0) {
            return false;
        }
        rest = str_skip(rest, taken);
    }
    return true;
}

/* Where the attribute ends: at a ',' or '+' that no backslash stands before. */
static size_t attribute_length(struct str rest)
{
    size_t i = 0;

    while (i < rest.len && rest.ptr[i] != ',' && rest.ptr[i] != '+') {
        i += rest.ptr[i] == '\\' ? 2 : 1;
    }
    return i < rest.len ? i : rest.len;
}

bool dn_next(struct str *rest, struct str *type, struct str *value)
{
    if (str_is_absent(*rest)) {
        return false;
    }
    size_t length = attribute_length(*rest);
    *value = str_make(rest->ptr, length);
    *rest = length < rest->len ? str_skip(*rest, length + 1) : STR_ABSENT;
    if (!str_cut(value, '=', type) || str_is_absent(*value)) {
        *value = STR_ABSENT;
    }
    return true;
}

bool dn_is_one_line(struct str dn)
{
    return dn.len > 0 && dn.ptr[0] == '/';
}

bool dn_is_valid(struct str dn)
{
    struct str type, value;

    if (dn.len == 0 || dn.len > DN_BYTES_MAX) {
        return false;
    }
    while (dn_next(&dn, &type, &value)) {
        if (str_is_absent(value) || !is_type(type) || !is_value(value)) {
            return false;
        }
    }
    return true;
}
