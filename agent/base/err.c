#include "agent/base/err.h"

const char *err_text(enum err e)
{
    switch (e) {
    case ERR_OK:
        return "ok";
    case ERR_MEMORY:
        return "out of memory";
    case ERR_IO:
        return "I/O error";
    case ERR_SYNTAX:
        return "syntax error";
    case ERR_RANGE:
        return "out of range";
    case ERR_FULL:
        return "full";
    case ERR_MISSING:
        return "missing";
    case ERR_CRYPTO:
        return "cryptography failed";
    case ERR_BUSY:
        return "busy";
    }
    return "unknown error";
}
