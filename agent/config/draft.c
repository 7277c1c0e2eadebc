#include "agent/config/draft.h"

#include <stdarg.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"

void draft_init(struct draft *draft, struct config *config, const char *path, FILE *errors)
{
    *draft = (struct draft){.config = config, .path = path, .errors = errors};
}

void draft_fini(struct draft *draft)
{
    for (size_t i = 0; i < SETTINGS_MAX; i++) {
        free(draft->origins[i]);
    }
    *draft = (struct draft){.config = NULL};
}

void draft_hash(struct draft *draft, struct str text)
{
    char *hash = draft->config->hash;
    struct crypto_hasher *hasher = crypto_start() == ERR_OK ? crypto_sha256_new() : NULL;
    uint8_t digest[CRYPTO_SHA256_BYTES];

    if (!hasher || crypto_hash_begin(hasher) != ERR_OK ||
        crypto_hash_add(hasher, hash, CONFIG_HASH_CHARS) != ERR_OK ||
        crypto_hash_add(hasher, text.ptr, text.len) != ERR_OK ||
        crypto_hash_peek(hasher, digest) != ERR_OK) {
        draft_error(draft, draft->path, "OpenSSL refused");
    } else {
        enc_hex(digest, CONFIG_HASH_CHARS / 2, hash);
    }
    crypto_hasher_free(hasher);
}

static void print_clean(FILE *out, const char *text)
{
    for (; *text; text++) {
        fputc(*text >= ' ' && *text <= '~' ? *text : '?', out);
    }
}

void draft_error(struct draft *draft, const char *where, const char *format, ...)
{
    char text[1024];
    va_list args;

    draft->error_count++;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print_clean(draft->errors, where);
    fputs(": ", draft->errors);
    print_clean(draft->errors, text);
    fputc('\n', draft->errors);
}

void draft_set(struct draft *draft, const struct setting *setting, const char *where,
               struct str text)
{
    size_t index = setting_index(setting);
    struct diag diag;

    if (setting_set(setting, draft->config, text, &diag) != ERR_OK) {
        draft->is_bad[index] = true;
        draft_error(draft, where, "%s: %s", setting->name, diag.text);
    }
    free(draft->origins[index]);
    draft->origins[index] = strdup(where);
}

const char *draft_origin(const struct draft *draft, const struct setting *setting)
{
    const char *origin = draft->origins[setting_index(setting)];

    return origin ? origin : draft->path;
}
