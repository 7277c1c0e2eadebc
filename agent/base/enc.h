/* Text encodings: hex, base64, base62, UTF-8 and JSON strings. Strict where they decode. */
#ifndef REEVE_BASE_ENC_H
#define REEVE_BASE_ENC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/err.h"
#include "agent/base/str.h"

/* Lower-case hex of `length` bytes into out[2 * length], not terminated. */
void enc_hex(const uint8_t *data, size_t length, char *out);
/* Exactly 2 * length digits, either case. False otherwise; out is untouched then. */
bool enc_unhex(struct str text, uint8_t *out, size_t length);

/* RFC 4648 section 4 with padding, no white space, spare bits zero. ERR_SYNTAX; ERR_FULL when the
 * result is longer than capacity. */
enum err enc_unbase64(struct str text, uint8_t *out, size_t capacity, size_t *length) MUST_USE;
/* The same alphabet without padding, as PHC strings have it; the same otherwise. */
enum err enc_unbase64_bare(struct str text, uint8_t *out, size_t capacity, size_t *length) MUST_USE;
/* The reverse: gives how many digits it wrote to out, which has room for ENC_BASE64_MAX(length). */
#define ENC_BASE64_MAX(length) (((length) + 2) / 3 * 4)
size_t enc_base64_bare(const uint8_t *data, size_t length, char *out);
/* RFC 4648 section 5 without padding, as JOSE has it (RFC 7515 2); the same otherwise. */
enum err enc_unbase64url(struct str text, uint8_t *out, size_t capacity, size_t *length) MUST_USE;

/* `digits` base62 digits 0-9A-Za-z, most significant first, zero-padded; not terminated. */
void enc_base62(uint64_t value, size_t digits, char *out);

/* Length in bytes (1..4) of the valid UTF-8 sequence at text[at]; 0 where there is none. */
size_t enc_utf8_length(struct str text, size_t at);
bool enc_is_utf8(struct str text);
/* U+0000-1F, U+007F, U+0080-9F; of text that is UTF-8. */
bool enc_has_control(struct str text);

/* Longest JSON form of `length` bytes, quotes not counted. */
#define ENC_JSON_MAX(length) (6 * (length))

/* The inside of a JSON string (RFC 8259), pure ASCII-safe against log viewers: escapes quotes,
 * backslash, everything below 0x20, 0x7f, U+0080-U+009F, U+2028/9 and bidirectional controls;
 * a byte that is not UTF-8 becomes \ufffd. Writes at most ENC_JSON_MAX(s.len) bytes; gives the
 * count. */
size_t enc_json(struct str s, char *out);

#endif
