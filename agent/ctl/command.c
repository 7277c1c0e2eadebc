#include "agent/ctl/command.h"

#include <stdlib.h>
#include <string.h>

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
        fprintf(stderr, "reevectl: %s\n", diag.text);
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
            fputs("reevectl: stdin: a line is too long or holds a NUL byte\n", stderr);
            return false;
        }
        out[count++] = (char)c;
    }
    out[count] = '\0';
    *length = count;
    return c != EOF || count > 0;
}

int command_refuse_argument(const char *command, const char *argument)
{
    fprintf(stderr, "reevectl: %s: unexpected argument %s\n", command, argument);
    return COMMAND_USAGE;
}
