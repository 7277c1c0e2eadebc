#include "agent/config/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/str.h"

#define PATH_BYTES_MAX 4096

/* As POSIX has names of variables. */
static bool is_variable(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

        if (!is_letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.len > 0;
}

static enum err read_variable(const char *source, const char *name, size_t max_bytes,
                              struct file_text *out, struct diag *diag)
{
    if (!is_variable(str_from_c(name))) {
        diag_set(diag, "%s: expected the name of an environment variable", source);
        return ERR_SYNTAX;
    }
    const char *value = getenv(name);
    if (!value) {
        diag_set(diag, "%s: the environment variable is not set", source);
        return ERR_MISSING;
    }
    if (strlen(value) > max_bytes) {
        diag_set(diag, "%s: larger than %zu bytes", source, max_bytes);
        return ERR_RANGE;
    }
    struct file_text text = {.bytes = strdup(value), .length = strlen(value)};
    if (!text.bytes) {
        diag_set(diag, "%s: out of memory", source);
        return ERR_MEMORY;
    }
    *out = text;
    return ERR_OK;
}

static enum err read_credential(const char *source, const char *name, size_t max_bytes,
                                struct file_text *out, struct diag *diag)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[PATH_BYTES_MAX];

    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/')) {
        diag_set(diag, "%s: expected the name of a credential", source);
        return ERR_SYNTAX;
    }
    if (!folder || folder[0] != '/') {
        diag_set(diag, "%s: there are no credentials: CREDENTIALS_DIRECTORY is not set", source);
        return ERR_MISSING;
    }
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof(path)) {
        diag_set(diag, "%s: the path is too long", source);
        return ERR_RANGE;
    }
    return file_read(path, FILE_CREDENTIAL, max_bytes, out, diag);
}

enum err secret_read(const char *source, size_t max_bytes, struct file_text *out, struct diag *diag)
{
    static const struct str variable = {"env:", 4}, credential = {"credential:", 11};
    struct str text = str_from_c(source);

    if (str_starts_with(text, variable)) {
        return read_variable(source, source + variable.len, max_bytes, out, diag);
    }
    if (str_starts_with(text, credential)) {
        return read_credential(source, source + credential.len, max_bytes, out, diag);
    }
    return file_read(source, FILE_PRIVATE, max_bytes, out, diag);
}
