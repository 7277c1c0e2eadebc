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

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Digits without the padding; SIZE_MAX where padding or alphabet are wrong. */
static size_t base64_digits(struct str text)
{
    size_t count = text.len;

    if (text.len % 4 != 0) {
        return SIZE_MAX;
    }
    for (int pad = 0; pad < 2 && count > 0 && text.ptr[count - 1] == '='; pad++) {
        count--;
    }
    for (size_t i = 0; i < count; i++) {
        if (base64_value(text.ptr[i]) < 0) {
            return SIZE_MAX;
        }
    }
    return count;
}

/* A final group of two or three digits has four or two bits that carry nothing. */
static bool has_spare_bits(struct str text, size_t digits)
{
    static const int spare[] = {0, 0, 15, 3};

    return digits > 0 && (base64_value(text.ptr[digits - 1]) & spare[digits % 4]) != 0;
}

enum err enc_unbase64(struct str text, uint8_t *out, size_t capacity, size_t *length)
{
    size_t digits = base64_digits(text);
    uint32_t bits = 0;
    size_t count = 0;

    if (digits == SIZE_MAX || has_spare_bits(text, digits)) {
        return ERR_SYNTAX;
    }
    if (digits / 4 * 3 + (digits % 4 ? digits % 4 - 1 : 0) > capacity) {
        return ERR_FULL;
    }
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | (uint32_t)base64_value(text.ptr[i]);
        if (i % 4 != 0) {
            out[count++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
    }
    *length = count;
    return ERR_OK;
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
