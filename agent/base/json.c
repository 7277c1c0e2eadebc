#include "agent/base/copy.h"
#include "agent/base/enc.h"

#define REPLACEMENT 0xfffdu

/* Every byte of the word that `test` marks in its top bit, without looking at single bytes. */
#define EACH(byte)      (UINT64_C(0x0101010101010101) * (byte))
#define HAS_ZERO(x)     (((x)-EACH(1)) & ~(x)&EACH(0x80))
#define HAS_BYTE(x, b)  HAS_ZERO((x) ^ EACH(b))
#define HAS_BELOW(x, b) (((x)-EACH(b)) & ~(x)&EACH(0x80))

static bool is_plain_word(uint64_t word)
{
    return ((word & EACH(0x80)) | HAS_BELOW(word, 0x20) | HAS_BYTE(word, '"') |
            HAS_BYTE(word, '\\') | HAS_BYTE(word, 0x7f)) == 0;
}

static bool is_plain_byte(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static uint64_t load(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

/* A short text as a word, filled up with bytes that are plain. */
static uint64_t load_short(const char *text, size_t length)
{
    uint64_t word = EACH(' ');

    copy_bytes(&word, text, length);
    return word;
}

/* The last word may overlap the one before it. */
static bool is_plain(const char *text, size_t length)
{
    if (length < sizeof(uint64_t)) {
        return is_plain_word(load_short(text, length));
    }
    for (size_t at = 0; at < length - sizeof(uint64_t); at += sizeof(uint64_t)) {
        if (!is_plain_word(load(text + at))) {
            return false;
        }
    }
    return is_plain_word(load(text + length - sizeof(uint64_t)));
}

/* Length of the run of bytes that need no escape. */
static size_t plain_run(const char *text, size_t length)
{
    size_t run = 0;

    while (length - run >= sizeof(uint64_t) && is_plain_word(load(text + run))) {
        run += sizeof(uint64_t);
    }
    while (run < length && is_plain_byte((unsigned char)text[run])) {
        run++;
    }
    return run;
}

static bool is_line_or_bidi_control(unsigned code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static size_t escape(unsigned code, char *out)
{
    uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)code};

    out[0] = '\\';
    if (code == '"' || code == '\\') {
        out[1] = (char)code;
        return 2;
    }
    out[1] = 'u';
    enc_hex(bytes, sizeof(bytes), out + 2);
    return 6;
}

/* The code point of a valid sequence of two or three bytes; nothing longer is ever escaped. */
static unsigned decode(const char *text, size_t length)
{
    const unsigned char *p = (const unsigned char *)text;

    if (length == 2) {
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    }
    return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

static bool is_unsafe(unsigned code)
{
    return code < 0xa0 || is_line_or_bidi_control(code);
}

/* One character that is not plain; *taken says how many bytes it had. */
static size_t print_special(struct str s, size_t at, char *out, size_t *taken)
{
    size_t length = enc_utf8_length(s, at);

    *taken = length ? length : 1;
    if (length == 0) {
        return escape(REPLACEMENT, out);
    }
    if (length == 1) {
        return escape((unsigned char)s.ptr[at], out);
    }
    if (length < 4) {
        unsigned code = decode(s.ptr + at, length);

        if (is_unsafe(code)) {
            return escape(code, out);
        }
    }
    memcpy(out, s.ptr + at, length);
    return length;
}

static size_t print_mixed(struct str s, char *out)
{
    size_t at = 0, written = 0;

    while (at < s.len) {
        size_t taken = plain_run(s.ptr + at, s.len - at);

        memcpy(out + written, s.ptr + at, taken);
        at += taken;
        written += taken;
        if (at < s.len) {
            written += print_special(s, at, out + written, &taken);
            at += taken;
        }
    }
    return written;
}

/* Nearly all texts are plain. */
size_t enc_json(struct str s, char *out)
{
    if (!is_plain(s.ptr, s.len)) {
        return print_mixed(s, out);
    }
    copy_bytes(out, s.ptr, s.len);
    return s.len;
}
