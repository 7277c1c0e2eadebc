#include "agent/base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void diag_set(struct diag *diag, const char *format, ...)
{
    static const char cut[] = "...";
    va_list args;

    if (!diag) {
        return;
    }
    va_start(args, format);
    int length = vsnprintf(diag->text, sizeof(diag->text), format, args);
    va_end(args);
    if (length < 0) {
        diag->text[0] = '\0';
    } else if ((size_t)length >= sizeof(diag->text)) {
        memcpy(diag->text + sizeof(diag->text) - sizeof(cut), cut, sizeof(cut));
    }
}
