#include "agent/jose/fault.h"

#include "agent/base/ensure.h"

const char *jose_fault_text(enum jose_fault fault)
{
    static const char *const texts[JOSE_FAULT_COUNT] = {
#define X(name, text) [JOSE_##name] = (text),
        JOSE_FAULT_TABLE(X)
#undef X
    };

    ensure((unsigned)fault < JOSE_FAULT_COUNT);
    return texts[fault];
}

enum reason jose_fault_reason(enum jose_fault fault)
{
    switch (fault) {
    case JOSE_NONE:
        return REASON_OK;
    case JOSE_EXPIRED:
    case JOSE_NOT_YET:
        return REASON_EXPIRED;
    case JOSE_MEMORY:
        return REASON_OVERLOAD;
    case JOSE_KEYS_AWAY:
        return REASON_ISSUER_DOWN;
    default:
        return REASON_BAD_CREDENTIAL;
    }
}

bool jose_fault_is_of_keys(enum jose_fault fault)
{
    return fault == JOSE_NO_KEY || fault == JOSE_KEYS_AWAY || fault == JOSE_SIGNATURE_LENGTH ||
           fault == JOSE_SIGNATURE;
}
