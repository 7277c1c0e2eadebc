#include "agent/base/enc.h"

static const char hex_digits[] = "0123456789abcdef";

void enc_hex(const uint8_t *data, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = hex_digits[data[i] >> 4];
        out[2 * i + 1] = hex_digits[data[i] & 15];
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool enc_unhex(struct str text, uint8_t *out, size_t length)
{
    if (text.len != 2 * length) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.ptr[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(hex_value(text.ptr[2 * i]) << 4 | hex_value(text.ptr[2 * i + 1]));
    }
    return true;
}

/* What a digit stands for, and in which alphabets: RFC 4648 sections 4 and 5 differ in two. A table,
 * since the digits of a signature are as good as random and no branch on them is foreseen. */
#define PLAIN 0x40u
#define URL   0x80u
#define VALUE 0x3fu

static const uint8_t base64_digits[256] = {
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7e, 0x00, 0xbe, 0x00, 0x7f,
    0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce,
    0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0x00, 0x00, 0x00, 0x00, 0xbf,
    0x00, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8,
    0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static unsigned base64_value(struct str digits, size_t at)
{
    return base64_digits[(unsigned char)digits.ptr[at]] & VALUE;
}

static bool are_digits(unsigned alphabet, struct str text)
{
    unsigned common = alphabet;

    for (size_t i = 0; i < text.len; i++) {
        common &= base64_digits[(unsigned char)text.ptr[i]];
    }
    return common != 0;
}

/* A final group of two or three digits has four or two bits that carry nothing; there is none of
 * one digit. */
static bool ends_well(struct str digits)
{
    static const unsigned spare[] = {0, 0, 15, 3};
    size_t left = digits.len % 4;

    return left != 1 && (left == 0 || (base64_value(digits, digits.len - 1) & spare[left]) == 0);
}

static enum err decode(unsigned alphabet, struct str digits, uint8_t *out, size_t capacity,
                       size_t *length)
{
    uint32_t bits = 0;
    size_t count = 0;

    if (!are_digits(alphabet, digits) || !ends_well(digits)) {
        return ERR_SYNTAX;
    }
    if (digits.len / 4 * 3 + (digits.len % 4 ? digits.len % 4 - 1 : 0) > capacity) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < digits.len; i++) {
        bits = bits << 6 | base64_value(digits, i);
        if (i % 4 != 0) {
            out[count++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *length = count;
    return ERR_OK;
}

enum err enc_unbase64(struct str text, uint8_t *out, size_t capacity, size_t *length)
{
    if (text.len % 4 != 0) {
        return ERR_SYNTAX;
    }
    for (int pad = 0; pad < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; pad++) {
        text.len--;
    }
    return decode(PLAIN, text, out, capacity, length);
}

enum err enc_unbase64_bare(struct str text, uint8_t *out, size_t capacity, size_t *length)
{
    return decode(PLAIN, text, out, capacity, length);
}

size_t enc_base64_bare(const uint8_t *data, size_t length, char *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t digits = (length * 8 + 5) / 6;

    for (size_t i = 0; i < digits; i++) {
        size_t at = i * 6 / 8;
        unsigned pair = (unsigned)data[at] << 8 | (at + 1 < length ? data[at + 1] : 0u);
        out[i] = alphabet[pair >> (10 - i * 6 % 8) & VALUE];
    }
    return digits;
}

enum err enc_unbase64url(struct str text, uint8_t *out, size_t capacity, size_t *length)
{
    return decode(URL, text, out, capacity, length);
}

void enc_base62(uint64_t value, size_t digits, char *out)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    while (digits > 0) {
        out[--digits] = alphabet[value % 62];
        value /= 62;
    }
}

/* The Unicode standard, table 3-7: the lead byte fixes the length and the range of the second
 * byte, which rules out overlong forms, surrogates and what is above U+10FFFF. */
size_t enc_utf8_length(struct str text, size_t at)
{
    const unsigned char *p = (const unsigned char *)text.ptr + at;
    size_t left = at < text.len ? text.len - at : 0;
    unsigned char low = 0x80, high = 0xbf;
    size_t length;

    if (left == 0) {
        return 0;
    }
    if (p[0] < 0x80) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : low;
    high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : high;
    if (length > left || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool enc_is_utf8(struct str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t length = enc_utf8_length(text, at);

        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* The last of them are C2 80-9F. */
bool enc_has_control(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f ||
            (c == 0xc2 && i + 1 < text.len && (unsigned char)text.ptr[i + 1] < 0xa0)) {
            return true;
        }
    }
    return false;
}
