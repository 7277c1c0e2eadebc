/* Roles from a claim: a list of texts (RFC 9068 2.2.3.1), or one text of words (RFC 8693 4.2). */
#include "agent/jose/jwt_inside.h"

#include "agent/base/copy.h"

struct roles {
    const struct jwt_policy *policy;
    char *out;
    size_t length;
    size_t count;
};

static bool has_role(const struct roles *roles, struct str role)
{
    struct str rest = str_make(roles->out, roles->length), item;

    while (rest.len > 0 && str_cut(&rest, ',', &item)) {
        if (str_equal(item, role)) {
            return true;
        }
    }
    return false;
}

/* False where there are too many. */
static bool add_role(struct roles *roles, struct str role)
{
    if (has_role(roles, role)) {
        return true;
    }
    if (roles->count == JWT_ROLES_MAX) {
        return false;
    }
    if (roles->count++ > 0) {
        roles->out[roles->length++] = ',';
    }
    copy_bytes(roles->out + roles->length, role.ptr, role.len);
    roles->length += role.len;
    return true;
}

/* A value that stands for no role of ours is somebody else's. */
static bool add_value(struct roles *roles, struct str value)
{
    const struct jwt_roles *map = &roles->policy->roles;

    if (map->count == 0) {
        return !str_is_name(value) || add_role(roles, value);
    }
    for (size_t i = 0; i < map->count; i++) {
        if (str_equal(value, map->items[i].value) && !add_role(roles, map->items[i].role)) {
            return false;
        }
    }
    return true;
}

static bool add_words(struct roles *roles, struct str words)
{
    struct str word;

    while (str_cut(&words, ' ', &word)) {
        if (word.len > 0 && !add_value(roles, word)) {
            return false;
        }
    }
    return true;
}

static bool add_list(struct roles *roles, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str value = jose_json_text(json_array_get(list, i));

        if (str_is_absent(value) || !add_value(roles, value)) {
            return false;
        }
    }
    return true;
}

enum jose_fault jwt_read_roles(const struct jwt_policy *policy, const json_t *claims,
                               char out[JWT_ROLES_BYTES], struct str *roles)
{
    const json_t *claim = jwt_claim(claims, policy->roles_claim);
    struct roles found = {.policy = policy, .out = out};
    bool is_read = json_is_string(claim)  ? add_words(&found, jose_json_text(claim))
                   : json_is_array(claim) ? add_list(&found, claim)
                                          : false;

    *roles = str_make(out, found.length);
    return is_read ? JOSE_NONE : JOSE_ROLES;
}
