#include "agent/config/text.h"

#include <stdlib.h>

#include "agent/base/log.h"

bool text_is_line(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0 && text.len <= TEXT_BYTES_MAX;
}

enum err text_own(struct str text, struct str *out, struct diag *diag)
{
    char *copy = strndup(text.ptr, text.len);

    if (!copy) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    *out = str_make(copy, text.len);
    return ERR_OK;
}

enum err text_own_title(const char *title, struct str *out, struct diag *diag)
{
    if (!str_is_name(str_from_c(title))) {
        diag_set(diag, "expected a name of A-Z a-z 0-9 . _ @ -, at most 64");
        return ERR_SYNTAX;
    }
    return text_own(str_from_c(title), out, diag);
}

void text_drop(struct str *text)
{
    free((char *)(uintptr_t)text->ptr);
    *text = STR_ABSENT;
}

enum err text_refuse(enum err e, struct diag *diag, const char *wanted, struct str text)
{
    diag_set(diag, "expected %s, got \"%s\"", wanted, log_quote(text).text);
    return e;
}

enum err text_replace(struct str text, struct str *out, const char *wanted, struct diag *diag)
{
    struct str owned;

    if (!text_is_line(text)) {
        return text_refuse(ERR_SYNTAX, diag, wanted, text);
    }
    enum err e = text_own(text, &owned, diag);
    if (e == ERR_OK) {
        text_drop(out);
        *out = owned;
    }
    return e;
}

enum err text_grow(void *items, size_t count, size_t bytes, struct diag *diag)
{
    void *old, *grown;

    if (count == TEXTS_MAX) {
        diag_set(diag, "more than %d", TEXTS_MAX);
        return ERR_FULL;
    }
    memcpy(&old, items, sizeof(old));
    grown = realloc(old, (count + 1) * bytes);
    if (!grown) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    memcpy(items, &grown, sizeof(grown));
    return ERR_OK;
}

enum err text_add(struct str text, struct str_list *list, const char *wanted, struct diag *diag)
{
    struct str owned = STR_ABSENT;
    enum err e = text_grow(&list->items, list->count, sizeof(list->items[0]), diag);

    if (e == ERR_OK) {
        e = text_replace(text, &owned, wanted, diag);
    }
    if (e == ERR_OK) {
        list->items[list->count++] = owned;
    }
    return e;
}

void text_list_drop(struct str_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        text_drop(&list->items[i]);
    }
    free(list->items);
}
