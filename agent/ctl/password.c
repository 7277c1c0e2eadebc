#include <string.h>

#include "agent/base/crypto.h"
#include "agent/base/phc.h"
#include "agent/ctl/command.h"

static int parse_cost(const char *command, const char *scheme_name, const char *parameters,
                      struct phc_cost *out)
{
    enum phc_scheme scheme = PHC_SCRYPT;

    *out = phc_cost_default;
    if (scheme_name && !phc_parse_scheme(str_from_c(scheme_name), &scheme)) {
        command_fail("%s: --scheme: expected scrypt or pbkdf2-sha256", command);
        return COMMAND_USAGE;
    }
    if (!parameters && scheme != PHC_SCRYPT) {
        parameters = "i=600000";
    }
    const char *fault = parameters ? phc_parse_cost(scheme, str_from_c(parameters), out) : NULL;
    if (fault) {
        command_fail("%s: --parameters: %s", command, fault);
        return COMMAND_USAGE;
    }
    return 0;
}

static int parse(const char *command, int argc, char **argv, struct phc_cost *out)
{
    const char *scheme_name = NULL, *parameters = NULL;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--scheme") == 0 && i + 1 < argc) {
            scheme_name = argv[++i];
        } else if (strcmp(argv[i], "--parameters") == 0 && i + 1 < argc) {
            parameters = argv[++i];
        } else {
            return command_refuse_argument(command, argv[i]);
        }
    }
    return parse_cost(command, scheme_name, parameters, out);
}

/* What no agent would take, beside what is no password at all. */
static const char *fault_of(struct str password)
{
    return str_starts_with(password, STR("rv_")) ? "begins with rv_, which says API key"
                                                 : phc_password_fault(password);
}

static int hash(const struct phc_cost *cost, struct str password)
{
    const char *fault = fault_of(password);
    char text[PHC_TEXT_MAX];

    if (fault) {
        return command_fail("stdin: the password: %s", fault);
    }
    if (phc_make(cost, password, text) != ERR_OK) {
        return command_fail("the password can not be hashed");
    }
    puts(text);
    return 0;
}

int command_password_hash(int argc, char **argv)
{
    char line[PHC_PASSWORD_BYTES_MAX + 2];
    struct phc_cost cost;
    size_t length = 0;
    int status = parse("password hash", argc, argv, &cost);

    if (status != 0) {
        return status;
    }
    if (!command_read_line(line, sizeof(line), &length)) {
        crypto_wipe(line, sizeof(line));
        return command_fail("stdin: expected a password in one line");
    }
    status = hash(&cost, str_make(line, length));
    crypto_wipe(line, sizeof(line));
    return status;
}
