#include "agent/authn/cert.h"

#include "tests/unit/authn/suites.h"

#define ISSUER "CN=Corp CA,O=Corp"

static struct str gates[] = {{"fe", 2}};
static struct str roles[] = {{"reader", 6}};

static struct cert_policy policies[] = {
    {.name = {"corp", 4},
     .issuer = {ISSUER, sizeof(ISSUER) - 1},
     .user = {"CN", 2},
     .gates = {gates, 1},
     .roles = {roles, 1}},
    {.name = {"services", 8},
     .issuer = {"CN=Services CA", 14},
     .user = {"CN", 2},
     .below = {"OU=svc,O=Corp", 13},
     .gates = {gates, 1}},
    {.name = {"mail", 4},
     .issuer = {"CN=Mail CA", 10},
     .user = {"emailAddress", 12},
     .gates = {gates, 1}},
};

static const struct config config = {.certificates = policies, .certificates_count = 3};
static const struct gate gate = {.name = {"fe", 2}};

static const struct {
    const char *issuer, *subject, *user;
} good[] = {
    {ISSUER, "CN=alice", "alice"},
    {ISSUER, "CN=alice,OU=x,O=Corp", "alice"},
    {ISSUER, "OU=x,CN=alice", "alice"},
    {ISSUER, "UID=7+CN=alice,O=Corp", "alice"},
    {ISSUER, "O=CN=root,CN=alice", "alice"},
    {ISSUER, "O=x\\,CN=root,CN=alice", "alice"},
    {ISSUER, "CN=host-7.example.com", "host-7.example.com"},
    {"CN=Services CA", "CN=alice,OU=svc,O=Corp", "alice"},
    {"CN=Mail CA", "CN=Alice Example,emailAddress=a@b.c", "a@b.c"},
};

START_TEST(names_one_user)
{
    struct cert_identity identity;

    ck_assert_ptr_null(cert_identify(&config, &gate, str_from_c(good[_i].issuer),
                                     str_from_c(good[_i].subject), &identity));
    ck_assert(str_equal(identity.user, str_from_c(good[_i].user)));
    ck_assert(str_equal(identity.policy->issuer, str_from_c(good[_i].issuer)));
}
END_TEST

#define NO_USER  "the certificate's subject names no user"
#define SEVERAL  "the certificate's subject names several users"
#define NO_NAME  "the certificate's subject is no user's name"
#define UNREAD   "the certificate's names can not be read"
#define UNKNOWN  "unknown certificate"
#define ONE_LINE "c_dn, c_idn: HAProxy must send ssl_c_s_dn(,0,rfc2253), ssl_c_i_dn(,0,rfc2253)"

static const struct {
    const char *issuer, *subject, *fault;
} bad[] = {
    {ISSUER, "O=Corp", NO_USER},
    {ISSUER, "CNX=alice", NO_USER},
    {ISSUER, "CN=", NO_NAME},
    {ISSUER, "CN=,O=Corp", NO_NAME},
    {ISSUER, "CN=alice,CN=root", SEVERAL},
    {ISSUER, "CN=alice,CN=alice", SEVERAL},
    {ISSUER, "CN=alice+CN=root,O=Corp", SEVERAL},
    {ISSUER, "CN=alice,cn=root", SEVERAL},
    {ISSUER, "CN=a/CN=root", NO_NAME},
    {ISSUER, "CN=a\\,CN=root", NO_NAME},
    {ISSUER, "CN=alice\\00", NO_NAME},
    {ISSUER, "CN=alice\\00.example.com", NO_NAME},
    {ISSUER, "CN=\\D0\\B0lice", NO_NAME},
    {ISSUER, "CN=\\ alice", NO_NAME},
    {ISSUER, "CN=Alice Example", NO_NAME},
    {ISSUER, "CN=#0C05616C696365", NO_NAME},
    {ISSUER, "CN=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NO_NAME},
    {ISSUER, "CN=\xd0\xb0lice", UNREAD},
    {ISSUER, "O=CN\\=root,CN=alice", UNREAD},
    {ISSUER, "CN=alice,", UNREAD},
    {ISSUER, "", UNREAD},
    {ISSUER, NULL, UNREAD},
    {NULL, "CN=alice", UNREAD},
    {NULL, NULL, UNREAD},
    {"", "CN=alice", UNREAD},
    {ISSUER, "/O=Corp/CN=alice", ONE_LINE},
    {"/O=Corp/CN=Corp CA", "CN=alice", ONE_LINE},
    {"CN=Corp CA,O=Corp,C=DE", "CN=alice", UNKNOWN},
    {"O=Corp,CN=Corp CA", "CN=alice", UNKNOWN},
    {"CN=corp ca,O=Corp", "CN=alice", UNKNOWN},
    {"CN=Corp CA", "CN=alice", UNKNOWN},
    {"CN=Services CA", "CN=alice", UNKNOWN},
    {"CN=Services CA", "CN=alice,OU=svc", UNKNOWN},
    {"CN=Services CA", "CN=alice,OU=svc,O=Corp,C=DE", UNKNOWN},
    {"CN=Services CA", "UID=7+CN=alice,OU=svc,O=Corp", UNKNOWN},
    {"CN=Services CA", "CN=alice,OU=x,OU=svc,O=Corp", UNKNOWN},
    {"CN=Services CA", "OU=svc,O=Corp", UNKNOWN},
    {"CN=Services CA", "UID=alice,OU=svc,O=Corp", NO_USER},
    {"CN=Mail CA", "CN=alice", NO_USER},
};

START_TEST(refuses_and_says_why)
{
    struct cert_identity identity;
    const char *fault = cert_identify(&config, &gate, str_from_c(bad[_i].issuer),
                                      str_from_c(bad[_i].subject), &identity);

    ck_assert_ptr_nonnull(fault);
    ck_assert_str_eq(fault, bad[_i].fault);
}
END_TEST

START_TEST(counts_only_at_its_gates)
{
    const struct gate other = {.name = {"f", 1}}, rest = {.name = {"*", 1}};
    struct cert_identity identity;

    ck_assert_str_eq(cert_identify(&config, &other, STR(ISSUER), STR("CN=alice"), &identity),
                     UNKNOWN);
    ck_assert_str_eq(cert_identify(&config, &rest, STR(ISSUER), STR("CN=alice"), &identity),
                     UNKNOWN);
}
END_TEST

START_TEST(several_sections_are_none)
{
    struct cert_policy twins[] = {policies[0], policies[0]};
    const struct config doubled = {.certificates = twins, .certificates_count = 2};
    struct cert_identity identity;

    ck_assert_str_eq(cert_identify(&doubled, &gate, STR(ISSUER), STR("CN=alice"), &identity),
                     "several sections of certificates speak of it");
    twins[1].below = STR("OU=svc");
    ck_assert_ptr_null(cert_identify(&doubled, &gate, STR(ISSUER), STR("CN=alice"), &identity));
    ck_assert_ptr_nonnull(
        cert_identify(&doubled, &gate, STR(ISSUER), STR("CN=alice,OU=svc"), &identity));
}
END_TEST

Suite *cert_suite(void)
{
    Suite *suite = suite_create("cert");
    TCase *tests = tcase_create("cert");

    tcase_add_loop_test(tests, names_one_user, 0, COUNT(good));
    tcase_add_loop_test(tests, refuses_and_says_why, 0, COUNT(bad));
    tcase_add_test(tests, counts_only_at_its_gates);
    tcase_add_test(tests, several_sections_are_none);
    suite_add_tcase(suite, tests);
    return suite;
}
