/*
 * What the first sight of a token costs, as a multiple of the bare signature check: OpenSSL's
 * EVP_DigestVerify on the same key, parsed once, in the same run.
 *
 *     token_bench [rounds]
 *
 * Rounds alternate between the two; what counts is the median. Prints one line for each algorithm;
 * exit status 1 where one is above the budget.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/jose/jwt.h"
#include "tests/support/forge.h"

#define ROUNDS     31
#define ROUNDS_MAX 999
#define CHECKS     100 /* in one round */
#define BUDGET     1.3

static const struct {
    const char *name;
    enum signature_algorithm algorithm;
    enum forge_key key;
    bool has_budget;
} cases[] = {
    {"RS256", SIGNATURE_RS256, FORGE_RSA, true},
    {"ES256", SIGNATURE_ES256, FORGE_P256, true},
    {"EdDSA", SIGNATURE_EDDSA, FORGE_ED25519, false},
};

/* An access token as issuers make them. */
static const char claims[] =
    "{\"iss\":\"https://id.example.com/realms/main\",\"aud\":[\"https://api.example.com\"],"
    "\"sub\":\"5f2d9c1e-4c6b-4f57-9d0b-0c2c5f0a7e11\",\"exp\":4000000000,\"iat\":1700000000,"
    "\"jti\":\"0b1c7c0e-51a9-4a2c-8a53-2f0f3f1f9c77\",\"scope\":\"openid orders:read "
    "orders:write\","
    "\"client_id\":\"web\",\"roles\":[\"reader\",\"writer\"]}";

struct bench {
    struct jwt_policy policy;
    struct jwt_verifier *verifier;
    struct str token;
    /* the bare check */
    EVP_PKEY *pkey;
    EVP_MD *hash;
    uint8_t signature[1024];
    size_t signature_length;
    struct str signed_text;
};

static struct str audience = {"https://api.example.com", 23};

/* OpenSSL wants ECDSA's two numbers in DER; both are less than 128 bytes. */
static void to_der(struct bench *bench)
{
    uint8_t raw[64], *at = bench->signature + 2;

    ensure(bench->signature_length == sizeof(raw));
    memcpy(raw, bench->signature, sizeof(raw));
    for (int half = 0; half < 64; half += 32) {
        size_t sign = raw[half] >> 7, skip = 0;

        while (skip < 31 && raw[half + (int)skip] == 0) {
            skip++;
        }
        sign = skip > 0 ? raw[half + (int)skip] >> 7 : sign;
        *at++ = 2;
        *at++ = (uint8_t)(32 - skip + sign);
        *at = 0;
        memcpy(at + sign, raw + half + skip, 32 - skip);
        at += 32 - skip + sign;
    }
    bench->signature_length = (size_t)(at - bench->signature);
    bench->signature[0] = 0x30;
    bench->signature[1] = (uint8_t)(bench->signature_length - 2);
}

static void open_bare(struct bench *bench, int index)
{
    char *pem = forge_public_pem(cases[index].key);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    const char *dot = strrchr(bench->token.ptr, '.');

    bench->pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    bench->hash =
        cases[index].algorithm == SIGNATURE_EDDSA ? NULL : EVP_MD_fetch(NULL, "SHA256", NULL);
    bench->signed_text = str_make(bench->token.ptr, (size_t)(dot - bench->token.ptr));
    ensure(bench->pkey &&
           enc_unbase64url(str_from_c(dot + 1), bench->signature, sizeof(bench->signature),
                           &bench->signature_length) == ERR_OK);
    if (cases[index].algorithm == SIGNATURE_ES256) {
        to_der(bench);
    }
    BIO_free(bio);
    free(pem);
}

static void open_bench(struct bench *bench, int index)
{
    char header[64], *jwk = forge_jwk(cases[index].key, ",\"kid\":\"k1\"");
    struct diag diag;

    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"k1\"}",
             cases[index].name);
    *bench = (struct bench){.policy = {.issuer = STR("https://id.example.com/realms/main"),
                                       .keys = jose_keys_new(),
                                       .algorithms = SIGNATURE_BIT(cases[index].algorithm),
                                       .types = JWS_TYPE_AT_JWT,
                                       .audiences = {&audience, 1},
                                       .user_claim = STR("sub"),
                                       .roles_claim = STR("roles")},
                            .token = str_from_c(forge_token(cases[index].key, cases[index].name,
                                                            str_from_c(header), STR(claims)))};
    ensure(bench->policy.keys &&
           jose_keys_add(bench->policy.keys, str_from_c(jwk), &diag) == ERR_OK);
    bench->verifier = jwt_verifier_new(&bench->policy, NULL, 1, JWS_BYTES_DEFAULT);
    ensure(bench->verifier);
    free(jwk);
    open_bare(bench, index);
}

static void close_bench(struct bench *bench)
{
    jwt_verifier_free(bench->verifier);
    jose_keys_unref(bench->policy.keys);
    EVP_PKEY_free(bench->pkey);
    EVP_MD_free(bench->hash);
    free((char *)(uintptr_t)bench->token.ptr);
}

static void check_token(struct bench *bench)
{
    struct jwt_identity identity;

    ensure(jwt_verify(bench->verifier, bench->token, 1700000100, STR_ABSENT, &identity) ==
           JOSE_NONE);
    ensure(str_equal(identity.roles, STR("reader,writer")));
}

static void check_bare(struct bench *bench)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    ensure(ctx &&
           EVP_DigestVerifyInit_ex(ctx, NULL, bench->hash ? "SHA256" : NULL, NULL, NULL,
                                   bench->pkey, NULL) == 1 &&
           EVP_DigestVerify(ctx, bench->signature, bench->signature_length,
                            (const uint8_t *)bench->signed_text.ptr, bench->signed_text.len) == 1);
    EVP_MD_CTX_free(ctx);
}

/* CPU time, since others may have the machine meanwhile. */
static double time_of(void (*check)(struct bench *), struct bench *bench)
{
    struct timespec begin, end;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    for (int i = 0; i < CHECKS; i++) {
        check(bench);
    }
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e6 +
            (double)(end.tv_nsec - begin.tv_nsec) / 1e3) /
           CHECKS;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static bool measure(int index, size_t rounds)
{
    double token[ROUNDS_MAX], bare[ROUNDS_MAX];
    struct bench bench;

    open_bench(&bench, index);
    (void)time_of(check_token, &bench);
    (void)time_of(check_bare, &bench);
    for (size_t i = 0; i < rounds; i++) {
        token[i] = time_of(check_token, &bench);
        bare[i] = time_of(check_bare, &bench);
    }
    close_bench(&bench);
    double ours = median(token, rounds), raw = median(bare, rounds), ratio = ours / raw;
    bool is_within = !cases[index].has_budget || ratio <= BUDGET;
    printf("%s: token %.1f us, EVP_DigestVerify %.1f us, ratio %.2f", cases[index].name, ours, raw,
           ratio);
    if (cases[index].has_budget) {
        printf(" (at most %.1f)%s", BUDGET, is_within ? "" : " FAILED");
    }
    putchar('\n');
    return is_within;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    bool is_within = true;

    if (rounds < 1 || rounds > ROUNDS_MAX || crypto_start() != ERR_OK) {
        fprintf(stderr, "usage: token_bench [rounds, 1 to %d]\n", ROUNDS_MAX);
        return 2;
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        is_within &= measure((int)i, (size_t)rounds);
    }
    crypto_stop();
    return is_within ? 0 : 1;
}
