/* Claims that are signed well, good and bad. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/jose/jwt.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/jose/fixture.h"
#include "tests/unit/jose/suites.h"

#define NOW 1700000000

/* What every good token has, and more behind it. */
#define WHO    "\"iss\":\"https://id.example\",\"sub\":\"alice\",\"aud\":\"api\""
#define TIMES  "\"exp\":1700000100"
#define C(x)   "{" WHO "," TIMES x "}"
#define T(x)   "{" WHO "," x "}"
#define JWT    "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"
#define TYP(t) "{\"alg\":\"ES256\",\"typ\":\"" t "\"}"

static struct str audiences[] = {{"api", 3}, {"https://api.example", 19}};
static struct jwt_policy policy;
static struct jwt_verifier *verifier;

static void start(void)
{
    char *jwk = forge_jwk(FORGE_P256, "");

    policy = (struct jwt_policy){.name = STR("corp"),
                                 .issuer = STR("https://id.example"),
                                 .keys = fixture_keys(jwk),
                                 .algorithms = SIGNATURE_BIT(SIGNATURE_ES256),
                                 .types = JWS_TYPE_JWT | JWS_TYPE_AT_JWT,
                                 .audiences = {audiences, 2},
                                 .leeway_s = 30,
                                 .user_claim = STR("sub")};
    free(jwk);
    verifier = jwt_verifier_new(&policy, NULL, 1, JWS_BYTES_DEFAULT);
    ck_assert_ptr_nonnull(verifier);
}

static void stop(void)
{
    jwt_verifier_free(verifier);
    jose_keys_unref(policy.keys);
}

static enum jose_fault ask_at(const char *header, struct str claims, int64_t now_s,
                              struct str cert_sha256, struct jwt_identity *out)
{
    char *token = forge_token(FORGE_P256, "ES256", str_from_c(header), claims);

    *out = (struct jwt_identity){.expires_s = -7};
    enum jose_fault fault = jwt_verify(verifier, str_from_c(token), now_s, cert_sha256, out);
    ck_assert_int_eq(out->expires_s == -7, fault != JOSE_NONE);
    free(token);
    return fault;
}

static enum jose_fault ask(const char *claims)
{
    struct jwt_identity identity;

    return ask_at(JWT, str_from_c(claims), NOW, STR_ABSENT, &identity);
}

/* ---- the table ---- */

