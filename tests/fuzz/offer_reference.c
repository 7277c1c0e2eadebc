#include "tests/fuzz/offer_reference.h"

#include "agent/base/ensure.h"

#define DECODED_MAX 16384

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_digit(char c)
{
    const char *at = c ? strchr(base64, c) : NULL;

    return at ? (int)(at - base64) : -1;
}

/* RFC 4648 4: whole groups, padded, and the bits that are left over are zero. */
static bool is_base64(struct str text)
{
    size_t digits = 0;

    while (digits < text.len && base64_digit(text.ptr[digits]) >= 0) {
        digits++;
    }
    size_t pads = text.len - digits;
    int last = digits > 0 ? base64_digit(text.ptr[digits - 1]) : 0;
    for (size_t i = digits; i < text.len; i++) {
        if (text.ptr[i] != '=') {
            return false;
        }
    }
    return text.len % 4 == 0 && pads <= 2 && (last & ((1 << (2 * pads)) - 1)) == 0;
}

/* Bit by bit; the bits of a last, broken byte are dropped. */
static struct str slow_unbase64(struct str text)
{
    static char out[DECODED_MAX];
    size_t bits = 0;

    ensure(text.len <= DECODED_MAX);
    memset(out, 0, sizeof(out));
    for (size_t i = 0; i < text.len && text.ptr[i] != '='; i++) {
        for (int bit = 5; bit >= 0; bit--, bits++) {
            out[bits / 8] |= (char)(((base64_digit(text.ptr[i]) >> bit) & 1) << (7 - bits % 8));
        }
    }
    return str_make(out, bits / 8);
}

static bool is_refused(const struct offer_reference *finding)
{
    return finding->reason != REASON_OK;
}

static void offer(struct offer_reference *finding, unsigned accept, unsigned kind, struct str text)
{
    if (!(accept & kind)) {
        return;
    }
    if (finding->kind != CREDENTIAL_NONE) {
        finding->reason = REASON_BAD_REQUEST;
    }
    finding->kind = kind;
    finding->text = text;
}

static void offer_basic(struct offer_reference *finding, unsigned accept, struct str encoded)
{
    if (!(accept & (CREDENTIAL_APIKEY | CREDENTIAL_BASIC))) {
        return;
    }
    struct str pair = slow_unbase64(encoded);
    const char *colon = memchr(pair.ptr, ':', pair.len);
    if (!is_base64(encoded) || pair.len > OFFER_BASIC_BYTES_MAX || !colon) {
        finding->reason = REASON_BAD_CREDENTIAL;
        return;
    }
    struct str password = str_skip(pair, (size_t)(colon + 1 - pair.ptr));
    bool is_a_key = password.len >= 3 && memcmp(password.ptr, "rv_", 3) == 0;
    offer(finding, accept, is_a_key ? CREDENTIAL_APIKEY : CREDENTIAL_BASIC,
          is_a_key ? password : pair);
}

static void offer_authorization(struct offer_reference *finding, unsigned accept, struct str value)
{
    size_t scheme = 0;

    while (scheme < value.len && value.ptr[scheme] != ' ') {
        scheme++;
    }
    size_t begin = scheme;
    while (begin < value.len && value.ptr[begin] == ' ') {
        begin++;
    }
    struct str rest = str_skip(value, begin);
    if (scheme == 6 && strncasecmp(value.ptr, "bearer", 6) == 0) {
        bool is_a_key = rest.len >= 3 && memcmp(rest.ptr, "rv_", 3) == 0;
        offer(finding, accept, is_a_key ? CREDENTIAL_APIKEY : CREDENTIAL_JWT, rest);
    } else if (scheme == 5 && strncasecmp(value.ptr, "basic", 5) == 0) {
        offer_basic(finding, accept, rest);
    }
}

static void refuse_unless_clear(struct offer_reference *finding, struct str value, int64_t count)
{
    bool is_clear = str_is_absent(value) ? count <= 0 : count == 1;

    if (!is_refused(finding) && !is_clear) {
        finding->reason = REASON_BAD_REQUEST;
    }
}

struct offer_reference offer_reference(const struct request *request, unsigned accept)
{
    struct offer_reference finding = {REASON_OK, CREDENTIAL_NONE, STR_ABSENT};

    if (accept & CREDENTIAL_APIKEY) {
        refuse_unless_clear(&finding, request->apikey, request->apikey_count);
    }
    if (!is_refused(&finding) && !str_is_absent(request->apikey)) {
        offer(&finding, accept, CREDENTIAL_APIKEY, request->apikey);
    }
    if (accept & (CREDENTIAL_APIKEY | CREDENTIAL_BASIC | CREDENTIAL_JWT)) {
        refuse_unless_clear(&finding, request->authorization, request->authorization_count);
    }
    if (!is_refused(&finding) && !str_is_absent(request->authorization)) {
        offer_authorization(&finding, accept, request->authorization);
    }
    if (!is_refused(&finding) && request->cert_used) {
        offer(&finding, accept, CREDENTIAL_CERT, request->cert_sha256);
    }
    return finding;
}
