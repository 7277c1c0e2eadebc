/*
 * Aims at apikey_parse(), offer_find(), enc_unbase64(), enc_base62(), crc32_ieee().
 *
 * Input: a byte of switches, then X-API-Key, a line feed and Authorization; without a line feed
 * there is no Authorization, and an empty X-API-Key is none. Whatever comes:
 *  - an offer is what the slow reference finds;
 *  - a key is taken only if it has the form, and the checksum that a slow CRC gives.
 *
 * A checksum can not be guessed: one switch puts the right one into X-API-Key where it belongs.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/authn/apikey.h"
#include "agent/base/ensure.h"
#include "agent/request/offer.h"
#include "tests/fuzz/offer_reference.h"

#define SWITCH_SEAL      0x80u
#define SWITCH_DOUBLED   0x40u /* Authorization, told by its count */
#define SWITCH_CERT      0x20u /* one was used */
#define SWITCH_UNCOUNTED 0x10u /* X-API-Key */
#define SWITCH_ACCEPT    0x0fu /* credential kinds of the gate */

#define INPUT_MAX   4096
#define ARENA_BYTES 2048
#define CRC_AT      (APIKEY_LENGTH - APIKEY_CRC_LENGTH)

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- keys, read slowly ---- */

/* Bit by bit, as ISO 3309 has it. */
static uint32_t slow_crc(const char *text, size_t length)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < length * 8; i++) {
        uint32_t bit = ((uint32_t)(unsigned char)text[i / 8] >> (i % 8)) & 1u;
        crc = (crc >> 1) ^ (((crc ^ bit) & 1u) ? 0xedb88320u : 0u);
    }
    return ~crc;
}

static void slow_checksum(const char *text, char out[APIKEY_CRC_LENGTH])
{
    uint32_t crc = slow_crc(text, CRC_AT - 1);

    for (size_t i = APIKEY_CRC_LENGTH; i > 0; i--) {
        out[i - 1] = base62[crc % 62];
        crc /= 62;
    }
}

/* 'x' stands for a base62 digit. */
static bool has_form(struct str text)
{
    static const char form[] = "rv_xxxxxxxxxx_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx_xxxxxx";

    if (text.len != sizeof(form) - 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool fits = form[i] == 'x' ? text.ptr[i] && strchr(base62, text.ptr[i]) != NULL
                                   : text.ptr[i] == form[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool is_key(struct str text)
{
    char checksum[APIKEY_CRC_LENGTH];

    if (!has_form(text)) {
        return false;
    }
    slow_checksum(text.ptr, checksum);
    return memcmp(text.ptr + CRC_AT, checksum, sizeof(checksum)) == 0;
}

static void check_key(struct str text)
{
    struct str keyid = STR_ABSENT;
    bool is_taken = apikey_parse(text, &keyid);

    ensure(is_taken == is_key(text));
    ensure(is_taken == !str_is_absent(keyid));
    if (is_taken) {
        ensure(str_equal(keyid, str_make(text.ptr + 3, APIKEY_ID_LENGTH)));
    }
}

/* ---- offers ---- */

static void check_offer(const struct request *request, unsigned accept)
{
    static char block[ARENA_BYTES];
    const struct gate gate = {.accept = accept};
    struct offer offer = {CREDENTIAL_NONE, STR_ABSENT};
    const char *fault = NULL;
    struct arena arena;

    arena_init(&arena, block, sizeof(block));
    enum reason reason = offer_find(request, &gate, &arena, &offer, &fault);
    struct offer_reference want = offer_reference(request, accept);
    ensure(reason == want.reason && (reason == REASON_OK) == (fault == NULL));
    if (reason == REASON_OK) {
        ensure(offer.kind == want.kind && str_equal(offer.text, want.text));
        check_key(offer.text);
    }
}

/* ---- input ---- */

/* The right checksum where it belongs, so that what stands before it decides. */
static void seal(char *text, size_t length)
{
    if (length == APIKEY_LENGTH) {
        slow_checksum(text, text + CRC_AT);
    }
}

static void run(unsigned switches, char *text, size_t length)
{
    struct str rest = str_make(text, length);
    struct request request = {.apikey_count = 1};

    (void)str_cut(&rest, '\n', &request.apikey);
    if (switches & SWITCH_SEAL) {
        seal(text, request.apikey.len);
    }
    check_key(request.apikey);
    request.authorization = rest;
    request.authorization_count = str_is_absent(rest) ? 0 : (switches & SWITCH_DOUBLED) ? 2 : 1;
    request.cert_used = switches & SWITCH_CERT;
    if (request.apikey.len == 0) {
        request.apikey = STR_ABSENT;
        request.apikey_count = 0;
    }
    if (switches & SWITCH_UNCOUNTED) {
        request.apikey_count = -1;
    }
    check_offer(&request, switches & SWITCH_ACCEPT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    /* To the byte, so that a sanitizer sees what is read behind it. */
    char *text = malloc(size - 1);
    ensure(text);
    memcpy(text, data + 1, size - 1);
    run(data[0], text, size - 1);
    free(text);
    return 0;
}
