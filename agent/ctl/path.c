#include <string.h>

#include "agent/config/gate.h"
#include "agent/ctl/command.h"
#include "agent/request/path.h"

static const struct {
    const char *name;
    unsigned bit;
} relaxations[] = {
    {"encoded_slash", PATH_RELAX_ENCODED_SLASH},
    {"empty_segment", PATH_RELAX_EMPTY_SEGMENT},
    {"semicolon", PATH_RELAX_SEMICOLON},
    {"non_utf8", PATH_RELAX_NON_UTF8},
};

static unsigned relax_bit(const char *name)
{
    for (size_t i = 0; i < sizeof(relaxations) / sizeof(relaxations[0]); i++) {
        if (strcmp(relaxations[i].name, name) == 0) {
            return relaxations[i].bit;
        }
    }
    return 0;
}

static int parse(int argc, char **argv, unsigned *relax)
{
    for (int i = 0; i < argc; i += 2) {
        unsigned bit = strcmp(argv[i], "--relax") == 0 && i + 1 < argc ? relax_bit(argv[i + 1]) : 0;
        if (bit == 0) {
            return command_refuse_argument("path canon", argv[i]);
        }
        *relax |= bit;
    }
    return 0;
}

static bool print_path(struct str raw, unsigned relax)
{
    static char out[PATH_BYTES_MAX];
    struct path_canonical canonical;
    const char *fault = "";
    enum reason reason = path_canonicalise(raw, relax, out, &canonical, &fault);

    if (reason != REASON_OK) {
        printf("%.*s %s\n", STR_ARG(reason_code(reason)), fault);
        return false;
    }
    printf("%s %.*s\n", canonical.is_different ? "changed" : "ok", STR_ARG(canonical.path));
    return true;
}

int command_path_canon(int argc, char **argv)
{
    static char line[PATH_BYTES_MAX + 1];
    bool all_accepted = true;
    unsigned relax = 0;
    size_t length;
    int status = parse(argc, argv, &relax);

    if (status != 0) {
        return status;
    }
    while (command_read_line(line, sizeof(line), &length)) {
        all_accepted &= print_path(str_make(line, length), relax);
    }
    return feof(stdin) && all_accepted ? 0 : 1;
}
