#include "agent/base/copy.h"
#include "agent/base/enc.h"

#define REPLACEMENT 0xfffdu

/* Sixteen bytes, looked at together; of vectors gcc and clang make what the processor has. */
typedef uint8_t block __attribute__((vector_size(16)));
typedef uint64_t words __attribute__((vector_size(16)));

#define SPACES UINT64_C(0x2020202020202020)

/* Bytes that are not plain are not zero. */
static block special(block bytes)
{
    return (block)((bytes < 0x20) | (bytes > 0x7e) | (bytes == '"') | (bytes == '\\'));
}

static bool is_zero(block bytes)
{
    words halves = (words)bytes;

    return (halves[0] | halves[1]) == 0;
}

static bool are_plain(uint64_t first, uint64_t second)
{
    return is_zero(special((block)(words){first, second}));
}

static bool is_plain_byte(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static block load_block(const char *text)
{
    block bytes;

    memcpy(&bytes, text, sizeof(bytes));
    return bytes;
}

static uint64_t load_word(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

static uint32_t load_half(const char *text)
{
    uint32_t half;

    memcpy(&half, text, sizeof(half));
    return half;
}

/* The last block may overlap the one before it. */
static bool is_long_plain(const char *text, size_t length)
{
    block found = special(load_block(text + length - sizeof(found)));

    for (size_t at = 0; at < length - sizeof(found); at += sizeof(found)) {
        found |= special(load_block(text + at));
    }
    return is_zero(found);
}

/* By both ends, which may overlap. */
static bool is_plain(const char *text, size_t length)
{
    if (length >= sizeof(block)) {
        return is_long_plain(text, length);
    }
    if (length >= sizeof(uint64_t)) {
        return are_plain(load_word(text), load_word(text + length - sizeof(uint64_t)));
    }
    if (length >= sizeof(uint32_t)) {
        uint64_t last = load_half(text + length - sizeof(uint32_t));
        return are_plain(load_half(text) | last << 32, SPACES);
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_plain_byte((unsigned char)text[i])) {
            return false;
        }
    }
    return true;
}

/* Length of the run of bytes that need no escape. */
static size_t plain_run(const char *text, size_t length)
{
    size_t run = 0;

    while (length - run >= sizeof(block) && is_zero(special(load_block(text + run)))) {
        run += sizeof(block);
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
