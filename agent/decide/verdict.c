#include "agent/decide/verdict.h"

struct str verdict_text(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_ALLOW:
        return STR("allow");
    case VERDICT_THROTTLE:
        return STR("throttle");
    case VERDICT_DENY:
        break;
    }
    return STR("deny");
}

int verdict_status(const struct verdict *verdict)
{
    return verdict->kind == VERDICT_ALLOW ? 200 : reason_status(verdict->reason);
}
