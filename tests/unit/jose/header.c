/* Headers that are signed well and refused all the same. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"

static void start(void)
{
    char *jwk = forge_jwk(FORGE_P256, ",\"kid\":\"k1\"");

    fixture_open(jwk, ALL_ALGORITHMS);
    free(jwk);
}

static const struct {
    const char *header;
    enum jose_fault fault;
} bad_headers[] = {
    /* JSON */
    {"{}", JOSE_ALGORITHM},
    {"[]", JOSE_HEADER},
    {"\"ES256\"", JOSE_HEADER},
    {"null", JOSE_HEADER},
    {"{\"alg\":\"ES256\"", JOSE_HEADER},
    {"{\"alg\":\"ES256\"}{}", JOSE_HEADER},
    {"{\"alg\":\"ES256\"} x", JOSE_HEADER},
    {"{\"alg\":\"ES256\",}", JOSE_HEADER},
    {"{'alg':'ES256'}", JOSE_HEADER},
    {"{alg:\"ES256\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\" /* */}", JOSE_HEADER},
    {"\xef\xbb\xbf{\"alg\":\"ES256\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\xff\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\xc0\x80\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\\u0000\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":\"\\ud800\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":1e999}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":99999999999999999999}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":NaN}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":01}", JOSE_HEADER},
    /* a member twice, also where it is spelt in two ways */
    {"{\"alg\":\"none\",\"alg\":\"ES256\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"\\u0061lg\":\"none\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"kid\":\"k1\",\"kid\":\"k2\"}", JOSE_HEADER},
    {"{\"alg\":\"ES256\",\"x\":{\"y\":1,\"y\":2}}", JOSE_HEADER},
    /* members that would change the reading, or bring a key along */
    {"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"crit\":[]}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"crit\":null}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"]}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"b64\":false}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"b64\":true}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"zip\":\"DEF\"}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"enc\":\"A128GCM\"}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"jwk\":{}}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"jku\":\"https://attacker.example/k\"}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"x5u\":\"https://attacker.example/c\"}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]}", JOSE_HEADER_MEMBER},
    {"{\"alg\":\"ES256\",\"cty\":\"JWT\"}", JOSE_HEADER_MEMBER},
    {"{\"cty\":\"application/json\",\"alg\":\"ES256\"}", JOSE_HEADER_MEMBER},
    /* alg */
    {"{\"typ\":\"JWT\"}", JOSE_ALGORITHM},
    {"{\"alg\":null}", JOSE_ALGORITHM},
    {"{\"alg\":256}", JOSE_ALGORITHM},
    {"{\"alg\":[\"ES256\"]}", JOSE_ALGORITHM},
    {"{\"alg\":\"\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"none\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"None\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"NoNe\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"es256\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"ES256 \"}", JOSE_ALGORITHM},
    {"{\"ALG\":\"ES256\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"ES256K\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"RSA1_5\"}", JOSE_ALGORITHM},
    {"{\"alg\":\"dir\"}", JOSE_ALGORITHM},
    /* kid */
    {"{\"alg\":\"ES256\",\"kid\":1}", JOSE_KEY_ID},
    {"{\"alg\":\"ES256\",\"kid\":null}", JOSE_KEY_ID},
    {"{\"alg\":\"ES256\",\"kid\":\"\"}", JOSE_KEY_ID},
    {"{\"alg\":\"ES256\",\"kid\":[\"k1\"]}", JOSE_KEY_ID},
    {"{\"alg\":\"ES256\",\"kid\":\"k2\"}", JOSE_NO_KEY},
    {"{\"alg\":\"ES256\",\"kid\":\"K1\"}", JOSE_NO_KEY},
    {"{\"alg\":\"ES256\",\"kid\":\"k1 \"}", JOSE_NO_KEY},
    {"{\"alg\":\"ES256\",\"kid\":\"*\"}", JOSE_NO_KEY},
    {"{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}", JOSE_NO_KEY},
    {"{\"alg\":\"ES256\",\"kid\":\"k1' OR '1'='1\"}", JOSE_NO_KEY},
    /* alg that the key is not for */
    {"{\"alg\":\"ES384\",\"kid\":\"k1\"}", JOSE_NO_KEY},
    {"{\"alg\":\"RS256\",\"kid\":\"k1\"}", JOSE_NO_KEY},
    {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", JOSE_NO_KEY},
    {"{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", JOSE_NO_KEY},
};

