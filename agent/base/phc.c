#include "agent/base/phc.h"

#include <stdio.h>

#include "agent/base/enc.h"

#define WORK_MAX       (UINT64_C(1) << 21)
#define SALT_BYTES_MIN 8
#define HASH_BYTES_MIN 16

#define PBKDF2_BLOCK_BYTES 32 /* RFC 8018 5.2, with SHA-256 */

#define NEW_SALT_BYTES 16
#define NEW_HASH_BYTES 32

const struct phc_cost phc_cost_default = {.scheme = PHC_SCRYPT,
                                          .scrypt = {.ln = 14, .r = 8, .p = 5}};

static const struct str schemes[PHC_SCHEME_COUNT] = {
    [PHC_SCRYPT] = {"scrypt", 6},
    [PHC_PBKDF2_SHA256] = {"pbkdf2-sha256", 13},
};

bool phc_parse_scheme(struct str text, enum phc_scheme *out)
{
    for (unsigned i = 0; i < PHC_SCHEME_COUNT; i++) {
        if (str_equal(text, schemes[i])) {
            *out = (enum phc_scheme)i;
            return true;
        }
    }
    return false;
}

/* ---- parsing ---- */

/* Cuts "ln=14" off the parameters, if that is next and in range. */
static bool take_number(struct str *rest, struct str name, uint64_t low, uint64_t high,
                        uint64_t *out)
{
    struct str part;

    return str_cut(rest, ',', &part) && str_starts_with(part, name) &&
           str_to_uint64(str_skip(part, name.len), high, out) && *out >= low;
}

static const char *parse_scrypt(struct str text, struct phc_cost *out)
{
    uint64_t ln, r, p;

    if (!take_number(&text, STR("ln="), 10, 20, &ln) || !take_number(&text, STR("r="), 2, 32, &r) ||
        !take_number(&text, STR("p="), 1, 64, &p) || !str_is_absent(text)) {
        return "scrypt: expected ln=10..20,r=2..32,p=1..64";
    }
    if ((r * p) << ln > WORK_MAX) {
        return "scrypt: r * p * 2^ln is above 2^21";
    }
    *out =
        (struct phc_cost){.scheme = PHC_SCRYPT, .scrypt = {(unsigned)ln, (unsigned)r, (unsigned)p}};
    return NULL;
}

static const char *parse_pbkdf2(struct str text, struct phc_cost *out)
{
    uint64_t iterations;

    if (!take_number(&text, STR("i="), 1000, 10000000, &iterations) || !str_is_absent(text)) {
        return "pbkdf2-sha256: expected i=1000..10000000";
    }
    *out = (struct phc_cost){.scheme = PHC_PBKDF2_SHA256, .iterations = iterations};
    return NULL;
}

const char *phc_parse_cost(enum phc_scheme scheme, struct str text, struct phc_cost *out)
{
    return scheme == PHC_SCRYPT ? parse_scrypt(text, out) : parse_pbkdf2(text, out);
}

static bool take_bytes(struct str *rest, size_t low, uint8_t *out, size_t capacity, size_t *length)
{
    struct str part;

    return str_cut(rest, '$', &part) && enc_unbase64_bare(part, out, capacity, length) == ERR_OK &&
           *length >= low;
}

const char *phc_parse(struct str text, struct phc *out)
{
    struct str part, scheme_name;
    enum phc_scheme scheme;

    if (!str_cut(&text, '$', &part) || part.len > 0 || !str_cut(&text, '$', &scheme_name) ||
        !phc_parse_scheme(scheme_name, &scheme)) {
        return "expected $scrypt$... or $pbkdf2-sha256$...";
    }
    *out = (struct phc){.salt_length = 0};
    if (!str_cut(&text, '$', &part)) {
        return "no parameters";
    }
    const char *fault = phc_parse_cost(scheme, part, &out->cost);
    if (fault) {
        return fault;
    }
    if (!take_bytes(&text, SALT_BYTES_MIN, out->salt, sizeof(out->salt), &out->salt_length)) {
        return "salt: expected 8 to 64 bytes in base64 without padding";
    }
    if (!take_bytes(&text, HASH_BYTES_MIN, out->hash, sizeof(out->hash), &out->hash_length) ||
        !str_is_absent(text)) {
        return "hash: expected 16 to 64 bytes in base64 without padding";
    }
    return NULL;
}

/* ---- hashing ---- */

/* Measured where scrypt 2^17, 8, 1 takes 414 ms and 600,000 iterations 191 ms. */
uint64_t phc_cost_us(const struct phc_cost *cost)
{
    uint64_t blocks = ((uint64_t)cost->scrypt.r * cost->scrypt.p) << cost->scrypt.ln;

    return cost->scheme == PHC_SCRYPT ? blocks * 395 / 1000 : cost->iterations * 318 / 1000;
}

const char *phc_password_fault(struct str password)
{
    if (password.len == 0) {
        return "empty";
    }
    if (password.len > PHC_PASSWORD_BYTES_MAX) {
        return "longer than 512 bytes";
    }
    if (!enc_is_utf8(password)) {
        return "not UTF-8";
    }
    return enc_has_control(password) ? "holds a control character" : NULL;
}

/* Of the hash what is computed and compared. */
static size_t judged_length(const struct phc *phc)
{
    bool has_more = phc->cost.scheme == PHC_PBKDF2_SHA256 && phc->hash_length > PBKDF2_BLOCK_BYTES;

    return has_more ? PBKDF2_BLOCK_BYTES : phc->hash_length;
}

static enum err compute(const struct phc *phc, struct str password, uint8_t *out)
{
    struct str salt = str_make((const char *)phc->salt, phc->salt_length);
    size_t length = judged_length(phc);

    return phc->cost.scheme == PHC_SCRYPT
               ? crypto_scrypt(password, salt, &phc->cost.scrypt, out, length)
               : crypto_pbkdf2(password, salt, phc->cost.iterations, out, length);
}

enum err phc_verify(const struct phc *phc, struct str password, bool *is_right)
{
    uint8_t hash[PHC_HASH_BYTES_MAX];
    enum err e = compute(phc, password, hash);

    *is_right = e == ERR_OK && crypto_equal(hash, phc->hash, judged_length(phc));
    crypto_wipe(hash, sizeof(hash));
    return e;
}

static int print_cost(const struct phc_cost *cost, char *out, size_t capacity)
{
    struct str scheme = schemes[cost->scheme];

    if (cost->scheme == PHC_SCRYPT) {
        return snprintf(out, capacity, "$%.*s$ln=%u,r=%u,p=%u$", STR_ARG(scheme), cost->scrypt.ln,
                        cost->scrypt.r, cost->scrypt.p);
    }
    return snprintf(out, capacity, "$%.*s$i=%llu$", STR_ARG(scheme),
                    (unsigned long long)cost->iterations);
}

enum err phc_make(const struct phc_cost *cost, struct str password, char out[PHC_TEXT_MAX])
{
    struct phc phc = {.cost = *cost, .salt_length = NEW_SALT_BYTES, .hash_length = NEW_HASH_BYTES};
    enum err e = crypto_random(phc.salt, phc.salt_length);

    e = e == ERR_OK ? compute(&phc, password, phc.hash) : e;
    if (e != ERR_OK) {
        return e;
    }
    char *at = out + print_cost(cost, out, PHC_TEXT_MAX);
    at += enc_base64_bare(phc.salt, phc.salt_length, at);
    *at++ = '$';
    at += enc_base64_bare(phc.hash, phc.hash_length, at);
    *at = '\0';
    crypto_wipe(&phc, sizeof(phc));
    return ERR_OK;
}
