#include "agent/config/gate_field.h"

#include <stdlib.h>

#define TITLE_MAX 64

/* Refused, so that nobody believes to be protected by what is not checked. */
static const struct choice accept_kinds[] = {
    {"apikey", CREDENTIAL_APIKEY, NULL},
    {"basic", CREDENTIAL_BASIC, "basic is not supported by this version"},
    {"jwt", CREDENTIAL_JWT, "jwt is not supported by this version"},
    {"cert", CREDENTIAL_CERT, "cert is not supported by this version"},
    {NULL, 0, NULL},
};

static const struct choice also_kinds[] = {
    {"apikey", CREDENTIAL_APIKEY, "apikey is not supported here by this version"},
    {"basic", CREDENTIAL_BASIC, "basic is not supported by this version"},
    {"jwt", CREDENTIAL_JWT, "jwt is not supported by this version"},
    {"cert", CREDENTIAL_CERT, "cert is not supported by this version"},
    {NULL, 0, NULL},
};

static const struct choice forwards[] = {
    {"refuse", false, NULL},
    {"canonical", true, NULL},
    {NULL, 0, NULL},
};

static const struct choice relaxations[] = {
    {"encoded_slash", PATH_RELAX_ENCODED_SLASH, NULL},
    {"empty_segment", PATH_RELAX_EMPTY_SEGMENT, NULL},
    {"semicolon", PATH_RELAX_SEMICOLON, NULL},
    {"non_utf8", PATH_RELAX_NON_UTF8, NULL},
    {NULL, 0, NULL},
};

static const struct choice modes[] = {
    {"enforce", false, NULL},
    {"observe", true, NULL},
    {NULL, 0, NULL},
};

static void apply_accept(struct gate *gate, unsigned value)
{
    gate->accept |= value;
}

static void apply_also(struct gate *gate, unsigned value)
{
    gate->also |= value;
}

static void apply_forward(struct gate *gate, unsigned value)
{
    gate->forwards_canonical = value != 0;
}

static void apply_relax(struct gate *gate, unsigned value)
{
    gate->relax |= value;
}

static void apply_mode(struct gate *gate, unsigned value)
{
    gate->observes = value != 0;
}

const struct gate_field gate_fields[] = {
    {"accept", true, "{}", accept_kinds, apply_accept,
     "Credential kinds that say who is calling. Kinds not listed are ignored, two listed ones at "
     "once are refused."},
    {"also", true, "{}", also_kinds, apply_also,
     "Kinds that must be there and valid too. None is supported by this version."},
    {"anonymous", false, "\"\"", NULL, NULL,
     "Role for requests that offer no credential; empty: they are refused. A bad credential is "
     "never anonymous."},
    {"forward", false, "\"refuse\"", forwards, apply_forward,
     "A path that is not canonical is refused; canonical: it is judged in its canonical form, and "
     "HAProxy promises to forward that (set-path)."},
    {"relax", true, "{}", relaxations, apply_relax,
     "Paths that two parsers could read differently and that are let through nevertheless."},
    {"mode", false, "\"enforce\"", modes, apply_mode,
     "observe: the verdict is always allow; shadow and audit say what it would have been."},
    {.name = NULL},
};

const struct gate_field *gate_field_find(const char *name)
{
    for (const struct gate_field *field = gate_fields; field->name; field++) {
        if (strcmp(field->name, name) == 0) {
            return field;
        }
    }
    return NULL;
}

/* What HAProxy takes as a proxy's name, or "*". */
static bool is_title(struct str title)
{
    if (str_equal(title, STR("*"))) {
        return true;
    }
    for (size_t i = 0; i < title.len; i++) {
        if (title.ptr[i] == '@' ||
            (title.ptr[i] != ':' && !str_is_name(str_make(title.ptr + i, 1)))) {
            return false;
        }
    }
    return title.len > 0 && title.len <= TITLE_MAX;
}

static enum err own(struct str text, struct str *out, struct diag *diag)
{
    char *copy = strndup(text.ptr, text.len);

    if (!copy) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    *out = str_make(copy, text.len);
    return ERR_OK;
}

enum err gate_init(struct gate *gate, const char *title, struct diag *diag)
{
    struct str name = str_from_c(title), owned;

    if (!is_title(name)) {
        diag_set(diag, "expected a frontend's name of A-Z a-z 0-9 . _ : -, at most %d, or *",
                 TITLE_MAX);
        return ERR_SYNTAX;
    }
    enum err e = own(name, &owned, diag);
    if (e != ERR_OK) {
        return e;
    }
    *gate = (struct gate){.name = owned, .anonymous = STR("")};
    return ERR_OK;
}

void gate_fini(struct gate *gate)
{
    free((char *)gate->name.ptr);
    if (gate->anonymous.len > 0) {
        free((char *)gate->anonymous.ptr);
    }
    *gate = (struct gate){.anonymous = STR("")};
}

static enum err set_anonymous(struct gate *gate, struct str role, struct diag *diag)
{
    struct str owned = STR("");

    if (role.len > 0) {
        if (!str_is_name(role)) {
            diag_set(diag, "expected a role's name of A-Z a-z 0-9 . _ @ -, at most 64, got \"%s\"",
                     log_quote(role).text);
            return ERR_SYNTAX;
        }
        enum err e = own(role, &owned, diag);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (gate->anonymous.len > 0) {
        free((char *)gate->anonymous.ptr);
    }
    gate->anonymous = owned;
    return ERR_OK;
}

enum err gate_set(struct gate *gate, const struct gate_field *field, struct str text,
                  struct diag *diag)
{
    unsigned value;

    if (!field->choices) {
        return set_anonymous(gate, text, diag);
    }
    enum err e = choice_find(field->choices, text, &value, diag);
    if (e == ERR_OK) {
        field->apply(gate, value);
    } else if (e == ERR_SYNTAX) {
        struct diag allowed;

        choice_describe(field->choices, &allowed);
        diag_set(diag, "expected %s, got \"%s\"", allowed.text, log_quote(text).text);
    }
    return e;
}

enum err gate_check(const struct gate *gate, struct diag *diag)
{
    if (gate->accept == 0 && gate->anonymous.len == 0) {
        diag_set(diag, "nobody could pass: set accept or anonymous");
        return ERR_RANGE;
    }
    return ERR_OK;
}
