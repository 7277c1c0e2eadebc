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
