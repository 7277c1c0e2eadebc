#include "agent/ctl/published.h"

#include "agent/base/log.h"
#include "agent/ctl/command.h"
#include "agent/jwks/jwks.h"

struct jose_keys *published_fetch(const struct jwt_policy *policy)
{
    struct jose_keys *keys = NULL;
    struct diag diag = {""};

    if (jwks_fetch(&policy->published, &keys, &diag) != ERR_OK) {
        command_fail("issuer %s: %s: %s", log_quote(policy->name).text,
                     log_quote(policy->published.url).text, diag.text);
        return NULL;
    }
    return keys;
}
