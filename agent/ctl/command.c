#include "agent/ctl/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int command_fail(const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++) {
        *c = *c >= ' ' && *c <= '~' ? *c : '?';
    }
    fprintf(stderr, "reevectl: %s\n", text);
    return 1;
}

bool command_load_peppers(const char *file, bool is_unpeppered, struct pepper_set *out)
{
    struct diag diag = {0};

    *out = (struct pepper_set){0};
    if (is_unpeppered) {
        return true;
    }
    if (!file) {
        file = getenv("REEVE_PEPPER_FILE");
    }
    if (!file || file[0] == '\0') {
        return true;
    }
    if (pepper_load(file, out, &diag) != ERR_OK) {
        command_fail("%s", diag.text);
        return false;
    }
    return true;
}

bool command_read_line(char *out, size_t capacity, size_t *length)
{
    size_t count = 0;
    int c;

    while ((c = getchar()) != EOF && c != '\n') {
        if (c == '\0' || count + 1 >= capacity) {
            command_fail("stdin: a line is too long or holds a NUL byte");
            return false;
        }
        out[count++] = (char)c;
    }
    if (ferror(stdin)) {
        command_fail("stdin: %s", strerror(errno));
        return false;
    }
    out[count] = '\0';
    *length = count;
    return c != EOF || count > 0;
}

int command_refuse_argument(const char *command, const char *argument)
{
    if (strncmp(argument, "rv_", 3) == 0) {
        command_fail("%s: a key is no argument, others could read it", command);
    } else {
        command_fail("%s: unexpected argument %s", command, argument);
    }
    return COMMAND_USAGE;
}
