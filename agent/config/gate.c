/* The fields of a gate. */
#include "agent/config/section.h"
#include "agent/config/text.h"

#include <stdlib.h>

#define TITLE_MAX 64
#define GATES_MAX 1024

/* Refused, so that nobody believes to be protected by what is not checked. */
static const struct choice accept_kinds[] = {
    {"apikey", CREDENTIAL_APIKEY, NULL},
    {"basic", CREDENTIAL_BASIC, NULL},
    {"jwt", CREDENTIAL_JWT, NULL},
    {"cert", CREDENTIAL_CERT, NULL},
    {NULL, 0, NULL},
};

static const struct choice also_kinds[] = {
    {"apikey", CREDENTIAL_APIKEY, "apikey is not supported here by this version"},
    {"basic", CREDENTIAL_BASIC, "basic is not supported by this version"},
    {"jwt", CREDENTIAL_JWT, "jwt is not supported by this version"},
    {"cert", CREDENTIAL_CERT, NULL},
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

static void apply_accept(void *item, unsigned value)
{
    struct gate *gate = item;

    gate->accept |= value;
}

static void apply_also(void *item, unsigned value)
{
    struct gate *gate = item;

    gate->also |= value;
}

static void apply_forward(void *item, unsigned value)
{
    struct gate *gate = item;

    gate->forwards_canonical = value != 0;
}

static void apply_relax(void *item, unsigned value)
{
    struct gate *gate = item;

    gate->relax |= value;
}

static void apply_mode(void *item, unsigned value)
{
    struct gate *gate = item;

    gate->observes = value != 0;
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

static enum err init(void *item, const char *title, struct diag *diag)
{
    struct gate *gate = item;
    struct str name = str_from_c(title), owned;

    if (!is_title(name)) {
        diag_set(diag, "expected a frontend's name of A-Z a-z 0-9 . _ : -, at most %d, or *",
                 TITLE_MAX);
        return ERR_SYNTAX;
    }
    enum err e = text_own(name, &owned, diag);
    if (e != ERR_OK) {
        return e;
    }
    *gate = (struct gate){.name = owned, .anonymous = STR("")};
    return ERR_OK;
}

static void fini(void *item)
{
    struct gate *gate = item;

    free((char *)gate->name.ptr);
    text_drop(&gate->origin);
    if (gate->anonymous.len > 0) {
        free((char *)gate->anonymous.ptr);
    }
    *gate = (struct gate){.anonymous = STR("")};
}

static enum err set_anonymous(void *item, struct str role, struct diag *diag)
{
    struct gate *gate = item;
    struct str owned = STR("");

    if (role.len > 0) {
        if (!str_is_name(role)) {
            diag_set(diag, "expected a role's name of A-Z a-z 0-9 . _ @ -, at most 64, got \"%s\"",
                     log_quote(role).text);
            return ERR_SYNTAX;
        }
        enum err e = text_own(role, &owned, diag);
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

static enum err check(void *item, struct diag *diag)
{
    const struct gate *gate = item;

    if (gate->accept == 0 && gate->anonymous.len == 0) {
        diag_set(diag, "nobody could pass: set accept or anonymous");
        return ERR_RANGE;
    }
    if ((gate->accept & gate->also) != 0) {
        diag_set(diag, "also: what stands in accept says who is calling, and stands alone");
        return ERR_RANGE;
    }
    if (gate->also != 0 && gate->anonymous.len > 0) {
        diag_set(diag, "also: whoever is anonymous has nothing to go with it; set no anonymous");
        return ERR_RANGE;
    }
    return ERR_OK;
}

static const struct section_field fields[] = {
    {"accept", true, "{}", accept_kinds, .apply = apply_accept,
     .help = "Credential kinds that say who is calling. Kinds not listed are ignored, two listed "
             "ones at once are refused."},
    {"also", true, "{}", also_kinds, .apply = apply_also,
     .help =
         "Kinds that must be there and valid too. cert: a client certificate that stands for the "
         "same user, or that the key or token is bound to."},
    {"anonymous", false, "\"\"", .set = set_anonymous, .takes = "a role's name, or nothing",
     .help = "Role for requests that offer no credential; empty: they are refused. A bad "
             "credential is never anonymous."},
    {"forward", false, "\"refuse\"", forwards, .apply = apply_forward,
     .help = "A path that is not canonical is refused; canonical: it is judged in its canonical "
             "form, and HAProxy promises to forward that (set-path)."},
    {"relax", true, "{}", relaxations, .apply = apply_relax,
     .help = "Paths that two parsers could read differently and that are let through "
             "nevertheless."},
    {"mode", false, "\"enforce\"", modes, .apply = apply_mode,
     .help = "observe: the verdict is always allow; shadow and audit say what it would have been."},
    {.name = NULL},
};

const struct section gate_section = {
    .name = "gate",
    .one = "a gate",
    .help =
        "    What one HAProxy frontend accepts; \"*\" is for frontends without a gate of their\n"
        "    own. A frontend without a gate is denied.\n",
    .bytes = sizeof(struct gate),
    .items_offset = offsetof(struct config, gates),
    .count_offset = offsetof(struct config, gate_count),
    .origin_offset = offsetof(struct gate, origin),
    .max = GATES_MAX,
    .fields = fields,
    .init = init,
    .check = check,
    .fini = fini,
};
