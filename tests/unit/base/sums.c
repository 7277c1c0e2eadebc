#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "agent/base/crc32.h"
#include "agent/base/siphash.h"
#include "tests/unit/base/suites.h"

#define LENGTH_MAX 300

static void fill(unsigned char *data, size_t length)
{
    uint32_t x = 12345;

    for (size_t i = 0; i < length; i++) {
        x = x * 1664525 + 1013904223;
        data[i] = (unsigned char)(x >> 24);
    }
}

/* The paper's key 00 01 .. 0f and message 00 01 .. 0e. */
START_TEST(siphash_64_gives_the_papers_vector)
{
    const struct siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    unsigned char message[15];

    for (unsigned i = 0; i < sizeof(message); i++) {
        message[i] = (unsigned char)i;
    }
    ck_assert_uint_eq(siphash_64(&key, message, sizeof(message)), UINT64_C(0xa129ca6149be45e5));
    ck_assert_uint_eq(siphash_64(&key, message, 0), UINT64_C(0x726fdb47dd0e0e31));
    ck_assert_uint_eq(siphash_64(&key, message, 8), UINT64_C(0x93f5f5799a932462));
}
END_TEST

/* First rows of vectors_sip128 of the reference implementation, as little-endian words. */
START_TEST(siphash_128_gives_the_reference_vectors)
{
    const struct siphash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    const unsigned char message[1] = {0};
    struct siphash_digest digest = siphash_128(&key, message, 0);

    ck_assert_uint_eq(digest.low, UINT64_C(0xe6a825ba047f81a3));
    ck_assert_uint_eq(digest.high, UINT64_C(0x930255c71472f66d));
    digest = siphash_128(&key, message, 1);
    ck_assert_uint_eq(digest.low, UINT64_C(0x44af996bd8c187da));
    ck_assert_uint_eq(digest.high, UINT64_C(0x45fc229b11597634));
}
END_TEST

static size_t openssl_siphash(EVP_MAC *mac, const unsigned char key[16], const unsigned char *data,
                              size_t length, size_t size, unsigned char *out)
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};
    size_t written = 0;

    ck_assert_int_eq(EVP_MAC_init(ctx, key, 16, params), 1);
    ck_assert_int_eq(EVP_MAC_update(ctx, data, length), 1);
    ck_assert_int_eq(EVP_MAC_final(ctx, out, &written, 16), 1);
    EVP_MAC_CTX_free(ctx);
    return written;
}

static void put_le64(unsigned char out[8], uint64_t word)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (unsigned char)(word >> (8 * i));
    }
}

START_TEST(siphash_agrees_with_openssl_at_every_length)
{
    unsigned char data[LENGTH_MAX + 1], key_bytes[16], want[16], got[16];
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    struct siphash_key key = {UINT64_C(0x123456789abcdef0), UINT64_C(0xfedcba9876543210)};

    ck_assert_ptr_nonnull(mac);
    fill(data, sizeof(data));
    put_le64(key_bytes, key.k0);
    put_le64(key_bytes + 8, key.k1);
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        const unsigned char *unaligned = data + 1;
        struct siphash_digest digest = siphash_128(&key, unaligned, length);

        put_le64(got, digest.low);
        put_le64(got + 8, digest.high);
        ck_assert_uint_eq(openssl_siphash(mac, key_bytes, unaligned, length, 16, want), 16);
        ck_assert_mem_eq(got, want, 16);
        put_le64(got, siphash_64(&key, unaligned, length));
        ck_assert_uint_eq(openssl_siphash(mac, key_bytes, unaligned, length, 8, want), 8);
        ck_assert_mem_eq(got, want, 8);
    }
    EVP_MAC_free(mac);
}
END_TEST

START_TEST(crc32_gives_the_check_value)
{
    ck_assert_uint_eq(crc32_ieee("123456789", 9), 0xCBF43926u);
    ck_assert_uint_eq(crc32_ieee("", 0), 0);
}
END_TEST

static uint32_t slow_crc32(const unsigned char *data, size_t length)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
        }
    }
    return ~crc;
}

START_TEST(crc32_agrees_with_the_definition_at_every_length)
{
    unsigned char data[4096];

    fill(data, sizeof(data));
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        ck_assert_uint_eq(crc32_ieee(data + 1, length), slow_crc32(data + 1, length));
    }
    ck_assert_uint_eq(crc32_ieee(data, sizeof(data)), slow_crc32(data, sizeof(data)));
}
END_TEST

Suite *sums_suite(void)
{
    Suite *suite = suite_create("sums");
    TCase *tests = tcase_create("sums");

    tcase_add_test(tests, siphash_64_gives_the_papers_vector);
    tcase_add_test(tests, siphash_128_gives_the_reference_vectors);
    tcase_add_test(tests, siphash_agrees_with_openssl_at_every_length);
    tcase_add_test(tests, crc32_gives_the_check_value);
    tcase_add_test(tests, crc32_agrees_with_the_definition_at_every_length);
    suite_add_tcase(suite, tests);
    return suite;
}
