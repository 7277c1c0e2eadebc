/*
 * The settings table: every top-level option of reeve.conf is one line of settings.c. From it come
 * the options libconfuse knows, parsing and ranges, defaults, -o, what a reload can not change, and
 * the reference.
 */
#ifndef REEVE_CONFIG_SETTING_H
#define REEVE_CONFIG_SETTING_H

#include "agent/config/config.h"

#define SETTINGS_MAX 96

/* A word of a closed set. One with a refusal is known, but this version does not do it. */
struct choice {
    const char *name; /* NULL ends the set */
    unsigned value;
    const char *refusal;
};

struct setting;

/* How values of one type are read, described, compared and freed. `field` is the setting's field of
 * struct config. */
struct setting_type {
    const char *name;
    /* ERR_SYNTAX or ERR_RANGE, with a diag only where there is more to say than what is allowed. */
    enum err (*set)(const struct setting *setting, void *field, struct str text, struct diag *diag);
    /* What is allowed: "a duration from 10ms to 10s". */
    void (*describe)(const struct setting *setting, struct diag *out);
    size_t bytes; /* of a plain field; others have the two functions */
    bool (*is_equal)(const void *a, const void *b);
    void (*clear)(void *field);
};

struct setting {
    const char *name;
    const struct setting_type *type;
    size_t offset;       /* of its field in struct config */
    const char *initial; /* NULL: not set */
    uint64_t min, max;   /* in microseconds, bytes, or as they are */
    const struct choice *choices;
    bool (*is_valid)(struct str text); /* of texts, with what it wants in `wants` */
    const char *wants;
    bool is_list;
    bool is_secret;     /* errors do not repeat the value */
    bool needs_restart; /* a reload does not change it */
    const char *help;
};

extern const struct setting_type setting_text, setting_number, setting_duration, setting_size,
    setting_bool, setting_mode, setting_choice, setting_prefixes, setting_addresses,
    setting_sentinels, setting_store;

/* The table, ended by a name of NULL. */
extern const struct setting settings[];

/* NULL where there is no such option. */
const struct setting *setting_find(const char *name);
size_t setting_index(const struct setting *setting);

/* Sets one value, adds it where the setting is a list. The diag says what is allowed, and what was
 * given unless it is secret. ERR_SYNTAX, ERR_RANGE, ERR_MEMORY; config is untouched then. */
enum err setting_set(const struct setting *setting, struct config *config, struct str text,
                     struct diag *diag) MUST_USE;
void setting_clear(const struct setting *setting, struct config *config);
bool setting_is_equal(const struct setting *setting, const struct config *a,
                      const struct config *b);

/* Looks a word up. ERR_RANGE with a diag where it is refused, ERR_SYNTAX without where there is no
 * such word. */
enum err choice_find(const struct choice *choices, struct str text, unsigned *value,
                     struct diag *diag) MUST_USE;
/* "a, b or c", without the refused ones. */
void choice_describe(const struct choice *choices, struct diag *out);

#endif
