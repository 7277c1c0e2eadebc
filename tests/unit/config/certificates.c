#include <check.h>

#include "tests/unit/config/box.h"
#include "tests/unit/config/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

#define CERT_GATE       "gate x { accept = {cert} }\n"
#define SECTION(fields) "certificates corp { " fields " }\n" CERT_GATE
#define ISSUER          "issuer = \"CN=Corp CA,O=Corp\" "
#define WHERE           "reeve.conf:1: certificates \"corp\": "
#define WANTED                                                                                     \
    "expected a name as openssl x509 -noout -issuer -nameopt RFC2253 prints it, without "          \
    "\"issuer=\", got "

static const struct {
    const char *text, *want;
} bad_sections[] = {
    {SECTION(""), WHERE "issuer: set it to the name of who signs them\n"},
    {SECTION(ISSUER), WHERE "gates: set those whose frontends verify against this issuer alone\n"},
    {SECTION(ISSUER "gates = {}"),
     WHERE "gates: set those whose frontends verify against this issuer alone\n"},
    {SECTION(ISSUER "gates = {y}"), "reeve.conf: certificates \"corp\": gates: no gate \"y\" that "
                                    "has cert in accept or also\n"},
    {"gate y { accept = {apikey} }\ncertificates corp { " ISSUER "gates = {y} }",
     "reeve.conf: certificates \"corp\": gates: no gate \"y\" that has cert in accept or also\n"},
    {SECTION(ISSUER "gates = {\"*\"}"), "reeve.conf: certificates \"corp\": gates: no gate \"*\" "
                                        "that has cert in accept or also\n"},
    {SECTION("issuer = \"/O=Corp/CN=Corp CA\" gates = {x}"),
     WHERE "issuer: " WANTED "\"/O=Corp/CN=Corp CA\"\n"},
    {SECTION(ISSUER "gates = {x} below = \"O=Corp, C=DE\""),
     WHERE "below: " WANTED "\"O=Corp, C=DE\"\n"},
    {SECTION(ISSUER "gates = {x} below = \"\""), WHERE "below: " WANTED "\"\"\n"},
    {SECTION(ISSUER "gates = {x} user = SN"),
     WHERE "user: expected CN, UID or emailAddress, got \"SN\"\n"},
    {SECTION(ISSUER "gates = {x} user = cn"),
     WHERE "user: expected CN, UID or emailAddress, got \"cn\"\n"},
    {SECTION(ISSUER "gates = {x} roles = {\"a b\"}"),
     WHERE "roles: expected a role's name, got \"a b\"\n"},
    {SECTION(ISSUER "gates = {x} roles = {\"\"}"),
     WHERE "roles: expected a role's name, got \"\"\n"},
    {SECTION(ISSUER "gates = {x} role = {a}"), "reeve.conf:1: no such option 'role'\n"},
    {"certificates \"a b\" { " ISSUER "gates = {x} }\n" CERT_GATE,
     "reeve.conf:1: certificates \"a b\": expected a name of A-Z a-z 0-9 . _ @ -, at most 64\n"},
};

START_TEST(refuses_and_names_the_line)
{
    ck_assert_str_eq(box_errors(bad_sections[_i].text), bad_sections[_i].want);
}
END_TEST

START_TEST(fields_reach_the_policy)
{
    struct config *config =
        box_load("gate x { accept = {cert} }\ngate y { accept = {apikey} also = {cert} }\n"
                 "certificates corp { " ISSUER
                 "gates = {x, y} user = UID below = \"OU=svc,O=Corp\\\\, Inc\" "
                 "roles = {reader, writer} }\n"
                 "certificates bare { " ISSUER "gates = {x} }");
    const struct cert_policy *corp = &config->certificates[0], *bare = &config->certificates[1];

    ck_assert_uint_eq(config->certificates_count, 2);
    ck_assert(str_equal(corp->issuer, STR("CN=Corp CA,O=Corp")));
    ck_assert(str_equal(corp->user, STR("UID")));
    ck_assert(str_equal(corp->below, STR("OU=svc,O=Corp\\, Inc")));
    ck_assert(str_list_has(&corp->gates, STR("x")) && str_list_has(&corp->gates, STR("y")));
    ck_assert(str_list_has(&corp->roles, STR("reader")) && corp->roles.count == 2);
    ck_assert(!str_list_has(&corp->roles, STR("read")));
    ck_assert(str_equal(bare->user, STR("CN")));
    ck_assert(str_is_absent(bare->below) && bare->roles.count == 0);
    config_unref(config);
}
END_TEST

START_TEST(a_gate_takes_certificates)
{
    struct config *config = box_load("gate x { accept = {cert} anonymous = guest }\n"
                                     "gate y { accept = {apikey} also = {cert} }");

    ck_assert_uint_eq(config_gate(config, STR("x"))->accept, CREDENTIAL_CERT);
    ck_assert_uint_eq(config_gate(config, STR("y"))->also, CREDENTIAL_CERT);
    config_unref(config);
}
END_TEST

Suite *certificates_suite(void)
{
    Suite *suite = suite_create("certificates");
    TCase *tests = tcase_create("certificates");

    tcase_add_checked_fixture(tests, box_open, box_close);
    tcase_add_loop_test(tests, refuses_and_names_the_line, 0, COUNT(bad_sections));
    tcase_add_test(tests, fields_reach_the_policy);
    tcase_add_test(tests, a_gate_takes_certificates);
    suite_add_tcase(suite, tests);
    return suite;
}
