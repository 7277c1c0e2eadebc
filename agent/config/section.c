#include "agent/config/section.h"

#include <stdlib.h>

const struct section *const sections[] = {&gate_section, &issuer_section, &certificates_section,
                                          &sink_section, NULL};

const struct section *section_find(const char *name)
{
    for (size_t i = 0; sections[i]; i++) {
        if (strcmp(sections[i]->name, name) == 0) {
            return sections[i];
        }
    }
    return NULL;
}

const struct section_field *section_field_find(const struct section *section, const char *name)
{
    for (const struct section_field *field = section->fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

enum err section_set(const struct section_field *field, void *item, struct str text,
                     struct diag *diag)
{
    unsigned value;

    if (!field->choices) {
        return field->set(item, text, diag);
    }
    enum err e = choice_find(field->choices, text, &value, diag);
    if (e == ERR_OK) {
        field->apply(item, value);
    } else if (e == ERR_SYNTAX) {
        struct diag allowed;

        choice_describe(field->choices, &allowed);
        diag_set(diag, "expected %s, got \"%s\"", allowed.text, log_quote(text).text);
    }
    return e;
}

static void *items_of(const struct section *section, const struct config *config)
{
    void *items;

    memcpy(&items, (const char *)config + section->items_offset, sizeof(items));
    return items;
}

static size_t *count_of(const struct section *section, struct config *config)
{
    return (size_t *)(void *)((char *)config + section->count_offset);
}

enum err section_add(const struct section *section, struct config *config, const void *item,
                     struct diag *diag)
{
    size_t *count = count_of(section, config);

    if (*count == section->max) {
        diag_set(diag, "more than %zu %ss", section->max, section->name);
        return ERR_FULL;
    }
    char *grown = realloc(items_of(section, config), (*count + 1) * section->bytes);
    if (!grown) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    memcpy((char *)config + section->items_offset, &grown, sizeof(grown));
    memcpy(grown + *count * section->bytes, item, section->bytes);
    ++*count;
    return ERR_OK;
}

void section_clear(const struct section *section, struct config *config)
{
    char *items = items_of(section, config);
    size_t *count = count_of(section, config);

    for (size_t i = 0; i < *count; i++) {
        section->fini(items + i * section->bytes);
    }
    free(items);
    *count = 0;
}
