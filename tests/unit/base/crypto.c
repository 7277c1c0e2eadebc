#include "agent/base/crypto.h"

#include "agent/base/enc.h"
#include "tests/unit/base/suites.h"

static void assert_hash(struct crypto_hasher *hasher, const char *text, const char *want)
{
    uint8_t out[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = "";

    ck_assert_int_eq(crypto_hash(hasher, text, strlen(text), out), ERR_OK);
    enc_hex(out, sizeof(out), hex);
    ck_assert_str_eq(hex, want);
}

static void start(void)
{
    ck_assert_int_eq(crypto_start(), ERR_OK);
}

/* FIPS 180-4 examples, twice to show that the kept context starts anew. */
START_TEST(sha256_gives_the_published_values_again_and_again)
{
    struct crypto_hasher *hasher = crypto_sha256_new();

    for (int round = 0; round < 3; round++) {
        assert_hash(hasher, "abc",
                    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_hash(hasher, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
    crypto_hasher_free(hasher);
}
END_TEST

/* RFC 4231 4.3 and 4.7. */
START_TEST(hmac_gives_the_published_values_again_and_again)
{
    struct crypto_hasher *jefe = crypto_hmac_new("Jefe", 4);
    char long_key[131];

    memset(long_key, 0xaa, sizeof(long_key));
    struct crypto_hasher *large = crypto_hmac_new(long_key, sizeof(long_key));
    for (int round = 0; round < 3; round++) {
        assert_hash(jefe, "what do ya want for nothing?",
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_hash(large, "Test Using Larger Than Block-Size Key - Hash Key First",
                    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
    crypto_hasher_free(jefe);
    crypto_hasher_free(large);
}
END_TEST

static void assert_derived(const uint8_t out[64], const char *want)
{
    char hex[2 * 64 + 1] = "";

    enc_hex(out, 64, hex);
    ck_assert_str_eq(hex, want);
}

/* RFC 7914 12 and 11. */
START_TEST(scrypt_and_pbkdf2_give_the_published_values)
{
    uint8_t out[64];

    ck_assert_int_eq(crypto_scrypt(STR("password"), STR("NaCl"),
                                   &(struct crypto_scrypt){.ln = 10, .r = 8, .p = 16}, out, 64),
                     ERR_OK);
    assert_derived(out, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
                        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    ck_assert_int_eq(crypto_pbkdf2(STR("Password"), STR("NaCl"), 80000, out, 64), ERR_OK);
    assert_derived(out, "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
                        "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d");
}
END_TEST

/* N must be below 2^(128 * r / 8). */
START_TEST(scrypt_fails_where_the_parameters_make_no_sense)
{
    uint8_t out[64] = {1};

    ck_assert_int_eq(crypto_scrypt(STR("password"), STR("NaCl"),
                                   &(struct crypto_scrypt){.ln = 16, .r = 1, .p = 1}, out, 64),
                     ERR_CRYPTO);
    ck_assert_uint_eq(out[0], 0);
}
END_TEST

/* FIPS 180-4 examples. */
START_TEST(sha1_gives_the_published_values)
{
    const struct {
        struct str text;
        const char *want;
    } cases[] = {
        {STR(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {STR("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {STR("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t out[CRYPTO_SHA1_BYTES];
        char hex[2 * CRYPTO_SHA1_BYTES + 1] = "";
        ck_assert_int_eq(crypto_sha1(cases[i].text.ptr, cases[i].text.len, out), ERR_OK);
        enc_hex(out, sizeof(out), hex);
        ck_assert_str_eq(hex, cases[i].want);
    }
}
END_TEST

START_TEST(equal_compares_every_byte)
{
    const char a[] = "0123456789abcdef0123456789abcdef";

    for (size_t i = 0; i < 32; i++) {
        char b[sizeof(a)];

        memcpy(b, a, sizeof(a));
        ck_assert(crypto_equal(a, b, 32));
        b[i] ^= 1;
        ck_assert(!crypto_equal(a, b, 32));
        ck_assert(crypto_equal(a, b, i));
    }
}
END_TEST

START_TEST(wipe_leaves_zeroes_and_nothing_beyond)
{
    char memory[] = "secret!";

    crypto_wipe(memory, 6);
    ck_assert_mem_eq(memory, "\0\0\0\0\0\0!", 7);
    crypto_wipe(NULL, 0);
}
END_TEST

START_TEST(random_fills_every_byte_and_never_repeats)
{
    unsigned char a[64], b[64], any[64] = {0};

    ck_assert_int_eq(crypto_random(a, sizeof(a)), ERR_OK);
    ck_assert_int_eq(crypto_random(b, sizeof(b)), ERR_OK);
    ck_assert_mem_ne(a, b, sizeof(a));
    for (int round = 0; round < 16; round++) {
        ck_assert_int_eq(crypto_random(a, sizeof(a)), ERR_OK);
        for (size_t i = 0; i < sizeof(a); i++) {
            any[i] |= a[i];
        }
    }
    for (size_t i = 0; i < sizeof(any); i++) {
        ck_assert_uint_ne(any[i], 0);
    }
}
END_TEST

/* FIPS 180-4, in pieces; a look in between changes nothing. */
START_TEST(sha256_in_pieces_gives_the_same)
{
    struct crypto_hasher *hasher = crypto_sha256_new();
    uint8_t whole[CRYPTO_SHA256_BYTES], pieces[CRYPTO_SHA256_BYTES];
    const char *text = "abc";

    for (size_t cut = 0; cut <= 3; cut++) {
        ck_assert_int_eq(crypto_hash(hasher, text, 3, whole), ERR_OK);
        ck_assert_int_eq(crypto_hash_begin(hasher), ERR_OK);
        ck_assert_int_eq(crypto_hash_add(hasher, text, cut), ERR_OK);
        ck_assert_int_eq(crypto_hash_peek(hasher, pieces), ERR_OK);
        ck_assert_int_eq(memcmp(whole, pieces, sizeof(whole)) == 0, cut == 3);
        ck_assert_int_eq(crypto_hash_add(hasher, text + cut, 3 - cut), ERR_OK);
        ck_assert_int_eq(crypto_hash_peek(hasher, pieces), ERR_OK);
        ck_assert_mem_eq(whole, pieces, sizeof(whole));
    }
    crypto_hasher_free(hasher);
}
END_TEST

Suite *crypto_suite(void)
{
    Suite *suite = suite_create("crypto");
    TCase *tests = tcase_create("crypto");

    tcase_add_checked_fixture(tests, start, crypto_stop);
    tcase_add_test(tests, sha256_gives_the_published_values_again_and_again);
    tcase_add_test(tests, sha256_in_pieces_gives_the_same);
    tcase_add_test(tests, hmac_gives_the_published_values_again_and_again);
    tcase_add_test(tests, scrypt_and_pbkdf2_give_the_published_values);
    tcase_add_test(tests, scrypt_fails_where_the_parameters_make_no_sense);
    tcase_add_test(tests, sha1_gives_the_published_values);
    tcase_add_test(tests, equal_compares_every_byte);
    tcase_add_test(tests, wipe_leaves_zeroes_and_nothing_beyond);
    tcase_add_test(tests, random_fills_every_byte_and_never_repeats);
    suite_add_tcase(suite, tests);
    return suite;
}
