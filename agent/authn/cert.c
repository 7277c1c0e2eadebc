#include "agent/authn/cert.h"

#include "agent/base/dn.h"

/* The subject is one attribute and then `below`. */
static bool is_below(struct str subject, struct str below)
{
    struct str rest = subject, type, value;

    (void)dn_next(&rest, &type, &value);
    size_t length = (size_t)(value.ptr + value.len - subject.ptr);
    return length < subject.len && subject.ptr[length] == ',' && str_equal(rest, below);
}

struct str cert_user(const struct cert_policy *policy, struct str subject, const char **fault)
{
    struct str rest = subject, user = STR_ABSENT, type, value;
    size_t count = 0;

    while (dn_next(&rest, &type, &value)) {
        if (str_equal_nocase(type, policy->user)) {
            user = value;
            count++;
        }
    }
    *fault = count == 0           ? "the certificate's subject names no user"
             : count > 1          ? "the certificate's subject names several users"
             : !str_is_name(user) ? "the certificate's subject is no user's name"
                                  : NULL;
    return *fault ? STR_ABSENT : user;
}

/* Whether the section speaks of this subject at this gate. */
static bool is_for(const struct cert_policy *policy, const struct gate *gate, struct str issuer,
                   struct str subject)
{
    return str_list_has(&policy->gates, gate->name) && str_equal(policy->issuer, issuer) &&
           (str_is_absent(policy->below) || is_below(subject, policy->below));
}

static const char *find_policy(const struct config *config, const struct gate *gate,
                               struct str issuer, struct str subject,
                               const struct cert_policy **out)
{
    size_t count = 0;

    for (size_t i = 0; i < config->certificates_count; i++) {
        if (is_for(&config->certificates[i], gate, issuer, subject)) {
            *out = &config->certificates[i];
            count++;
        }
    }
    return count == 0  ? "unknown certificate"
           : count > 1 ? "several sections of certificates speak of it"
                       : NULL;
}

const char *cert_identify(const struct config *config, const struct gate *gate, struct str issuer,
                          struct str subject, struct cert_identity *out)
{
    const struct cert_policy *policy = NULL;
    const char *fault;

    if (dn_is_one_line(issuer) || dn_is_one_line(subject)) {
        return "c_dn, c_idn: HAProxy must send ssl_c_s_dn(,0,rfc2253), ssl_c_i_dn(,0,rfc2253)";
    }
    if (!dn_is_valid(issuer) || !dn_is_valid(subject)) {
        return "the certificate's names can not be read";
    }
    fault = find_policy(config, gate, issuer, subject, &policy);
    if (fault) {
        return fault;
    }
    struct str user = cert_user(policy, subject, &fault);
    if (!fault) {
        *out = (struct cert_identity){policy, user};
    }
    return fault;
}
