#include "agent/config/pepper.h"

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/config/secret.h"

#define FILE_BYTES_MAX   (64u * 1024)
#define PEPPER_BYTES_MIN 16

static bool is_id(struct str id)
{
    return str_is_name(id) && id.len <= PEPPER_ID_MAX && !memchr(id.ptr, '@', id.len);
}

static bool parse_line(struct str line, struct pepper *out)
{
    struct str hex = line, id;

    if (!str_cut(&hex, ' ', &id) || !is_id(id) || hex.len < 2 * PEPPER_BYTES_MIN ||
        hex.len > 2 * PEPPER_BYTES_MAX || !enc_unhex(hex, out->key, hex.len / 2)) {
        return false;
    }
    memcpy(out->id, id.ptr, id.len);
    out->id[id.len] = '\0';
    out->key_length = hex.len / 2;
    return true;
}

static enum err add_line(struct pepper_set *set, struct str line, const char *where,
                         struct diag *diag)
{
    struct pepper pepper;
    enum err e = ERR_OK;

    if (!parse_line(line, &pepper)) {
        diag_set(diag, "%s: expected \"<id> <hex of %d to %d bytes>\"", where, PEPPER_BYTES_MIN,
                 PEPPER_BYTES_MAX);
        e = ERR_SYNTAX;
    } else if (pepper_find(set, str_from_c(pepper.id))) {
        diag_set(diag, "%s: pepper \"%s\" stands there twice", where, pepper.id);
        e = ERR_RANGE;
    } else if (set->count == PEPPER_COUNT_MAX) {
        diag_set(diag, "%s: more than %d peppers", where, PEPPER_COUNT_MAX);
        e = ERR_FULL;
    } else {
        set->items[set->count++] = pepper;
    }
    crypto_wipe(&pepper, sizeof(pepper));
    return e;
}

static enum err parse(struct str text, const char *source, struct pepper_set *set,
                      struct diag *diag)
{
    struct diag where;
    struct str line;

    for (unsigned number = 1; str_cut(&text, '\n', &line); number++) {
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        diag_set(&where, "%s:%u", source, number);
        enum err e = add_line(set, line, where.text, diag);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (set->count == 0) {
        diag_set(diag, "%s: holds no pepper", source);
        return ERR_MISSING;
    }
    return ERR_OK;
}

enum err pepper_load(const char *source, struct pepper_set *out, struct diag *diag)
{
    struct file_text text = {0};
    struct pepper_set set = {.count = 0};
    enum err e = secret_read(source, FILE_BYTES_MAX, &text, diag);

    if (e == ERR_OK) {
        e = parse(str_make(text.bytes, text.length), source, &set, diag);
    }
    if (e == ERR_OK) {
        *out = set;
    }
    pepper_wipe(&set);
    file_text_free(&text);
    return e;
}

const struct pepper *pepper_find(const struct pepper_set *set, struct str id)
{
    for (size_t i = 0; i < set->count; i++) {
        if (str_equal(str_from_c(set->items[i].id), id)) {
            return &set->items[i];
        }
    }
    return NULL;
}

void pepper_wipe(struct pepper_set *set)
{
    crypto_wipe(set, sizeof(*set));
}
