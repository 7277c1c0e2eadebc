#include "tests/unit/jose/fixture.h"

#include <check.h>
#include <stdlib.h>

static struct jose_keys *keys;
static struct jws_verifier *verifier;

struct jose_keys *fixture_keys(const char *text)
{
    struct jose_keys *made = jose_keys_new();
    struct diag diag = {""};

    ck_assert_ptr_nonnull(made);
    ck_assert_msg(jose_keys_add(made, str_from_c(text), &diag) == ERR_OK, "%s", diag.text);
    return made;
}

void fixture_open(const char *text, unsigned algorithms)
{
    keys = fixture_keys(text);
    const struct jws_source source = {keys, algorithms};
    verifier = jws_verifier_new(&source, 1, JWS_BYTES_DEFAULT);
    ck_assert_ptr_nonnull(verifier);
}

void fixture_close(void)
{
    jws_verifier_free(verifier);
    jose_keys_unref(keys);
    verifier = NULL;
    keys = NULL;
}

enum jose_fault fixture_ask(struct str token, const char *payload)
{
    char *exact = malloc(token.len + (token.len == 0));
    struct jws jws = {.source = 99};

    memcpy(exact, token.ptr, token.len);
    enum jose_fault fault = jws_verify(verifier, str_make(exact, token.len), &jws);
    if (fault != JOSE_NONE) {
        ck_assert_uint_eq(jws.source, 99);
    } else if (payload) {
        ck_assert_msg(str_equal(jws.payload, str_from_c(payload)), "%.*s", STR_ARG(jws.payload));
    }
    free(exact);
    return fault;
}

enum jose_fault fixture_ask_signed(enum forge_key key, const char *algorithm, const char *header)
{
    char *token = forge_token(key, algorithm, str_from_c(header), STR("text"));
    enum jose_fault fault = fixture_ask(str_from_c(token), "text");

    free(token);
    return fault;
}