static const struct {
    const char *claims;
    enum jose_fault fault;
} cases[] = {
    {C(""), JOSE_NONE},
    /* JSON */
    {" ", JOSE_CLAIMS},
    {"alice", JOSE_CLAIMS},
    {"[" C("") "]", JOSE_CLAIMS},
    {"\"" WHO "\"", JOSE_CLAIMS},
    {C("") "x", JOSE_CLAIMS},
    {C("") C(""), JOSE_CLAIMS},
    {"\xef\xbb\xbf" C(""), JOSE_CLAIMS},
    {C(",\"x\":\"\xff\""), JOSE_CLAIMS},
    {C(",\"x\":\"\\u0000\""), JOSE_CLAIMS},
    {C(",\"x\":1e999"), JOSE_CLAIMS},
    {C(",\"sub\":\"bob\""), JOSE_CLAIMS},
    {C(",\"sub\":\"alice\""), JOSE_CLAIMS},
    {C(",\"\\u0073ub\":\"bob\""), JOSE_CLAIMS},
    {C(",\"exp\":1700000200"), JOSE_CLAIMS},
    {C(",\"x\":{\"y\":1,\"y\":2}"), JOSE_CLAIMS},
    /* iss */
    {"{\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}", JOSE_ISSUER},
    {"{\"iss\":\"https://id.example/\",\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_ISSUER},
    {"{\"iss\":\"https://ID.example\",\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_ISSUER},
    {"{\"iss\":\"\",\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}", JOSE_ISSUER},
    {"{\"iss\":null,\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}", JOSE_ISSUER},
    {"{\"iss\":[\"https://id.example\"],\"sub\":\"alice\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_ISSUER},
    /* aud */
    {"{\"iss\":\"https://id.example\",\"sub\":\"alice\",\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":\"\",\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":\"apix\",\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":\"API\",\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":\"api web\",\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":[],\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":[\"web\"],\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":[[\"api\"]],\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":[\"api\",1],\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"aud\":{\"api\":1},\"exp\":1700000100}", JOSE_AUDIENCE},
    {"{\"iss\":\"https://id.example\",\"sub\":\"a\",\"aud\":[\"web\",\"api\"],\"exp\":1700000100}",
     JOSE_NONE},
    {"{\"iss\":\"https://id.example\",\"sub\":\"a\",\"aud\":\"https://api.example\","
     "\"exp\":1700000100}",
     JOSE_NONE},
    /* exp */
    {"{" WHO "}", JOSE_TIME},
    {T("\"exp\":null"), JOSE_TIME},
    {T("\"exp\":\"1700000100\""), JOSE_TIME},
    {T("\"exp\":true"), JOSE_TIME},
    {T("\"exp\":[1700000100]"), JOSE_TIME},
    {T("\"exp\":-1"), JOSE_TIME},
    {T("\"exp\":-1.5"), JOSE_TIME},
    {T("\"exp\":1700000100000"), JOSE_TIME}, /* milliseconds */
    {T("\"exp\":1e300"), JOSE_TIME},
    {T("\"exp\":9223372036854775807"), JOSE_TIME},
    {T("\"exp\":253402300800"), JOSE_TIME},
    {T("\"exp\":253402300799"), JOSE_NONE},
    {T("\"exp\":1.7000001e9"), JOSE_NONE},
    {T("\"exp\":0"), JOSE_EXPIRED},
    {T("\"exp\":1600000000"), JOSE_EXPIRED},
    {T("\"exp\":1699999970"), JOSE_EXPIRED}, /* leeway 30 */
    {T("\"exp\":1699999970.9"), JOSE_EXPIRED},
    {T("\"exp\":1699999971"), JOSE_NONE},
    {T("\"exp\":1699999971.0"), JOSE_NONE},
    /* nbf */
    {C(",\"nbf\":null"), JOSE_TIME},
    {C(",\"nbf\":\"1700000000\""), JOSE_TIME},
    {C(",\"nbf\":-1"), JOSE_TIME},
    {C(",\"nbf\":1e12"), JOSE_TIME},
    {C(",\"nbf\":1700000031"), JOSE_NOT_YET},
    {C(",\"nbf\":1700000030.1"), JOSE_NOT_YET},
    {C(",\"nbf\":1700000030"), JOSE_NONE},
    {C(",\"nbf\":1600000000"), JOSE_NONE},
    /* iat */
    {C(",\"iat\":\"now\""), JOSE_TIME},
    {C(",\"iat\":false"), JOSE_TIME},
    {C(",\"iat\":1700000031"), JOSE_NOT_YET},
    {C(",\"iat\":1700000030"), JOSE_NONE},
    {C(",\"iat\":1600000000,\"nbf\":1700000031"), JOSE_NOT_YET},
    /* sub, jti */
    {"{\"iss\":\"https://id.example\",\"aud\":\"api\",\"exp\":1700000100}", JOSE_USER},
    {"{\"iss\":\"https://id.example\",\"sub\":\"\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":7,\"aud\":\"api\",\"exp\":1700000100}", JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":null,\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":[\"alice\"],\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":\"a\\nb\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":\"a\\u007f\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_SUBJECT},
    {"{\"iss\":\"https://id.example\",\"sub\":\"auth0|1\",\"aud\":\"api\",\"exp\":1700000100}",
     JOSE_NONE},
    {C(",\"jti\":\"t1\""), JOSE_NONE},
    {C(",\"jti\":\"\""), JOSE_TOKEN_ID},
    {C(",\"jti\":5"), JOSE_TOKEN_ID},
    {C(",\"jti\":null"), JOSE_TOKEN_ID},
    /* cnf */
    {C(",\"cnf\":{}"), JOSE_BINDING},
    {C(",\"cnf\":null"), JOSE_BINDING},
    {C(",\"cnf\":\"x\""), JOSE_BINDING},
    {C(",\"cnf\":{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}"), JOSE_BINDING},
    {C(",\"cnf\":{\"x5t#S256\":\"AAAA\"}"), JOSE_BINDING},
    {C(",\"cnf\":{\"x5t#S256\":5}"), JOSE_BINDING},
    {C(",\"cnf\":{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\",\"jkt\":\"x\"}"),
     JOSE_BINDING},
    {C(",\"cnf\":{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg3\"}"), JOSE_BINDING},
    {C(",\"cnf\":{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0\"}"),
     JOSE_OTHER_HOLDER},
};

START_TEST(claims_are_judged)
{
    ck_assert_fault(ask(cases[_i].claims), cases[_i].fault);
}
END_TEST

static const struct {
    const char *header;
    unsigned types;
    enum jose_fault fault;
} types[] = {
    {"{\"alg\":\"ES256\"}", JWS_TYPE_JWT | JWS_TYPE_AT_JWT, JOSE_TYPE},
    {"{\"alg\":\"ES256\"}", JWS_TYPE_ABSENT, JOSE_NONE},
    {TYP("JWT"), JWS_TYPE_JWT, JOSE_NONE},
    {TYP("JWT"), JWS_TYPE_AT_JWT, JOSE_TYPE},
    {TYP("at+jwt"), JWS_TYPE_AT_JWT, JOSE_NONE},
    {TYP("application/at+jwt"), JWS_TYPE_AT_JWT, JOSE_NONE},
    {TYP("at+jwt"), JWS_TYPE_JWT | JWS_TYPE_ABSENT, JOSE_TYPE},
    {TYP("dpop+jwt"), JWS_TYPE_JWT | JWS_TYPE_AT_JWT | JWS_TYPE_ABSENT, JOSE_TYPE},
    {TYP("logout+jwt"), JWS_TYPE_JWT | JWS_TYPE_AT_JWT | JWS_TYPE_ABSENT, JOSE_TYPE},
    {TYP(""), JWS_TYPE_JWT | JWS_TYPE_AT_JWT | JWS_TYPE_ABSENT, JOSE_TYPE},
    {"{\"alg\":\"ES256\",\"typ\":null}", JWS_TYPE_ABSENT, JOSE_TYPE},
};

START_TEST(typ_is_one_that_is_listed)
{
    struct jwt_identity identity;

    policy.types = types[_i].types;
    ck_assert_fault(ask_at(types[_i].header, STR(C("")), NOW, STR_ABSENT, &identity),
                    types[_i].fault);
}
END_TEST

START_TEST(a_bad_signature_comes_before_bad_claims)
{
    char *token = forge_token(FORGE_P256_OTHER, "ES256", STR(JWT), STR("no claims"));
    struct jwt_identity identity;

    ck_assert_fault(jwt_verify(verifier, str_from_c(token), NOW, STR_ABSENT, &identity),
                    JOSE_SIGNATURE);
    free(token);
}
END_TEST

START_TEST(a_lifetime_is_counted_from_iat)
{
    policy.max_lifetime_s = 3600;
    ck_assert_fault(ask(C("")), JOSE_LIFETIME);
    ck_assert_fault(ask(C(",\"nbf\":1699999999")), JOSE_LIFETIME);
    ck_assert_fault(ask(C(",\"iat\":1699996500")), JOSE_NONE);
    ck_assert_fault(ask(C(",\"iat\":1699996499")), JOSE_LIFETIME);
    ck_assert_fault(ask(C(",\"iat\":0")), JOSE_LIFETIME);
}
END_TEST

START_TEST(required_claims_must_be_there)
{
    static struct str required[] = {{"scope", 5}, {"/org/id", 7}};

    policy.required = (struct str_list){required, 2};
    ck_assert_fault(ask(C("")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"x\"")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"x\",\"org\":5")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"x\",\"org\":{}")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":null,\"org\":{\"id\":1}")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"x\",\"org\":{\"id\":null}")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"x\",\"/org/id\":1")), JOSE_REQUIRED);
    ck_assert_fault(ask(C(",\"scope\":\"\",\"org\":{\"id\":false}")), JOSE_NONE);
}
END_TEST

/* ---- who it is ---- */

static struct jwt_identity identity_of(const char *claims)
{
    struct jwt_identity identity;

    ck_assert_fault(ask_at(JWT, str_from_c(claims), NOW, STR_ABSENT, &identity), JOSE_NONE);
    return identity;
}

#define ck_assert_text(got, want)                                                                  \
    ck_assert_msg(str_equal((got), str_from_c(want)), "'%.*s', want '%s'", STR_ARG(got), (want))

START_TEST(the_identity_is_what_the_claims_say)
{
    struct jwt_identity identity =
        identity_of(C(",\"jti\":\"t1\",\"iat\":1699999000,\"nbf\":1699999001.5"));

    ck_assert_ptr_eq(identity.policy, &policy);
    ck_assert_text(identity.user, "alice");
    ck_assert_text(identity.team, "");
    ck_assert_text(identity.roles, "");
    ck_assert(!identity.narrows_roles);
    ck_assert_text(identity.id, "t1");
    ck_assert_text(identity.claims, C(",\"jti\":\"t1\",\"iat\":1699999000,\"nbf\":1699999001.5"));
    ck_assert_int_eq(identity.expires_s, NOW + 100);
    ck_assert_int_eq(identity.issued_at_s, 1699999000);
    ck_assert_int_eq(identity.not_before_s, 1699999002);
    ck_assert(!identity.is_bound);
    identity = identity_of(C(""));
    ck_assert(str_is_absent(identity.id));
    ck_assert_int_eq(identity.issued_at_s, 0);
    ck_assert_int_eq(identity.not_before_s, 0);
}
END_TEST

START_TEST(another_claim_may_name_the_user)
{
    policy.user_claim = STR("/person/login");
    ck_assert_fault(ask(C("")), JOSE_USER);
    ck_assert_fault(ask(C(",\"person\":{\"login\":\"\"}")), JOSE_USER);
    ck_assert_fault(ask(C(",\"person\":{\"login\":{}}")), JOSE_USER);
    ck_assert_fault(ask(C(",\"person\":{\"login\":\"a\\u0001\"}")), JOSE_USER);
    ck_assert_text(identity_of(C(",\"person\":{\"login\":\"al\"}")).user, "al");
    policy.user_claim = STR("https://example.com/login");
    ck_assert_text(identity_of(C(",\"https://example.com/login\":\"al\"")).user, "al");
}
END_TEST

START_TEST(names_are_bounded)
{
    char claims[1024], name[300];

    for (int length = 254; length <= 256; length++) {
        memset(name, 'n', sizeof(name));
        name[length] = '\0';
        snprintf(
            claims, sizeof(claims),
            "{\"iss\":\"https://id.example\",\"aud\":\"api\",\"exp\":1700000100,\"sub\":\"%s\"}",
            name);
        ck_assert_fault(ask(claims), length <= 255 ? JOSE_NONE : JOSE_SUBJECT);
        name[length] = 'n';
        name[length + 1] = '\0';
        snprintf(claims, sizeof(claims), "{" WHO "," TIMES ",\"jti\":\"%s\"}", name);
        ck_assert_fault(ask(claims), length + 1 <= 256 ? JOSE_NONE : JOSE_TOKEN_ID);
    }
}
END_TEST

static struct jwt_role map_items[] = {{{"admin", 5}, {"ops", 3}},
                                      {{"read", 4}, {"reader", 6}},
                                      {{"https://x/read all", 18}, {"reader", 6}},
                                      {{"admin", 5}, {"reader", 6}}};

static const struct {
    bool has_map;
    const char *claims, *roles; /* roles NULL: refused */
} role_cases[] = {
    {false, C(""), NULL},
    {false, C(",\"roles\":null"), NULL},
    {false, C(",\"roles\":5"), NULL},
    {false, C(",\"roles\":{\"a\":1}"), NULL},
    {false, C(",\"roles\":[5]"), NULL},
    {false, C(",\"roles\":[\"a\",[\"b\"]]"), NULL},
    {false, C(",\"roles\":[]"), ""},
    {false, C(",\"roles\":\"\""), ""},
    {false, C(",\"roles\":[\"reader\",\"writer\",\"reader\"]"), "reader,writer"},
    {false, C(",\"roles\":\"reader  writer reader \""), "reader,writer"},
    {false, C(",\"roles\":[\"a,b\",\"c d\",\"\",\"reader\",\"https://x/y\"]"), "reader"},
    {false, C(",\"roles\":\"openid https://x/y reader\""), "openid,reader"},
    {true, C(",\"roles\":[\"reader\",\"ops\"]"), ""},
    {true, C(",\"roles\":[\"admin\"]"), "ops,reader"},
    {true, C(",\"roles\":[\"read\",\"https://x/read all\"]"), "reader"},
    {true, C(",\"roles\":\"read https://x/read all\""), "reader"},
    {true, C(",\"roles\":[\"Admin\",\"admi\",\"admin \"]"), ""},
};

START_TEST(roles_come_from_their_claim)
{
    policy.roles_claim = STR("roles");
    policy.roles = (struct jwt_roles){map_items, role_cases[_i].has_map ? 4 : 0};
    if (!role_cases[_i].roles) {
        ck_assert_fault(ask(role_cases[_i].claims), JOSE_ROLES);
        return;
    }
    struct jwt_identity identity = identity_of(role_cases[_i].claims);
    ck_assert_text(identity.roles, role_cases[_i].roles);
    ck_assert(identity.narrows_roles);
}
END_TEST

START_TEST(the_number_of_roles_is_bounded)
{
    char claims[4096];

    policy.roles_claim = STR("roles");
    for (int count = 32; count <= 33; count++) {
        int length = snprintf(claims, sizeof(claims), "{" WHO "," TIMES ",\"roles\":\"");
        for (int i = 0; i < count; i++) {
            length += snprintf(claims + length, sizeof(claims) - (size_t)length, "r%062d%s", i,
                               i + 1 < count ? " " : "\"}");
        }
        ck_assert_fault(ask(claims), count == 32 ? JOSE_NONE : JOSE_ROLES);
    }
}
END_TEST

START_TEST(a_team_must_be_a_name)
{
    policy.team_claim = STR("team");
    ck_assert_fault(ask(C("")), JOSE_TEAM);
    ck_assert_fault(ask(C(",\"team\":null")), JOSE_TEAM);
    ck_assert_fault(ask(C(",\"team\":\"\"")), JOSE_TEAM);
    ck_assert_fault(ask(C(",\"team\":\"a b\"")), JOSE_TEAM);
    ck_assert_fault(ask(C(",\"team\":[\"a\"]")), JOSE_TEAM);
    ck_assert_text(identity_of(C(",\"team\":\"payments\"")).team, "payments");
}
END_TEST

/* ---- the holder, and later sights ---- */

/* RFC 8705 3.1's example. */
#define BOUND "\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg0\""

START_TEST(a_bound_token_is_its_holders)
{
    static const uint8_t print[] = {0x6f, 0x07, 0x0a, 0xd1, 0xeb, 0x1c, 0xdc, 0x00,
                                    0x82, 0xdc, 0x30, 0x76, 0x63, 0x9f, 0xe5, 0x11,
                                    0x2b, 0x17, 0x13, 0xca, 0x3d, 0x96, 0xd7, 0x34,
                                    0xe4, 0xef, 0x3d, 0x8d, 0xd3, 0x7e, 0x76, 0x0d};
    static const char other[32] = {1};
    struct str claims = STR(C(",\"cnf\":{" BOUND "}"));
    struct str right = str_make((const char *)print, 32);
    struct jwt_identity identity;

    ck_assert_fault(ask_at(JWT, claims, NOW, STR_ABSENT, &identity), JOSE_OTHER_HOLDER);
    ck_assert_fault(ask_at(JWT, claims, NOW, str_make(other, 32), &identity), JOSE_OTHER_HOLDER);
    ck_assert_fault(ask_at(JWT, claims, NOW, str_make(right.ptr, 31), &identity),
                    JOSE_OTHER_HOLDER);
    ck_assert_fault(ask_at(JWT, claims, NOW, right, &identity), JOSE_NONE);
    ck_assert(identity.is_bound);
    ck_assert_fault(jwt_still_holds(&identity, NOW, right), JOSE_NONE);
    ck_assert_fault(jwt_still_holds(&identity, NOW, STR_ABSENT), JOSE_OTHER_HOLDER);
    ck_assert_fault(jwt_still_holds(&identity, NOW, str_make(other, 32)), JOSE_OTHER_HOLDER);
}
END_TEST

START_TEST(a_token_that_was_good_ends)
{
    struct jwt_identity identity = identity_of(C(",\"nbf\":1699999990"));

    ck_assert_fault(jwt_still_holds(&identity, NOW + 129, STR_ABSENT), JOSE_NONE);
    ck_assert_fault(jwt_still_holds(&identity, NOW + 130, STR_ABSENT), JOSE_EXPIRED);
    /* The clock stepped back. */
    ck_assert_fault(jwt_still_holds(&identity, 1699999960, STR_ABSENT), JOSE_NONE);
    ck_assert_fault(jwt_still_holds(&identity, 1699999959, STR_ABSENT), JOSE_NOT_YET);
}
END_TEST

/* ---- issuers ---- */

START_TEST(a_key_speaks_for_its_own_issuer_only)
{
    char *first = forge_jwk(FORGE_P256, ""), *second = forge_jwk(FORGE_P256_OTHER, "");
    struct jwt_policy both[2] = {policy, policy};
    struct jwt_identity identity;

    both[0].keys = fixture_keys(first);
    both[1].keys = fixture_keys(second);
    both[1].issuer = STR("https://other.example");
    struct jwt_verifier *two = jwt_verifier_new(both, NULL, 2, JWS_BYTES_DEFAULT);
    char *good = forge_token(FORGE_P256, "ES256", STR(JWT), STR(C("")));
    char *crossed = forge_token(FORGE_P256_OTHER, "ES256", STR(JWT), STR(C("")));
    ck_assert_fault(jwt_verify(two, str_from_c(good), NOW, STR_ABSENT, &identity), JOSE_NONE);
    ck_assert_ptr_eq(identity.policy, &both[0]);
    ck_assert_fault(jwt_verify(two, str_from_c(crossed), NOW, STR_ABSENT, &identity), JOSE_ISSUER);
    jwt_verifier_free(two);
    jose_keys_unref(both[0].keys);
    jose_keys_unref(both[1].keys);
    free(good);
    free(crossed);
    free(first);
    free(second);
}
END_TEST

/* What it says of itself chooses whose keys to fetch, so its signature is of no account. */
START_TEST(a_token_claims_a_publisher)
{
    struct jwt_policy both[2] = {policy, policy};
    struct jose_keys *fetched[2] = {NULL, policy.keys};

    both[1].issuer = STR("https://other.example");
    both[1].keys = NULL;
    both[1].published.url = STR("https://other.example/keys");
    struct jwt_verifier *two = jwt_verifier_new(both, fetched, 2, JWS_BYTES_DEFAULT);
    static const struct {
        const char *claims;
        bool is_claimed;
    } tokens[] = {{"{\"iss\":\"https://other.example\"}", true},
                  {C(""), false},
                  {"{\"iss\":\"https://other.example/\"}", false},
                  {"{\"iss\":[\"https://other.example\"]}", false},
                  {"{\"iss\":\"x\",\"iss\":\"https://other.example\"}", false},
                  {"x", false}};
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        char *token =
            forge_token(FORGE_P256_OTHER, "ES256", STR(JWT), str_from_c(tokens[i].claims));
        ck_assert_ptr_eq(jwt_claimed_publisher(two, str_from_c(token)),
                         tokens[i].is_claimed ? &both[1] : NULL);
        free(token);
    }
    ck_assert_ptr_null(jwt_claimed_publisher(two, STR("a.b")));
    jwt_verifier_free(two);
}
END_TEST

START_TEST(faults_have_texts_and_reasons)
{
    for (int fault = 0; fault < JOSE_FAULT_COUNT; fault++) {
        enum reason want = fault == JOSE_NONE                               ? REASON_OK
                           : fault == JOSE_EXPIRED || fault == JOSE_NOT_YET ? REASON_EXPIRED
                           : fault == JOSE_MEMORY                           ? REASON_OVERLOAD
                           : fault == JOSE_KEYS_AWAY                        ? REASON_ISSUER_DOWN
                                                                            : REASON_BAD_CREDENTIAL;
        ck_assert_uint_gt(strlen(jose_fault_text((enum jose_fault)fault)), 5);
        ck_assert_int_eq(jose_fault_reason((enum jose_fault)fault), want);
    }
}
END_TEST

START_TEST(a_verifier_is_whole_or_none)
{
    for (long n = 1;; n++) {
        failing_alloc_start(n);
        struct jwt_verifier *made = jwt_verifier_new(&policy, NULL, 1, JWS_BYTES_DEFAULT);
        bool came = failing_alloc_stop();
        ck_assert_int_eq(made == NULL, came);
        jwt_verifier_free(made);
        if (!came) {
            ck_assert_int_gt(n, 4);
            return;
        }
    }
}
END_TEST

Suite *claims_suite(void)
{
    Suite *suite = suite_create("claims");
    TCase *tests = tcase_create("claims");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, start, stop);
    tcase_add_loop_test(tests, claims_are_judged, 0, COUNT(cases));
    tcase_add_loop_test(tests, typ_is_one_that_is_listed, 0, COUNT(types));
    tcase_add_test(tests, a_bad_signature_comes_before_bad_claims);
    tcase_add_test(tests, a_lifetime_is_counted_from_iat);
    tcase_add_test(tests, required_claims_must_be_there);
    tcase_add_test(tests, the_identity_is_what_the_claims_say);
    tcase_add_test(tests, another_claim_may_name_the_user);
    tcase_add_test(tests, names_are_bounded);
    tcase_add_loop_test(tests, roles_come_from_their_claim, 0, COUNT(role_cases));
    tcase_add_test(tests, the_number_of_roles_is_bounded);
    tcase_add_test(tests, a_team_must_be_a_name);
    tcase_add_test(tests, a_bound_token_is_its_holders);
    tcase_add_test(tests, a_token_that_was_good_ends);
    tcase_add_test(tests, a_key_speaks_for_its_own_issuer_only);
    tcase_add_test(tests, a_token_claims_a_publisher);
    tcase_add_test(tests, faults_have_texts_and_reasons);
    tcase_add_test(tests, a_verifier_is_whole_or_none);
    suite_add_tcase(suite, tests);
    return suite;
}
