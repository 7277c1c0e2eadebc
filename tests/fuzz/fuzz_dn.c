/*
 * Aims at dn_is_valid(), dn_next() and cert_user().
 *
 * The input is read in two ways.
 *
 * As a name's text, whatever stands there. What is valid is the sum of its attributes, byte by byte,
 * and a user that is found in it has a user's name.
 *
 * As the attributes of a certificate's subject, one a line, "CN=alice", with a '+' in front where it
 * stands in one part with the line before. OpenSSL makes the name and prints it as HAProxy does.
 * Whatever the values are:
 *  - the text is valid, with as many attributes as the name has;
 *  - it names a user if and only if there is one CN, and that is a user's name: that one.
 */
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>

#include "agent/authn/cert.h"
#include "agent/base/dn.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"

#define ENTRIES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cert_policy policy = {.user = {"CN", 2}};

/* ---- as a text ---- */

static void check_text(struct str text)
{
    struct str rest = text, type, value;
    const char *at = text.ptr, *fault;

    if (!dn_is_valid(text)) {
        return;
    }
    ensure(text.len > 0 && text.len <= DN_BYTES_MAX && !dn_is_one_line(text));
    while (dn_next(&rest, &type, &value)) {
        ensure(type.ptr == at && type.len > 0 && type.ptr[type.len] == '=');
        ensure(value.ptr == type.ptr + type.len + 1);
        at = value.ptr + value.len;
        ensure(at == text.ptr + text.len || *at == ',' || *at == '+');
        at++;
    }
    ensure(at == text.ptr + text.len + 1);
    struct str user = cert_user(&policy, text, &fault);
    ensure(str_is_absent(user) ? fault != NULL : str_is_name(user) && !fault);
}

/* ---- as attributes ---- */

struct expected {
    size_t cn_count;
    struct str cn; /* the last one */
};

static bool add_entry(X509_NAME *name, struct str line, struct expected *expected)
{
    static const char *const types[] = {"CN", "OU", "O", "UID", "emailAddress", "1.2.3.4"};
    bool is_joined = line.len > 0 && line.ptr[0] == '+' && X509_NAME_entry_count(name) > 0;
    struct str value = is_joined ? str_skip(line, 1) : line, type;

    if (!str_cut(&value, '=', &type) || str_is_absent(value) || value.len > 64) {
        return true;
    }
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!str_equal(type, str_from_c(types[i]))) {
            continue;
        }
        int encoding = enc_is_utf8(value) ? V_ASN1_UTF8STRING : V_ASN1_T61STRING;
        if (i == 0) {
            expected->cn_count++;
            expected->cn = value;
        }
        return X509_NAME_add_entry_by_txt(name, types[i], encoding,
                                          (const unsigned char *)value.ptr, (int)value.len, -1,
                                          is_joined ? -1 : 0) == 1;
    }
    return true;
}

static void check_printed(struct str text, const X509_NAME *name, const struct expected *expected)
{
    struct str rest = text, type, value;
    const char *fault = NULL;
    int count = 0;

    if (text.len > DN_BYTES_MAX) {
        ensure(!dn_is_valid(text));
        return;
    }
    ensure(dn_is_valid(text));
    while (dn_next(&rest, &type, &value)) {
        count++;
    }
    ensure(count == X509_NAME_entry_count(name));
    struct str user = cert_user(&policy, text, &fault);
    bool has_user = expected->cn_count == 1 && str_is_name(expected->cn);
    ensure(has_user ? str_equal(user, expected->cn) : str_is_absent(user));
    ensure(has_user == (fault == NULL));
}

static void check_attributes(struct str lines)
{
    X509_NAME *name = X509_NAME_new();
    BIO *bio = BIO_new(BIO_s_mem());
    struct expected expected = {0};
    struct str line;
    char *text;

    ensure(name && bio);
    while (X509_NAME_entry_count(name) < ENTRIES_MAX && str_cut(&lines, '\n', &line)) {
        ensure(add_entry(name, line, &expected));
    }
    if (X509_NAME_entry_count(name) > 0) {
        ensure(X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0);
        long length = BIO_get_mem_data(bio, &text);
        check_printed(str_make(text, (size_t)length), name, &expected);
    }
    BIO_free(bio);
    X509_NAME_free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);

    ensure(copy);
    memcpy(copy, data, size);
    check_text(str_make(copy, size));
    check_attributes(str_make(copy, size));
    free(copy);
    return 0;
}
