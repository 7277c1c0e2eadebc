#include "agent/base/dn.h"

#include <check.h>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include "tests/unit/base/suites.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const char *const good[] = {
    "CN=alice",
    "CN=",
    "CN=alice,OU=svc,O=Corp",
    "CN=Corp CA,O=Corp\\, Inc,C=DE",
    "UID=7+CN=alice,O=Corp",
    "CN=root,CN=alice",
    "CN=a/CN=root,O=Corp",
    "CN=a\\,CN=root,O=x\\, y\\+z",
    "CN=\\D0\\B0lice",
    "CN=a\\00b",
    "CN=a\\0Ab\\7F",
    "CN=\\ alice\\ ",
    "CN=\\ ",
    "CN=a b  c",
    "CN=\\#alice",
    "CN=a#b=c",
    "CN=#",
    "CN=\\\"\\<\\>\\;\\\\",
    "1.2.840.113549.1.9.1=#16034140",
    "emailAddress=a@b.c,CN=alice",
};

static const char *const bad[] = {
    "",
    "-",
    "/O=Corp/CN=alice",
    "/",
    "alice",
    "=alice",
    "CN",
    "CN=alice,",
    ",CN=alice",
    "CN=alice+",
    "CN=alice,,O=Corp",
    "CN=alice, O=Corp",
    "CN =alice",
    " CN=alice",
    "CN= alice",
    "CN=alice ",
    "CN=#alice",
    "CN=\\#",
    "CN=#16",
    "CN=#0",
    "CN=#0g",
    "CN=#ab",
    "CN=a\\",
    "CN=a\\4",
    "CN=a\\41",
    "CN=a\\d0",
    "CN=a\\x",
    "CN=a\\ b",
    "CN=a\\#b",
    "CN=a\\20b",
    "CN=a;O=b",
    "CN=\"alice\"",
    "CN=a<b",
    "CN=a>b",
    "CN=\xd0\xb0lice",
    "CN=a\nb",
    "CN=a\x7f",
    "C-N_=alice",
    "2=alice",
    "2.5.4.03=alice",
    "2..4=alice",
    "2.5.=alice",
    "OID.2.5.4.3=alice",
};

START_TEST(takes_what_openssl_writes)
{
    ck_assert_msg(dn_is_valid(str_from_c(good[_i])), "%s", good[_i]);
}
END_TEST

START_TEST(refuses_all_else)
{
    ck_assert_msg(!dn_is_valid(str_from_c(bad[_i])), "%s", bad[_i]);
}
END_TEST

START_TEST(refuses_a_nul_and_what_is_too_long)
{
    char text[DN_BYTES_MAX + 1] = "CN=";

    ck_assert(!dn_is_valid(STR("CN=alice\0")));
    memset(text + 3, 'a', sizeof(text) - 3);
    ck_assert(dn_is_valid(str_make(text, DN_BYTES_MAX)));
    ck_assert(!dn_is_valid(str_make(text, DN_BYTES_MAX + 1)));
    ck_assert(!dn_is_valid(STR_ABSENT));
}
END_TEST

START_TEST(gives_attributes_as_they_are_written)
{
    struct str rest = STR("UID=7+CN=a\\,b=c,O=");
    struct str type, value;

    ck_assert(dn_next(&rest, &type, &value));
    ck_assert(str_equal(type, STR("UID")) && str_equal(value, STR("7")));
    ck_assert(dn_next(&rest, &type, &value));
    ck_assert(str_equal(type, STR("CN")) && str_equal(value, STR("a\\,b=c")));
    ck_assert(dn_next(&rest, &type, &value));
    ck_assert(str_equal(type, STR("O")) && value.len == 0);
    ck_assert(!dn_next(&rest, &type, &value));
}
END_TEST

START_TEST(knows_the_one_line_form)
{
    ck_assert(dn_is_one_line(STR("/O=Corp/CN=alice")));
    ck_assert(!dn_is_one_line(STR("CN=alice/CN=root")));
    ck_assert(!dn_is_one_line(STR("")));
    ck_assert(!dn_is_one_line(STR_ABSENT));
}
END_TEST

/* ---- against OpenSSL ---- */

static const char *const types[] = {"CN", "O", "OU", "UID", "emailAddress", "C", "1.2.3.4"};

static X509_NAME *draw_name(int count)
{
    static const int encodings[] = {V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_IA5STRING,
                                    V_ASN1_T61STRING};
    static const char hostile[] = ",+\"\\<>;#= /a\0\n\x7f\xc3\xa9";
    X509_NAME *name = X509_NAME_new();

    for (int i = 0; i < count; i++) {
        unsigned char value[8];
        int length = 1 + rand() % 8;

        for (int k = 0; k < length; k++) {
            value[k] = (unsigned char)hostile[rand() % (int)(sizeof(hostile) - 1)];
        }
        X509_NAME_add_entry_by_txt(name, types[rand() % COUNT(types)],
                                   encodings[rand() % COUNT(encodings)], value, length, -1,
                                   i > 0 && rand() % 4 == 0 ? -1 : 0);
    }
    return name;
}

/* As HAProxy writes it. */
static struct str print_name(X509_NAME *name, BIO *bio)
{
    char *text;

    ck_assert_int_ge(X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253), 0);
    long length = BIO_get_mem_data(bio, &text);
    return str_make(text, (size_t)length);
}

START_TEST(reads_every_name_as_it_was_made)
{
    srand(7);
    for (int round = 0; round < 20000; round++) {
        int count = 1 + rand() % 4, seen = 0;
        X509_NAME *name = draw_name(count);
        BIO *bio = BIO_new(BIO_s_mem());
        struct str text = print_name(name, bio), rest = text, type, value;

        /* What can not be turned into UTF-8 is not printed at all. */
        if (text.len > 0) {
            ck_assert_msg(dn_is_valid(text), "%.*s", STR_ARG(text));
            while (dn_next(&rest, &type, &value)) {
                seen++;
            }
            ck_assert_msg(seen == X509_NAME_entry_count(name), "%.*s", STR_ARG(text));
        }
        BIO_free(bio);
        X509_NAME_free(name);
    }
}
END_TEST

Suite *dn_suite(void)
{
    Suite *suite = suite_create("dn");
    TCase *tests = tcase_create("dn");

    tcase_add_loop_test(tests, takes_what_openssl_writes, 0, COUNT(good));
    tcase_add_loop_test(tests, refuses_all_else, 0, COUNT(bad));
    tcase_add_test(tests, refuses_a_nul_and_what_is_too_long);
    tcase_add_test(tests, gives_attributes_as_they_are_written);
    tcase_add_test(tests, knows_the_one_line_form);
    tcase_add_test(tests, reads_every_name_as_it_was_made);
    suite_add_tcase(suite, tests);
    return suite;
}
