/* The options of a gate, one line each in gate_field.c. */
#ifndef REEVE_CONFIG_GATE_FIELD_H
#define REEVE_CONFIG_GATE_FIELD_H

#include "agent/config/gate.h"
#include "agent/config/setting.h"

struct gate_field {
    const char *name;
    bool is_list;
    const char *initial;          /* as it would stand in the file */
    const struct choice *choices; /* NULL: a name */
    void (*apply)(struct gate *gate, unsigned value);
    const char *help;
};

/* Ended by a name of NULL. */
extern const struct gate_field gate_fields[];

/* NULL where there is no such option. */
const struct gate_field *gate_field_find(const char *name);

/* A gate with every option at its default. ERR_SYNTAX with a diag for a title that can not be a
 * frontend's name; ERR_MEMORY. Gives a gate with strings of its own. */
enum err gate_init(struct gate *gate, const char *title, struct diag *diag) MUST_USE;
void gate_fini(struct gate *gate);

/* Sets one value, adds it where the option is a list. ERR_SYNTAX, ERR_RANGE (not supported),
 * ERR_MEMORY, with a diag; the gate is untouched then. */
enum err gate_set(struct gate *gate, const struct gate_field *field, struct str text,
                  struct diag *diag) MUST_USE;

/* What can only be said of the whole. ERR_RANGE with a diag. */
enum err gate_check(const struct gate *gate, struct diag *diag) MUST_USE;

#endif
