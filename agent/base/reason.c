#include "agent/base/reason.h"

#include "agent/base/ensure.h"

static const struct {
    struct str code;
    int status;
    const char *text;
} table[REASON_COUNT] = {
#define X(name, code, status, text)                                                                \
    [REASON_##name] = {{(code), sizeof(code) - 1}, (status), (text)},
    REASON_TABLE(X)
#undef X
};

struct str reason_code(enum reason reason)
{
    ensure(reason < REASON_COUNT);
    return table[reason].code;
}

int reason_status(enum reason reason)
{
    ensure(reason < REASON_COUNT);
    return table[reason].status;
}

const char *reason_text(enum reason reason)
{
    ensure(reason < REASON_COUNT);
    return table[reason].text;
}
