/*
 * Aims at phc_parse(), phc_parse_cost(), enc_unbase64_bare(). F11.
 *
 * Input: the text of a record's password. Whatever comes:
 *  - it is taken exactly where a slow reference takes it;
 *  - what it may cost is within bounds;
 *  - printed again it is the same text, so that there is one spelling for each value.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/base/phc.h"

#define INPUT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the grammar of phc.h once more, slowly ---- */

/* Digits up to `stop`, which is passed; 0 is none, and what does not fit is 0 too. */
static unsigned long long number(const char **at, const char *name, char stop)
{
    unsigned long long value = 0;

    if (strncmp(*at, name, strlen(name)) != 0 || (*at)[strlen(name)] == '0') {
        return 0;
    }
    *at += strlen(name);
    while (**at >= '0' && **at <= '9' && value < 1000000000) {
        value = value * 10 + (unsigned)(*(*at)++ - '0');
    }
    if (**at != stop) {
        return 0;
    }
    (*at)++;
    return value;
}

static bool within(unsigned long long value, unsigned long long low, unsigned long long high)
{
    return value >= low && value <= high;
}

static bool takes_cost(const char **at)
{
    if (strncmp(*at, "$scrypt$", 8) == 0) {
        *at += 8;
        unsigned long long ln = number(at, "ln=", ','), r = ln ? number(at, "r=", ',') : 0,
                           p = r ? number(at, "p=", '$') : 0, work = r * p;
        if (!within(ln, 10, 20) || !within(r, 2, 32) || !within(p, 1, 64)) {
            return false;
        }
        for (unsigned i = 0; i < ln; i++) {
            work *= 2;
        }
        return work <= 2097152;
    }
    if (strncmp(*at, "$pbkdf2-sha256$", 15) == 0) {
        *at += 15;
        return within(number(at, "i=", '$'), 1000, 10000000);
    }
    return false;
}

/* Bytes that the base64 up to `stop` has, which is passed; 0: it is none. */
static size_t takes_bytes(const char **at, char stop)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned bits = 0, value = 0;
    size_t bytes = 0;

    while (**at && **at != stop) {
        const char *digit = strchr(digits, *(*at)++);
        if (!digit) {
            return 0;
        }
        value = value << 6 | (unsigned)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            value &= (1u << bits) - 1;
            bytes++;
        }
    }
    if (**at != stop || bits == 6 || value != 0) {
        return 0;
    }
    *at += stop ? 1 : 0;
    return bytes;
}

static bool reference(const char *text, size_t length)
{
    const char *at = text;

    return strlen(text) == length && takes_cost(&at) && within(takes_bytes(&at, '$'), 8, 64) &&
           within(takes_bytes(&at, '\0'), 16, 64);
}

/* ---- printing ---- */

static void check_spelling(const struct phc *phc, const char *text, size_t length)
{
    char again[PHC_TEXT_MAX];
    int head = phc->cost.scheme == PHC_SCRYPT
                   ? snprintf(again, sizeof(again), "$scrypt$ln=%u,r=%u,p=%u$", phc->cost.scrypt.ln,
                              phc->cost.scrypt.r, phc->cost.scrypt.p)
                   : snprintf(again, sizeof(again), "$pbkdf2-sha256$i=%llu$",
                              (unsigned long long)phc->cost.iterations);
    char *at = again + head;

    at += enc_base64_bare(phc->salt, phc->salt_length, at);
    *at++ = '$';
    at += enc_base64_bare(phc->hash, phc->hash_length, at);
    ensure((size_t)(at - again) == length && memcmp(again, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phc phc;

    if (size > INPUT_MAX) {
        return 0;
    }
    char *text = calloc(1, size + 1);
    ensure(text);
    memcpy(text, data, size);
    bool is_taken = phc_parse(str_make(text, size), &phc) == NULL;
    ensure(is_taken == reference(text, size));
    if (is_taken) {
        ensure(size < PHC_TEXT_MAX && phc_cost_us(&phc.cost) <= 4000000);
        check_spelling(&phc, text, size);
    }
    free(text);
    return 0;
}