START_TEST(refused)
{
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256", bad_headers[_i].header),
                    bad_headers[_i].fault);
}
END_TEST

static const char *const good_headers[] = {
    "{\"alg\":\"ES256\"}",
    "{\"alg\":\"ES256\",\"kid\":\"k1\"}",
    "{\"alg\":\"\\u0045S256\",\"kid\":\"\\u006b1\"}",
    " {\"kid\":\"k1\",\r\n\"alg\":\"ES256\"}\n",
    "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
    "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
    "{\"alg\":\"ES256\",\"x5t\":\"AA\",\"x5t#S256\":\"AA\",\"other\":{\"crit\":1}}",
};

START_TEST(taken)
{
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256", good_headers[_i]), JOSE_NONE);
}
END_TEST

START_TEST(a_kid_has_at_most_256_bytes)
{
    char kid[300], header[400];

    memset(kid, 'k', sizeof(kid));
    kid[256] = '\0';
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256", header), JOSE_NO_KEY);
    kid[256] = 'k';
    kid[257] = '\0';
    snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256", header), JOSE_KEY_ID);
}
END_TEST

/* `depth` lists in a member of the object. */
static enum jose_fault ask_nested(int depth)
{
    char header[4096] = "{\"alg\":\"ES256\",\"x\":", *at = header + strlen(header);

    for (int i = 0; i < 2 * depth; i++) {
        *at++ = i < depth ? '[' : ']';
    }
    strcpy(at, "}");
    return fixture_ask_signed(FORGE_P256, "ES256", header);
}

START_TEST(depth_is_bounded)
{
    ck_assert_fault(ask_nested(31), JOSE_NONE);
    ck_assert_fault(ask_nested(32), JOSE_HEADER);
    ck_assert_fault(ask_nested(1500), JOSE_HEADER);
    ck_assert_fault(fixture_ask_signed(FORGE_P256, "ES256",
                                       "{\"alg\":\"ES256\",\"x\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
                                       "[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[\"}"),
                    JOSE_NONE);
}
END_TEST

static const struct {
    const char *header;
    enum jws_type type;
} types[] = {
    {"{\"alg\":\"ES256\"}", JWS_TYPE_ABSENT},
    {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", JWS_TYPE_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"jwt\"}", JWS_TYPE_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"application/jwt\"}", JWS_TYPE_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JWS_TYPE_AT_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"AT+JWT\"}", JWS_TYPE_AT_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}", JWS_TYPE_AT_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"Application/AT+jwt\"}", JWS_TYPE_AT_JWT},
    {"{\"alg\":\"ES256\",\"typ\":\"\"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":null}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":[\"JWT\"]}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"JWT \"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"application/\"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"application/application/jwt\"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", JWS_TYPE_OTHER},
    {"{\"alg\":\"ES256\",\"typ\":\"JOSE\"}", JWS_TYPE_OTHER},
};

START_TEST(typ_is_told)
{
    char *jwk = forge_jwk(FORGE_P256, "");
    struct jose_keys *keys = fixture_keys(jwk);
    const struct jws_source source = {keys, ALL_ALGORITHMS};
    struct jws_verifier *verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
    char *token = forge_token(FORGE_P256, "ES256", str_from_c(types[_i].header), STR("text"));
    struct jws jws;

    ck_assert_fault(jws_verify(verifier, str_from_c(token), &jws), JOSE_NONE);
    ck_assert_int_eq(jws.type, types[_i].type);
    jws_verifier_free(verifier);
    jose_keys_unref(keys);
    free(token);
    free(jwk);
}
END_TEST

Suite *header_suite(void)
{
    Suite *suite = suite_create("header");
    TCase *tests = tcase_create("header");

    tcase_add_checked_fixture(tests, start, fixture_close);
    tcase_add_loop_test(tests, refused, 0, COUNT(bad_headers));
    tcase_add_loop_test(tests, taken, 0, COUNT(good_headers));
    tcase_add_test(tests, a_kid_has_at_most_256_bytes);
    tcase_add_test(tests, depth_is_bounded);
    tcase_add_loop_test(tests, typ_is_told, 0, COUNT(types));
    suite_add_tcase(suite, tests);
    return suite;
}
