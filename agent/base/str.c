#include "agent/base/str.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool str_equal_nocase(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool str_cut(struct str *rest, char separator, struct str *part)
{
    if (str_is_absent(*rest)) {
        return false;
    }
    const char *found = rest->len ? memchr(rest->ptr, separator, rest->len) : NULL;
    if (!found) {
        *part = *rest;
        *rest = STR_ABSENT;
        return true;
    }
    size_t length = (size_t)(found - rest->ptr);
    *part = str_make(rest->ptr, length);
    *rest = str_make(found + 1, rest->len - length - 1);
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s = str_skip(s, 1);
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool str_to_uint64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0 || (s.len > 1 && s.ptr[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';

        if (digit > 9 || digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static bool is_name_char(char c)
{
    char l = lower(c);

    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '@' ||
           c == '-';
}

bool str_is_name(struct str s)
{
    if (s.len == 0 || s.len > 64) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (!is_name_char(s.ptr[i])) {
            return false;
        }
    }
    return true;
}

bool str_list_has(const struct str_list *list, struct str s)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->items[i], s)) {
            return true;
        }
    }
    return false;
}
