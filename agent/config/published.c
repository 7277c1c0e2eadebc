#include "agent/config/published.h"

#include <string.h>

#include "agent/config/file.h"
#include "agent/config/text.h"
#include "agent/config/value.h"

#define URL_BYTES_MAX  1024
#define PATH_BYTES_MAX 4095
#define CA_BYTES_MAX   (1024 * 1024)

#define SECOND_US   INT64_C(1000000)
#define REFRESH_US  (300 * SECOND_US)
#define MAX_AGE_US  (86400 * SECOND_US)
#define TIMEOUT_US  (5 * SECOND_US)
#define COOLDOWN_US (30 * SECOND_US)

static enum err keep(struct str text, struct str *out, struct diag *diag)
{
    struct str owned;
    enum err e = text_own(text, &owned, diag);

    if (e == ERR_OK) {
        text_drop(out);
        *out = owned;
    }
    return e;
}

static bool has_byte(struct str text, char c)
{
    return text.len > 0 && memchr(text.ptr, c, text.len) != NULL;
}

static bool is_url(struct str text)
{
    const struct str scheme = STR("https://");
    struct str rest, authority;

    if (text.len > URL_BYTES_MAX || !str_starts_with(text, scheme)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f) {
            return false;
        }
    }
    rest = str_skip(text, scheme.len);
    return has_byte(rest, '/') && !has_byte(rest, '#') && !has_byte(rest, '\\') &&
           str_cut(&rest, '/', &authority) && authority.len > 0 && !has_byte(authority, '@') &&
           !has_byte(authority, '?');
}

enum err published_set_url(struct jwt_published *published, struct str text, struct diag *diag)
{
    if (!is_url(text)) {
        return text_refuse(ERR_SYNTAX, diag, "https://host[:port]/path", text);
    }
    return keep(text, &published->url, diag);
}

enum err published_set_ca_file(struct jwt_published *published, struct str path, struct diag *diag)
{
    char name[PATH_BYTES_MAX + 1];
    struct file_text text = {0};

    if (path.len == 0 || path.len >= sizeof(name)) {
        diag_set(diag, "expected a path");
        return ERR_SYNTAX;
    }
    memcpy(name, path.ptr, path.len);
    name[path.len] = '\0';
    enum err e = file_read(name, FILE_ANY, CA_BYTES_MAX, &text, diag);
    if (e == ERR_OK && !strstr(text.bytes, "-----BEGIN CERTIFICATE-----")) {
        diag_set(diag, "%s: no block BEGIN CERTIFICATE", name);
        e = ERR_SYNTAX;
    }
    if (e == ERR_OK) {
        e = keep(str_make(text.bytes, text.length), &published->ca_pem, diag);
    }
    file_text_free(&text);
    return e;
}

static void set_default(int64_t *field, int64_t value)
{
    *field = *field > 0 ? *field : value;
}

enum err published_complete(struct jwt_published *published, struct diag *diag)
{
    char refresh[VALUE_TEXT_MAX];

    set_default(&published->refresh_us, REFRESH_US);
    set_default(&published->max_age_us, MAX_AGE_US);
    set_default(&published->timeout_us, TIMEOUT_US);
    set_default(&published->cooldown_us, COOLDOWN_US);
    if (published->max_age_us < published->refresh_us) {
        value_print_duration((uint64_t)published->refresh_us, refresh);
        diag_set(diag, "jwks_max_age: must not be below jwks_refresh, which is %s", refresh);
        return ERR_RANGE;
    }
    return ERR_OK;
}

void published_fini(struct jwt_published *published)
{
    text_drop(&published->url);
    text_drop(&published->ca_pem);
}
