/* JWK, JWK Sets and PEM: what is refused and why, what is passed over, what is taken. */
#include "agent/jose/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"
#include "tests/unit/jose/vectors.h"

#define OCT(k)  "{\"kty\":\"oct\",\"k\":\"" k "\"}"
#define SECRET  "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define P(more) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y "\"" more "}"
#define R(more) "{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"AQAB\"" more "}"
#define SET(k)  "{\"keys\":[" k "]}"

static const struct {
    const char *text, *why;
} bad_keys[] = {
    /* no keys at all */
    {"", "expected a JWK, a JWK Set or a public key in PEM"},
    {"[]", "expected a JWK, a JWK Set or a public key in PEM"},
    {"rv_0123456789", "expected a JWK, a JWK Set or a public key in PEM"},
    {"{}", "kty is missing"},
    {"{\"kty\":1}", "kty is missing"},
    {"{\"keys\":[]}", "no key to verify with"},
    {"{\"keys\":{}}", "\"keys\" is not a list of at most 64"},
    {"{\"keys\":[1]}", "key 1: not a JSON object"},
    {"{\"keys\":[], \"kty\":\"EC\"}", "both a key and a set of keys"},
    {"{\"kty\":\"EC\"", "not one JSON object, or it has a member twice"},
    {A3_JWK "x", "not one JSON object, or it has a member twice"},
    {P(",\"x\":\"" A3_X "\""), "not one JSON object, or it has a member twice"},
    {P(",\"kid\":\"a\",\"kid\":\"b\""), "not one JSON object, or it has a member twice"},
    /* private */
    {P(",\"d\":\"AQAB\""), "a private key (it has \"d\"), which has no place here"},
    {R(",\"d\":\"AQAB\""), "a private key (it has \"d\"), which has no place here"},
    {R(",\"p\":\"AQAB\""), "a private key (it has \"p\"), which has no place here"},
    {R(",\"qi\":null"), "a private key (it has \"qi\"), which has no place here"},
    {R(",\"oth\":[]"), "a private key (it has \"oth\"), which has no place here"},
    {P(",\"k\":\"AQAB\""), "a secret (\"k\") in a key that is not oct"},
    {SET(P(",\"d\":\"AQAB\",\"use\":\"enc\",\"kid\":\"e\"")),
     "key 1 (\"e\"): a private key (it has \"d\"), which has no place here"},
    {SET("{\"kty\":\"new\",\"d\":\"AQAB\"}"),
     "key 1: a private key (it has \"d\"), which has no place here"},
    /* oct */
    {"{\"kty\":\"oct\"}", "k is missing, too long or not base64url"},
    {OCT(""), "k is missing, too long or not base64url"},
    {OCT("AQ=="), "k is missing, too long or not base64url"},
    {OCT("AQ"), "a secret of 1 bytes; 32 to 1024 are taken"},
    {OCT("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZQ"),
     "a secret of 31 bytes; 32 to 1024 are taken"},
    {"{\"kty\":\"oct\",\"k\":\"" SECRET "\",\"alg\":\"HS512\"}",
     "alg does not go with the key's kind or size"},
    /* RSA */
    {"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "n is missing, too long or not base64url"},
    {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\"}", "e is missing, too long or not base64url"},
    {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":3}", "e is missing, too long or not base64url"},
    {"{\"kty\":\"RSA\",\"n\":\"" A2_N "=\",\"e\":\"AQAB\"}",
     "n is missing, too long or not base64url"},
    {"{\"kty\":\"RSA\",\"n\":\"AKIY\",\"e\":\"AQAB\"}",
     "RSA with a number that is empty, too long or begins with a zero byte"},
    {"{\"kty\":\"RSA\",\"n\":\"ohgW\",\"e\":\"AQAB\"}", "RSA of 24 bits; 2048 to 8192 are taken"},
    {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"AQ\"}",
     "RSA with an exponent that is even, below 3 or above 64 bits"},
    {"{\"kty\":\"RSA\",\"n\":\"" A2_N "\",\"e\":\"Ag\"}",
     "RSA with an exponent that is even, below 3 or above 64 bits"},
    {R(",\"alg\":\"ES256\""), "alg does not go with the key's kind or size"},
    {R(",\"alg\":\"HS256\""), "alg does not go with the key's kind or size"},
    {R(",\"alg\":256"), "alg is not a text"},
    /* EC */
    {"{\"kty\":\"EC\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y "\"}", "crv is missing"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\"}",
     "y is missing, too long or not base64url"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_X "\",\"y\":\"" A3_X "\"}",
     "a point that is not on its curve"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A3_Y "\",\"y\":\"" A3_X "\"}",
     "a point that is not on its curve"},
    {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" A3_X "\",\"y\":\"" A3_Y "\"}",
     "a coordinate that is not as long as its curve"},
    {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"" A3_Y "\"}",
     "a coordinate that is not as long as its curve"},
    {P(",\"alg\":\"ES384\""), "alg does not go with the key's kind or size"},
    /* OKP */
    {"{\"kty\":\"OKP\",\"x\":\"" A3_X "\"}", "crv is missing"},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", "x is missing, too long or not base64url"},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "an Ed25519 key that is not 32 bytes"},
    {"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
     "an Ed25519 key of small order"},
    /* members that every key may have */
    {P(",\"kid\":\"\""), "kid is not a text of 1 to 256 bytes"},
    {P(",\"kid\":7"), "kid is not a text of 1 to 256 bytes"},
    {P(",\"use\":1"), "use is not a text"},
    {P(",\"key_ops\":\"verify\""), "key_ops is not a list of at most 16"},
    {P(",\"key_ops\":[1]"), "key_ops holds what is not a text, or one twice"},
    {P(",\"key_ops\":[\"verify\",\"verify\"]"), "key_ops holds what is not a text, or one twice"},
    /* a single key that is for something else */
    {P(",\"use\":\"enc\""), "use \"enc\" is not for verifying here"},
    {P(",\"use\":\"SIG\""), "use \"SIG\" is not for verifying here"},
    {P(",\"key_ops\":[\"sign\"]"), "key_ops \"without verify\" is not for verifying here"},
    {P(",\"key_ops\":[]"), "key_ops \"without verify\" is not for verifying here"},
    {P(",\"alg\":\"ECDH-ES\""), "alg \"ECDH-ES\" is not for verifying here"},
    {P(",\"alg\":\"none\""), "alg \"none\" is not for verifying here"},
    {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
     "crv \"secp256k1\" is not for verifying here"},
    {"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}",
     "crv \"X25519\" is not for verifying here"},
    {"{\"kty\":\"new\"}", "kty \"new\" is not for verifying here"},
    {"{\"kty\":\"rsa\"}", "kty \"rsa\" is not for verifying here"},
    /* sets */
    {SET(P(",\"kid\":\"a\"") "," R(",\"kid\":\"a\"")),
     "key 2 (\"a\"): this kid stands there twice"},
    {SET(P("") "," OCT(SECRET)), "key 2: a secret beside public keys"},
    {SET(OCT(SECRET) "," P("")), "key 2: a secret beside public keys"},
    {SET(P("") ",{\"kty\":\"RSA\",\"kid\":\"w\",\"n\":\"ohgW\",\"e\":\"AQAB\"}"),
     "key 2 (\"w\"): RSA of 24 bits; 2048 to 8192 are taken"},
    {SET(P(",\"use\":\"enc\"")), "no key to verify with"},
};

START_TEST(refused_with_the_reason)
{
    struct jose_keys *keys = jose_keys_new();
    struct diag diag = {""};

    ck_assert_int_ne(jose_keys_add(keys, str_from_c(bad_keys[_i].text), &diag), ERR_OK);
    ck_assert_str_eq(diag.text, bad_keys[_i].why);
    jose_keys_unref(keys);
}
END_TEST

static const struct {
    const char *text;
    size_t count;
    unsigned algorithms; /* of the first */
    const char *kid;     /* likewise; NULL: none */
    bool is_secret;
} good_keys[] = {
    {A3_JWK, 1, SIGNATURE_BIT(SIGNATURE_ES256), NULL, false},
    {"\n\t " A3_JWK "\r\n", 1, SIGNATURE_BIT(SIGNATURE_ES256), NULL, false},
    {A4_JWK, 1, SIGNATURE_BIT(SIGNATURE_ES512), NULL, false},
    {ED_JWK, 1, SIGNATURE_BIT(SIGNATURE_EDDSA), NULL, false},
    {C_RSA_JWK, 1,
     SIGNATURE_BIT(SIGNATURE_RS256) | SIGNATURE_BIT(SIGNATURE_RS384) |
         SIGNATURE_BIT(SIGNATURE_RS512) | SIGNATURE_BIT(SIGNATURE_PS256) |
         SIGNATURE_BIT(SIGNATURE_PS384) | SIGNATURE_BIT(SIGNATURE_PS512),
     "bilbo.baggins@hobbiton.example", false},
    {R(",\"alg\":\"PS256\""), 1, SIGNATURE_BIT(SIGNATURE_PS256), NULL, false},
    {A1_JWK, 1, SIGNATURE_HMAC_ALL, NULL, true},
    {C4_JWK, 1, SIGNATURE_BIT(SIGNATURE_HS256), "018c0ae5-4d9b-471b-bfd6-eef314bc7037", true},
    {OCT(SECRET), 1, SIGNATURE_BIT(SIGNATURE_HS256), NULL, true},
    {P(",\"key_ops\":[\"sign\",\"verify\"],\"use\":\"sig\",\"x5c\":[\"x\"],\"more\":1"), 1,
     SIGNATURE_BIT(SIGNATURE_ES256), NULL, false},
    {SET(P(",\"kid\":\"a\"") "," R(",\"kid\":\"b\"") "," ED_JWK), 3, SIGNATURE_BIT(SIGNATURE_ES256),
     "a", false},
    /* keys for something else are passed over in a set */
    {SET("{\"kty\":\"new\"}," R(",\"use\":\"enc\",\"alg\":\"RSA-OAEP\"") "," P(
         ",\"kid\":\"p\"") ",{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}"),
     1, SIGNATURE_BIT(SIGNATURE_ES256), "p", false},
};

START_TEST(taken_as_what_it_says)
{
    struct jose_keys *keys = fixture_keys(good_keys[_i].text);

    ck_assert_uint_eq(keys->count, good_keys[_i].count);
    ck_assert_uint_eq(keys->items[0].algorithms, good_keys[_i].algorithms);
    ck_assert(str_equal(keys->items[0].kid, str_from_c(good_keys[_i].kid)));
    ck_assert_int_eq(str_is_absent(keys->items[0].kid), good_keys[_i].kid == NULL);
    ck_assert_int_eq(jose_keys_are_secret(keys), good_keys[_i].is_secret);
    jose_keys_unref(keys);
}
END_TEST

START_TEST(several_texts_make_one_set)
{
    struct jose_keys *keys = fixture_keys(P(",\"kid\":\"a\""));
    char *pem = forge_public_pem(FORGE_RSA);
    struct diag diag = {""};

    ck_assert_int_eq(jose_keys_add(keys, str_from_c(pem), &diag), ERR_OK);
    ck_assert_uint_eq(keys->count, 2);
    ck_assert(str_is_absent(keys->items[1].kid));
    ck_assert_int_eq(jose_keys_add(keys, str_from_c(R(",\"kid\":\"a\"")), &diag), ERR_RANGE);
    ck_assert_str_eq(diag.text, "this kid stands there twice");
    ck_assert_int_eq(jose_keys_add(keys, STR(OCT(SECRET)), &diag), ERR_RANGE);
    ck_assert_str_eq(diag.text, "a secret beside public keys");
    jose_keys_unref(keys);
    free(pem);
}
END_TEST

START_TEST(a_private_key_in_pem_is_refused)
{
    struct jose_keys *keys = jose_keys_new();
    char *pem = forge_private_pem(FORGE_RSA);
    struct diag diag = {""};

    ck_assert_int_ne(jose_keys_add(keys, str_from_c(pem), &diag), ERR_OK);
    ck_assert_str_eq(diag.text, "a private key, which has no place here");
    jose_keys_unref(keys);
    free(pem);
}
END_TEST

/* A library that decrypts might ask the terminal for a password. */
START_TEST(an_encrypted_key_is_refused_unasked)
{
    static const char *const texts[] = {
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nMIIB\n"
        "-----END RSA PRIVATE KEY-----\n"};

    for (int i = 0; i < COUNT(texts); i++) {
        struct jose_keys *keys = jose_keys_new();
        struct diag diag = {""};

        ck_assert_int_ne(jose_keys_add(keys, str_from_c(texts[i]), &diag), ERR_OK);
        ck_assert_str_eq(diag.text, "a private key, which has no place here");
        jose_keys_unref(keys);
    }
}
END_TEST

/* `count` keys of kids k0, k1 ... and `pad` blanks behind. */
static char *many(int count, int pad)
{
    char *out = NULL;
    size_t length;
    FILE *stream = open_memstream(&out, &length);

    fputs("{\"keys\":[", stream);
    for (int i = 0; i < count; i++) {
        fprintf(stream, "%s" P(",\"kid\":\"k%d\""), i > 0 ? "," : "", i);
    }
    fprintf(stream, "]%*s}", pad, "");
    fclose(stream);
    return out;
}

START_TEST(number_and_size_are_bounded)
{
    static const struct {
        int count, pad;
        const char *why; /* NULL: taken */
    } cases[] = {{64, 0, NULL},
                 {65, 0, "\"keys\" is not a list of at most 64"},
                 {1, 64 * 1024 - 300, NULL},
                 {1, 64 * 1024, "larger than 65536 bytes"}};

    for (int i = 0; i < COUNT(cases); i++) {
        struct jose_keys *keys = jose_keys_new();
        char *text = many(cases[i].count, cases[i].pad);
        struct diag diag = {""};
        enum err e = jose_keys_add(keys, str_from_c(text), &diag);

        ck_assert_str_eq(diag.text, cases[i].why ? cases[i].why : "");
        ck_assert_int_eq(e == ERR_OK, cases[i].why == NULL);
        if (e == ERR_OK && cases[i].count == 64) {
            ck_assert_int_eq(jose_keys_add(keys, STR(A3_JWK), &diag), ERR_FULL);
            ck_assert_str_eq(diag.text, "more than 64 keys");
        }
        jose_keys_unref(keys);
        free(text);
    }
}
END_TEST

/* RELIABILITY: what an issuer publishes is a set, and nothing of it a secret. */
static const struct {
    const char *text, *why; /* NULL: taken */
} published[] = {
    {SET(P("")), NULL},
    {SET(P("") "," R(",\"kid\":\"r\"") "," P(",\"kid\":\"p\"")), NULL},
    {SET(P("") "," R("")), "2 keys without a kid"},
    {SET(OCT(SECRET)), "a secret (kty oct), which has no place in what is published"},
    {SET(P("") "," OCT(SECRET)), "key 2: a secret beside public keys"},
    {SET(R(",\"d\":\"AQAB\"")), "key 1: a private key (it has \"d\"), which has no place here"},
    {SET(P("") ",{\"kty\":\"RSA\",\"kid\":\"w\",\"n\":\"ohgW\",\"e\":\"AQAB\"}"),
     "key 2 (\"w\"): RSA of 24 bits; 2048 to 8192 are taken"},
    {SET(""), "no key to verify with"},
    {P(""), "not a JWK Set, which is one JSON object with \"keys\""},
    {"{}", "not a JWK Set, which is one JSON object with \"keys\""},
    {"", "not a JWK Set, which is one JSON object with \"keys\""},
    {"<html>", "not a JWK Set, which is one JSON object with \"keys\""},
    {"-----BEGIN PUBLIC KEY-----", "not a JWK Set, which is one JSON object with \"keys\""},
    {SET(P("")) "x", "not a JWK Set, which is one JSON object with \"keys\""},
};

START_TEST(what_is_published_is_a_set_of_public_keys)
{
    struct jose_keys *keys = jose_keys_new();
    struct diag diag = {""};
    enum err e = jose_keys_add_published(keys, str_from_c(published[_i].text), &diag);

    ck_assert_int_eq(e == ERR_OK, published[_i].why == NULL);
    ck_assert_str_eq(diag.text, published[_i].why ? published[_i].why : "");
    jose_keys_unref(keys);
}
END_TEST

/* A key that was replaced under its old kid is another one. */
START_TEST(a_key_is_known_by_kid_algorithms_and_itself)
{
    static const struct {
        const char *text;
        bool is_same;
    } cases[] = {
        {SET(R(",\"kid\":\"other\"") "," P(",\"kid\":\"a\"")), true},
        {SET(P(",\"kid\":\"b\"")), false},
        {SET(P("")), false},
        {SET(R(",\"kid\":\"a\"")), false},
        {"{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"a\",\"x\":"
         "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
         false},
        {SET(P(",\"kid\":\"a\",\"alg\":\"ES256\"")), true},
    };
    struct jose_keys *keys = fixture_keys(SET(P(",\"kid\":\"a\"")));

    for (int i = 0; i < COUNT(cases); i++) {
        struct jose_keys *others = fixture_keys(cases[i].text);
        ck_assert_int_eq(jose_keys_have(others, &keys->items[0]), cases[i].is_same);
        jose_keys_unref(others);
    }
    jose_keys_unref(keys);
}
END_TEST

Suite *keys_suite(void)
{
    Suite *suite = suite_create("keys");
    TCase *tests = tcase_create("keys");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, refused_with_the_reason, 0, COUNT(bad_keys));
    tcase_add_loop_test(tests, taken_as_what_it_says, 0, COUNT(good_keys));
    tcase_add_test(tests, several_texts_make_one_set);
    tcase_add_test(tests, a_private_key_in_pem_is_refused);
    tcase_add_test(tests, an_encrypted_key_is_refused_unasked);
    tcase_add_loop_test(tests, what_is_published_is_a_set_of_public_keys, 0, COUNT(published));
    tcase_add_test(tests, a_key_is_known_by_kid_algorithms_and_itself);
    tcase_add_test(tests, number_and_size_are_bounded);
    suite_add_tcase(suite, tests);
    return suite;
}
