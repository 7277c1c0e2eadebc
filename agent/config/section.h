/*
 * Sections of reeve.conf: `gate "name" { ... }`. Each kind is a table of fields, from which come
 * what libconfuse knows, parsing, and the reference.
 *
 * The field tables: gate.c, issuer.c, certificates.c, sink.c.
 */
#ifndef REEVE_CONFIG_SECTION_H
#define REEVE_CONFIG_SECTION_H

#include "agent/config/setting.h"

#define SECTION_FIELDS_MAX 24

struct section_field {
    const char *name;
    bool is_list;
    const char *initial;          /* as it would stand in the file; NULL: it must be set */
    const struct choice *choices; /* NULL: a text */
    void (*apply)(void *item, unsigned value);                       /* of choices */
    enum err (*set)(void *item, struct str text, struct diag *diag); /* of texts: ERR_SYNTAX,
                                                 ERR_RANGE, ERR_FULL, ERR_MEMORY, with a diag */
    const char *takes; /* of texts, for the reference: "a role's name, or nothing" */
    const char *help;
};

/* An item of memory that is all zero can be set and finished. */
struct section {
    const char *name;                   /* "gate" */
    const char *one;                    /* "a gate" */
    const char *help;                   /* what it is, for the reference; ends in a newline */
    size_t bytes;                       /* of an item */
    size_t items_offset;                /* in struct config: where the array is, */
    size_t count_offset;                /* and how long */
    size_t origin_offset;               /* in an item: a text, where it stands */
    size_t max;                         /* items */
    const struct section_field *fields; /* ended by a name of NULL */
    /* Every field at its default. ERR_SYNTAX with a diag for a bad title; ERR_MEMORY. */
    enum err (*init)(void *item, const char *title, struct diag *diag);
    /* What can only be said of the whole, and files it names. ERR_RANGE with a diag. */
    enum err (*check)(void *item, struct diag *diag);
    void (*fini)(void *item);
};

extern const struct section gate_section, issuer_section, certificates_section, sink_section;

/* All of them, ended by NULL. */
extern const struct section *const sections[];

/* NULL where there is none. */
const struct section *section_find(const char *name);
const struct section_field *section_field_find(const struct section *section, const char *name);

/* Sets one value, adds it where the field is a list. As struct section_field's set(); the item is
 * untouched then. */
enum err section_set(const struct section_field *field, void *item, struct str text,
                     struct diag *diag) MUST_USE;

/* Takes what the item owns. ERR_FULL, ERR_MEMORY with a diag: then it is still the caller's. */
enum err section_add(const struct section *section, struct config *config, const void *item,
                     struct diag *diag) MUST_USE;

/* Finishes every item. */
void section_clear(const struct section *section, struct config *config);

#endif
