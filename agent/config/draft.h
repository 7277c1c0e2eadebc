/* A configuration while it is read: the snapshot to be, where each value came from, and the errors
 * found so far. */
#ifndef REEVE_CONFIG_DRAFT_H
#define REEVE_CONFIG_DRAFT_H

#include <stdio.h>

#include "agent/config/setting.h"

struct draft {
    struct config *config; /* borrowed */
    const char *path;      /* of the main file; borrowed */
    FILE *errors;          /* borrowed */
    unsigned error_count;
    char *origins[SETTINGS_MAX]; /* "reeve.conf:42", by setting_index(); NULL: the default */
    bool is_bad[SETTINGS_MAX];   /* its value was refused */
};

void draft_init(struct draft *draft, struct config *config, const char *path, FILE *errors);
void draft_fini(struct draft *draft);

/* One line, "<where>: <text>"; other bytes than printable ASCII, which may come from the file or
 * from its name, as '?'. */
void draft_error(struct draft *draft, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets a value and remembers where it came from; a refused one is reported. */
void draft_set(struct draft *draft, const struct setting *setting, const char *where,
               struct str text);

/* What was read goes into the configuration's hash. */
void draft_hash(struct draft *draft, struct str text);

/* Where the value came from, the file as a whole for a default. */
const char *draft_origin(const struct draft *draft, const struct setting *setting);

/* Reads the file at draft->path and what it includes. False where the parse ended early, by a
 * syntax error or an unknown option; other errors are counted in the draft. */
bool draft_parse_file(struct draft *draft);

/* After everything is set: reads the files that settings name, fills computed defaults, checks what
 * concerns several settings. */
void draft_complete(struct draft *draft);

#endif
