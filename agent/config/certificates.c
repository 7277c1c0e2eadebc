/* The fields of a section of certificates: which subjects are users. */
#include <stddef.h>
#include <stdlib.h>

#include "agent/base/dn.h"
#include "agent/base/log.h"
#include "agent/config/section.h"
#include "agent/config/text.h"

#define CERTIFICATES_MAX 64

#define WANTED_DN                                                                                  \
    "a name as openssl x509 -noout -issuer -nameopt RFC2253 prints it, without \"issuer=\""

enum user_attribute { USER_CN, USER_UID, USER_EMAIL };

static const struct choice user_attributes[] = {
    {"CN", USER_CN, NULL},
    {"UID", USER_UID, NULL},
    {"emailAddress", USER_EMAIL, NULL},
    {NULL, 0, NULL},
};

static void apply_user(void *item, unsigned value)
{
    static const struct str types[] = {
        [USER_CN] = {"CN", 2}, [USER_UID] = {"UID", 3}, [USER_EMAIL] = {"emailAddress", 12}};

    ((struct cert_policy *)item)->user = types[value];
}

static enum err set_dn(struct str text, struct str *out, struct diag *diag)
{
    return dn_is_valid(text) ? text_replace(text, out, WANTED_DN, diag)
                             : text_refuse(ERR_SYNTAX, diag, WANTED_DN, text);
}

static enum err set_issuer(void *item, struct str text, struct diag *diag)
{
    return set_dn(text, &((struct cert_policy *)item)->issuer, diag);
}

static enum err set_below(void *item, struct str text, struct diag *diag)
{
    return set_dn(text, &((struct cert_policy *)item)->below, diag);
}

static enum err add_gate(void *item, struct str text, struct diag *diag)
{
    return text_add(text, &((struct cert_policy *)item)->gates, "a gate's name", diag);
}

static enum err add_role(void *item, struct str text, struct diag *diag)
{
    return str_is_name(text) ? text_add(text, &((struct cert_policy *)item)->roles, "", diag)
                             : text_refuse(ERR_SYNTAX, diag, "a role's name", text);
}

static enum err init(void *item, const char *title, struct diag *diag)
{
    struct cert_policy *policy = item;

    apply_user(policy, USER_CN);
    return text_own_title(title, &policy->name, diag);
}

static enum err check(void *item, struct diag *diag)
{
    const struct cert_policy *policy = item;
    const char *missing = policy->issuer.len == 0 ? "issuer: set it to the name of who signs them"
                          : policy->gates.count == 0
                              ? "gates: set those whose frontends verify against this issuer alone"
                              : NULL;

    if (missing) {
        diag_set(diag, "%s", missing);
        return ERR_RANGE;
    }
    return ERR_OK;
}

static void fini(void *item)
{
    struct cert_policy *policy = item;

    text_drop(&policy->name);
    text_drop(&policy->origin);
    text_drop(&policy->issuer);
    text_drop(&policy->below);
    text_list_drop(&policy->gates);
    text_list_drop(&policy->roles);
    *policy = (struct cert_policy){.name = STR_ABSENT};
}

static const struct section_field fields[] = {
    {"issuer", false, NULL, .set = set_issuer, .takes = "a distinguished name",
     .help = "Who signs them, as openssl x509 -noout -issuer -nameopt RFC2253 prints it."},
    {"gates", true, NULL, .set = add_gate, .takes = "names of gates",
     .help = "Where they count. Every CA in the ca-file of these frontends can issue in any name, "
             "so it must hold none that shall not vouch for these users."},
    {"user", false, "\"CN\"", user_attributes, .apply = apply_user,
     .help = "Which attribute of the subject names the user; it must be there once, and be a "
             "user's name. The user has a record."},
    {"below", false, NULL, .set = set_below, .takes = "a distinguished name",
     .help = "The subject must be that attribute and then exactly this; not set: any subject."},
    {"roles", true, "{}", .set = add_role, .takes = "names of roles",
     .help = "Narrow the user's roles; none: they do not."},
    {.name = NULL},
};

const struct section certificates_section = {
    .name = "certificates",
    .one = "certificates",
    .help = "    Client certificates of one issuer whose subjects are users. A certificate with a\n"
            "    record of its own is judged by that.\n",
    .bytes = sizeof(struct cert_policy),
    .items_offset = offsetof(struct config, certificates),
    .count_offset = offsetof(struct config, certificates_count),
    .origin_offset = offsetof(struct cert_policy, origin),
    .max = CERTIFICATES_MAX,
    .fields = fields,
    .init = init,
    .check = check,
    .fini = fini,
};
