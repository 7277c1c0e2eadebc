#include "agent/base/certificate.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static enum err refuse(enum err e, struct diag *diag, const char *text)
{
    diag_set(diag, "%s", text);
    return e;
}

/* NUL-terminated. */
static enum err print_name(const X509_NAME *name, char out[DN_BYTES_MAX + 1], struct diag *diag)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    enum err e = ERR_OK;

    if (!bio || X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) < 0) {
        e = refuse(ERR_MEMORY, diag, "its names can not be printed");
    }
    long length = e == ERR_OK ? BIO_get_mem_data(bio, &text) : 0;
    if (length > DN_BYTES_MAX) {
        e = refuse(ERR_RANGE, diag, "its names are too long");
    } else if (e == ERR_OK) {
        memcpy(out, text, (size_t)length);
        out[length] = '\0';
    }
    BIO_free(bio);
    return e;
}

static enum err read_whole(X509 *x509, struct certificate *out, struct diag *diag)
{
    struct certificate whole;
    unsigned length = 0;

    if (X509_digest(x509, EVP_sha256(), whole.sha256, &length) != 1 ||
        length != sizeof(whole.sha256)) {
        return refuse(ERR_MEMORY, diag, "it can not be hashed");
    }
    enum err e = print_name(X509_get_subject_name(x509), whole.subject, diag);
    if (e == ERR_OK) {
        e = print_name(X509_get_issuer_name(x509), whole.issuer, diag);
    }
    if (e == ERR_OK) {
        *out = whole;
    }
    return e;
}

enum err certificate_read(struct str pem, struct certificate *out, struct diag *diag)
{
    BIO *bio = BIO_new_mem_buf(pem.len > 0 ? pem.ptr : "", (int)pem.len);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    X509 *another = x509 ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    enum err e;

    if (!x509 || another) {
        e = refuse(ERR_SYNTAX, diag,
                   another ? "several certificates in it" : "no certificate in PEM");
    } else {
        e = read_whole(x509, out, diag);
    }
    X509_free(another);
    X509_free(x509);
    BIO_free(bio);
    ERR_clear_error();
    return e;
}
