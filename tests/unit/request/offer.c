#include "agent/request/offer.h"

#include <stdlib.h>

#include "tests/unit/request/suites.h"

#define KEY   CREDENTIAL_APIKEY
#define BASIC CREDENTIAL_BASIC
#define JWT   CREDENTIAL_JWT
#define CERT  CREDENTIAL_CERT
#define ALL   (KEY | BASIC | JWT | CERT)

/* Stands for a header that HAProxy did not send, and for its count then. */
#define NONE NULL, 0

struct offer_case {
    const char *name;
    unsigned accept;
    const char *apikey;
    int64_t apikey_count;
    const char *authorization;
    int64_t authorization_count;
    bool cert_used;
    enum reason reason;
    enum credential_kind kind;
    const char *text; /* NULL: absent */
};

/* aWxpY2U6c2VjcmV0 and its like are base64; what they hold stands beside them. */
static const struct offer_case refused[] = {
    {"doubled X-API-Key", KEY, "rv_a", 2, NONE, false, REASON_BAD_REQUEST, 0, NULL},
    {"doubled X-API-Key, all kinds listed", ALL, "rv_a", 2, NONE, false, REASON_BAD_REQUEST, 0,
     NULL},
    {"X-API-Key not counted", KEY, "rv_a", -1, NONE, false, REASON_BAD_REQUEST, 0, NULL},
    {"X-API-Key counted as none", KEY, "rv_a", 0, NONE, false, REASON_BAD_REQUEST, 0, NULL},
    {"X-API-Key counted but not sent", KEY, NULL, 1, NONE, false, REASON_BAD_REQUEST, 0, NULL},
    {"two X-API-Keys counted but not sent", KEY, NULL, 2, NONE, false, REASON_BAD_REQUEST, 0, NULL},
    {"doubled Authorization, keys listed", KEY, NONE, "Bearer rv_a", 2, false, REASON_BAD_REQUEST,
     0, NULL},
    {"doubled Authorization, passwords listed", BASIC, NONE, "Bearer rv_a", 2, false,
     REASON_BAD_REQUEST, 0, NULL},
    {"doubled Authorization, tokens listed", JWT, NONE, "Basic x", 2, false, REASON_BAD_REQUEST, 0,
     NULL},
    {"doubled Authorization of an unknown scheme", KEY, NONE, "Digest x", 2, false,
     REASON_BAD_REQUEST, 0, NULL},
    {"Authorization not counted", KEY, NONE, "Bearer rv_a", -1, false, REASON_BAD_REQUEST, 0, NULL},
    {"Authorization counted as none", KEY, NONE, "Bearer rv_a", 0, false, REASON_BAD_REQUEST, 0,
     NULL},
    {"Authorization counted but not sent", KEY, NONE, NULL, 1, false, REASON_BAD_REQUEST, 0, NULL},
    {"key twice: header and Bearer", KEY, "rv_a", 1, "Bearer rv_a", 1, false, REASON_BAD_REQUEST, 0,
     NULL},
    {"key twice: header and Basic", KEY, "rv_a", 1, "Basic eDpydl9hYmM=", 1, false,
     REASON_BAD_REQUEST, 0, NULL},
    {"key and token", KEY | JWT, "rv_a", 1, "Bearer e.e.e", 1, false, REASON_BAD_REQUEST, 0, NULL},
    {"key and password", KEY | BASIC, "rv_a", 1, "Basic YWxpY2U6c2VjcmV0", 1, false,
     REASON_BAD_REQUEST, 0, NULL},
    {"key and certificate", KEY | CERT, "rv_a", 1, NONE, true, REASON_BAD_REQUEST, 0, NULL},
    {"token and certificate", JWT | CERT, NONE, "Bearer e.e.e", 1, true, REASON_BAD_REQUEST, 0,
     NULL},
    {"empty key and Bearer", KEY, "", 1, "Bearer rv_a", 1, false, REASON_BAD_REQUEST, 0, NULL},
    {"Basic without a value", BASIC, NONE, "Basic", 1, false, REASON_BAD_CREDENTIAL, 0, NULL},
    {"Basic with blanks only", BASIC, NONE, "Basic   ", 1, false, REASON_BAD_CREDENTIAL, 0, NULL},
    {"Basic not base64", BASIC, NONE, "Basic alice:secret", 1, false, REASON_BAD_CREDENTIAL, 0,
     NULL},
    {"Basic not base64, keys listed", KEY, NONE, "Basic !", 1, false, REASON_BAD_CREDENTIAL, 0,
     NULL},
    {"Basic without padding", BASIC, NONE, "Basic eDpydl9hYmM", 1, false, REASON_BAD_CREDENTIAL, 0,
     NULL},
    {"Basic in base64url", BASIC, NONE, "Basic Pj4-Pz8_", 1, false, REASON_BAD_CREDENTIAL, 0, NULL},
    {"Basic with a blank behind", BASIC, NONE, "Basic YWxpY2U6c2VjcmV0 ", 1, false,
     REASON_BAD_CREDENTIAL, 0, NULL},
    {"Basic with a second value", BASIC, NONE, "Basic YWxpY2U6c2VjcmV0, Basic eDpydl9hYmM=", 1,
     false, REASON_BAD_CREDENTIAL, 0, NULL},
    {"Basic without a colon: rv_abc", ALL, NONE, "Basic cnZfYWJj", 1, false, REASON_BAD_CREDENTIAL,
     0, NULL},
    {"Basic without a colon: nothing", ALL, NONE, "Basic ====", 1, false, REASON_BAD_CREDENTIAL, 0,
     NULL},
};

