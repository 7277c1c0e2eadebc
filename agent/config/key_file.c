#include "agent/config/key_file.h"

#include "agent/config/secret.h"

static bool is_path(const char *source)
{
    struct str text = str_from_c(source);

    return !str_starts_with(text, STR("env:")) && !str_starts_with(text, STR("credential:"));
}

static enum err read_source(const char *source, enum file_privacy privacy, struct file_text *out,
                            struct diag *diag)
{
    return is_path(source) ? file_read(source, privacy, JOSE_KEYS_BYTES_MAX, out, diag)
                           : secret_read(source, JOSE_KEYS_BYTES_MAX, out, diag);
}

static enum err add_text(const char *source, const struct file_text *text, struct jose_keys *keys,
                         struct diag *diag)
{
    struct diag why;
    enum err e = jose_keys_add(keys, str_make(text->bytes, text->length), &why);

    if (e != ERR_OK) {
        diag_set(diag, "%s: %s", source, why.text);
    }
    return e;
}

/* What is in it says how private it must be. */
static enum err check_privacy(const char *source, struct diag *diag)
{
    struct file_text text = {0};
    enum err e = read_source(source, FILE_PRIVATE, &text, diag);

    file_text_free(&text);
    return e;
}

enum err key_file_add(const char *source, struct jose_keys *keys, struct diag *diag)
{
    struct file_text text = {0};
    enum err e = read_source(source, FILE_ANY, &text, diag);

    if (e == ERR_OK) {
        e = add_text(source, &text, keys, diag);
    }
    file_text_free(&text);
    if (e == ERR_OK && jose_keys_are_secret(keys)) {
        e = check_privacy(source, diag);
    }
    return e;
}