static const struct offer_case found[] = {
    {"nothing listed", 0, "rv_a", 1, "Bearer rv_a", 1, true, REASON_OK, CREDENTIAL_NONE, NULL},
    {"nothing listed, everything doubled", 0, "rv_a", 2, "Bearer rv_a", 2, true, REASON_OK,
     CREDENTIAL_NONE, NULL},
    {"nothing offered", ALL, NONE, NONE, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"nothing sent, nothing counted", ALL, NULL, -1, NULL, -1, false, REASON_OK, CREDENTIAL_NONE,
     NULL},
    {"X-API-Key", KEY, "rv_a", 1, NONE, false, REASON_OK, KEY, "rv_a"},
    {"X-API-Key without the prefix", KEY, "secret", 1, NONE, false, REASON_OK, KEY, "secret"},
    {"empty X-API-Key", KEY, "", 1, NONE, false, REASON_OK, KEY, ""},
    {"X-API-Key with two values", KEY, "rv_a, rv_b", 1, NONE, false, REASON_OK, KEY, "rv_a, rv_b"},
    {"X-API-Key not listed", JWT, "rv_a", 1, NONE, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"doubled X-API-Key not listed", JWT, "rv_a", 2, "Bearer e.e.e", 1, false, REASON_OK, JWT,
     "e.e.e"},
    {"doubled Authorization not listed", CERT, NONE, "Bearer e.e.e", 2, true, REASON_OK, CERT,
     "fingerprint"},
    {"Bearer key", KEY, NONE, "Bearer rv_a", 1, false, REASON_OK, KEY, "rv_a"},
    {"bearer key in lower case", KEY, NONE, "bearer rv_a", 1, false, REASON_OK, KEY, "rv_a"},
    {"BEARER key in upper case", KEY, NONE, "BEARER rv_a", 1, false, REASON_OK, KEY, "rv_a"},
    {"Bearer key after two blanks", KEY, NONE, "Bearer  rv_a", 1, false, REASON_OK, KEY, "rv_a"},
    {"Bearer key, blank behind stays", KEY, NONE, "Bearer rv_a ", 1, false, REASON_OK, KEY,
     "rv_a "},
    {"Bearer with two values", KEY, NONE, "Bearer rv_a, Bearer rv_b", 1, false, REASON_OK, KEY,
     "rv_a, Bearer rv_b"},
    {"Bearer key not listed", JWT, NONE, "Bearer rv_a", 1, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"Bearer token", JWT, NONE, "Bearer e.e.e", 1, false, REASON_OK, JWT, "e.e.e"},
    {"Bearer token where keys are listed", KEY, NONE, "Bearer e.e.e", 1, false, REASON_OK,
     CREDENTIAL_NONE, NULL},
    {"Bearer token that starts like a key in upper case", KEY | JWT, NONE, "Bearer RV_a", 1, false,
     REASON_OK, JWT, "RV_a"},
    {"Bearer without a value", JWT, NONE, "Bearer ", 1, false, REASON_OK, JWT, ""},
    {"Bearer and a tab", KEY | JWT, NONE, "Bearer\trv_a", 1, false, REASON_OK, CREDENTIAL_NONE,
     NULL},
    {"blank before the scheme", KEY | JWT, NONE, " Bearer rv_a", 1, false, REASON_OK,
     CREDENTIAL_NONE, NULL},
    {"empty Authorization", ALL, NONE, "", 1, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"key without a scheme", ALL, NONE, "rv_a", 1, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"unknown scheme", ALL, NONE, "Digest username=x", 1, false, REASON_OK, CREDENTIAL_NONE, NULL},
    {"scheme with more letters", ALL, NONE, "Bearers rv_a", 1, false, REASON_OK, CREDENTIAL_NONE,
     NULL},
    {"unknown scheme beside a key", KEY, "rv_a", 1, "Digest x", 1, false, REASON_OK, KEY, "rv_a"},
    {"ignored token beside a key", KEY, "rv_a", 1, "Bearer e.e.e", 1, false, REASON_OK, KEY,
     "rv_a"},
    {"ignored password beside a key", KEY, "rv_a", 1, "Basic YWxpY2U6c2VjcmV0", 1, false, REASON_OK,
     KEY, "rv_a"},
    {"ignored certificate beside a key", KEY, "rv_a", 1, NONE, true, REASON_OK, KEY, "rv_a"},
    {"Basic password", BASIC, NONE, "Basic YWxpY2U6c2VjcmV0", 1, false, REASON_OK, BASIC,
     "alice:secret"},
    {"basic in lower case", BASIC, NONE, "basic YWxpY2U6c2VjcmV0", 1, false, REASON_OK, BASIC,
     "alice:secret"},
    {"Basic, empty password", BASIC, NONE, "Basic YWxpY2U6", 1, false, REASON_OK, BASIC, "alice:"},
    {"Basic, colon alone", BASIC, NONE, "Basic Og==", 1, false, REASON_OK, BASIC, ":"},
    {"Basic, key for the password: x:rv_abc", KEY, NONE, "Basic eDpydl9hYmM=", 1, false, REASON_OK,
     KEY, "rv_abc"},
    {"Basic, key without a user: :rv_abc", KEY | BASIC, NONE, "Basic OnJ2X2FiYw==", 1, false,
     REASON_OK, KEY, "rv_abc"},
    {"Basic, key for the user: rv_abc:", KEY | BASIC, NONE, "Basic cnZfYWJjOg==", 1, false,
     REASON_OK, BASIC, "rv_abc:"},
    {"Basic, the first colon counts: a:b:rv_abc", KEY | BASIC, NONE, "Basic YTpiOnJ2X2FiYw==", 1,
     false, REASON_OK, BASIC, "a:b:rv_abc"},
    {"Basic, prefix in upper case: alice:RV_abc", KEY | BASIC, NONE, "Basic YWxpY2U6UlZfYWJj", 1,
     false, REASON_OK, BASIC, "alice:RV_abc"},
    {"Basic key where only passwords are listed", BASIC, NONE, "Basic eDpydl9hYmM=", 1, false,
     REASON_OK, CREDENTIAL_NONE, NULL},
    {"Basic password where only keys are listed", KEY, NONE, "Basic YWxpY2U6c2VjcmV0", 1, false,
     REASON_OK, CREDENTIAL_NONE, NULL},
    {"Basic not base64 where tokens are listed", JWT, NONE, "Basic !", 1, false, REASON_OK,
     CREDENTIAL_NONE, NULL},
    {"certificate", CERT, NONE, NONE, true, REASON_OK, CERT, "fingerprint"},
    {"certificate not used", CERT, NONE, NONE, false, REASON_OK, CREDENTIAL_NONE, NULL},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static char block[4096];
static struct arena arena;

static void set_up(void)
{
    arena_init(&arena, block, sizeof(block));
}

static struct request request_of(const struct offer_case *c)
{
    return (struct request){.apikey = str_from_c(c->apikey),
                            .apikey_count = c->apikey_count,
                            .authorization = str_from_c(c->authorization),
                            .authorization_count = c->authorization_count,
                            .cert_used = c->cert_used,
                            .cert_sha256 = STR("fingerprint")};
}

static void expect_refused(const struct offer_case *c)
{
    struct request request = request_of(c);
    struct gate gate = {.accept = c->accept};
    struct offer offer = {CERT, STR("untouched")};
    const char *fault = NULL;

    ck_assert_msg(offer_find(&request, &gate, &arena, &offer, &fault) == c->reason, "%s", c->name);
    ck_assert_msg(fault != NULL, "%s", c->name);
    ck_assert_msg(offer.kind == CERT && str_equal(offer.text, STR("untouched")), "%s", c->name);
}

static void expect_found(const struct offer_case *c)
{
    struct request request = request_of(c);
    struct gate gate = {.accept = c->accept};
    struct offer offer = {ALL, STR("untouched")};
    const char *fault = NULL;

    ck_assert_msg(offer_find(&request, &gate, &arena, &offer, &fault) == REASON_OK, "%s: %s",
                  c->name, fault);
    ck_assert_msg(!fault, "%s", c->name);
    ck_assert_msg(offer.kind == c->kind, "%s: kind %d", c->name, (int)offer.kind);
    ck_assert_msg(str_equal(offer.text, str_from_c(c->text)), "%s: %.*s", c->name,
                  STR_ARG(offer.text));
}

START_TEST(refuses_what_is_not_clearly_one_credential)
{
    for (int i = 0; i < COUNT(refused); i++) {
        expect_refused(&refused[i]);
        arena_reset(&arena);
    }
}
END_TEST

START_TEST(finds_the_one_credential_the_gate_listens_to)
{
    for (int i = 0; i < COUNT(found); i++) {
        expect_found(&found[i]);
        arena_reset(&arena);
    }
}
END_TEST

/* `also` says what must be there too; it does not say who is calling. */
START_TEST(a_certificate_asked_for_beside_is_no_second_credential)
{
    struct request request = request_of(&(struct offer_case){.apikey = NULL,
                                                             .authorization = "Bearer e.e.e",
                                                             .authorization_count = 1,
                                                             .cert_used = true});
    struct gate gate = {.accept = JWT, .also = CERT};
    struct offer offer;
    const char *fault;

    ck_assert_int_eq(offer_find(&request, &gate, &arena, &offer, &fault), REASON_OK);
    ck_assert_int_eq(offer.kind, JWT);
}
END_TEST

START_TEST(a_certificate_without_a_fingerprint_is_still_an_offer)
{
    struct request request = {.cert_used = true};
    struct gate gate = {.accept = CERT};
    struct offer offer;
    const char *fault;

    ck_assert_int_eq(offer_find(&request, &gate, &arena, &offer, &fault), REASON_OK);
    ck_assert_int_eq(offer.kind, CERT);
    ck_assert(str_is_absent(offer.text));
}
END_TEST

static enum reason find_basic_of(size_t decoded_length, struct arena *memory, const char **fault)
{
    static char text[8 + 2 * OFFER_BASIC_BYTES_MAX] = "Basic ";
    struct gate gate = {.accept = BASIC};
    struct offer offer;

    /* "Ojo6" decodes to ":::"; whole groups of four digits need no padding. */
    ck_assert_uint_eq(decoded_length % 3, 0);
    for (size_t i = 0; i < decoded_length / 3; i++) {
        memcpy(text + 6 + 4 * i, "Ojo6", 4);
    }
    struct request request = {.authorization = str_make(text, 6 + decoded_length / 3 * 4),
                              .authorization_count = 1};
    enum reason reason = offer_find(&request, &gate, memory, &offer, fault);
    if (reason == REASON_OK) {
        ck_assert_uint_eq(offer.text.len, decoded_length);
    }
    return reason;
}

START_TEST(refuses_a_basic_value_above_the_maximum)
{
    const char *fault = NULL;
    const size_t fitting = OFFER_BASIC_BYTES_MAX / 3 * 3;

    ck_assert_int_eq(find_basic_of(fitting + 3, &arena, &fault), REASON_BAD_CREDENTIAL);
    ck_assert_str_eq(fault, "basic: too long");
    ck_assert_int_eq(find_basic_of(fitting, &arena, &fault), REASON_OK);
}
END_TEST

START_TEST(a_full_arena_is_no_anonymous_request)
{
    const char *fault = NULL;

    arena_init(&arena, block, OFFER_BASIC_BYTES_MAX / 2);
    ck_assert_int_eq(find_basic_of(3, &arena, &fault), REASON_OVERLOAD);
}
END_TEST

START_TEST(no_cut_of_a_header_reads_beyond_its_bytes)
{
    static const char *const headers[] = {"Bearer rv_abc", "Basic eDpydl9hYmM=", "Digest x"};

    for (int i = 0; i < COUNT(headers); i++) {
        for (size_t length = 0; length <= strlen(headers[i]); length++) {
            char *copy = malloc(length > 0 ? length : 1);
            ck_assert_ptr_nonnull(copy);
            memcpy(copy, headers[i], length);
            struct request request = {.authorization = str_make(copy, length),
                                      .authorization_count = 1};
            struct gate gate = {.accept = KEY | BASIC};
            struct offer offer;
            const char *fault;
            enum reason reason = offer_find(&request, &gate, &arena, &offer, &fault);
            ck_assert(reason == REASON_OK || reason == REASON_BAD_CREDENTIAL);
            free(copy);
            arena_reset(&arena);
        }
    }
}
END_TEST

Suite *offer_suite(void)
{
    Suite *suite = suite_create("offer");
    TCase *cases = tcase_create("offer");

    tcase_add_checked_fixture(cases, set_up, NULL);
    tcase_add_test(cases, refuses_what_is_not_clearly_one_credential);
    tcase_add_test(cases, refuses_a_basic_value_above_the_maximum);
    tcase_add_test(cases, a_full_arena_is_no_anonymous_request);
    tcase_add_test(cases, no_cut_of_a_header_reads_beyond_its_bytes);
    tcase_add_test(cases, finds_the_one_credential_the_gate_listens_to);
    tcase_add_test(cases, a_certificate_asked_for_beside_is_no_second_credential);
    tcase_add_test(cases, a_certificate_without_a_fingerprint_is_still_an_offer);
    suite_add_tcase(suite, cases);
    return suite;
}
