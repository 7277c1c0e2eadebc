#include "agent/ctl/token_input.h"

#include "agent/ctl/command.h"
#include "agent/jose/jws.h"

bool token_read(struct str *out)
{
    static char line[JWS_BYTES_MAX + 2];
    size_t length = 0;

    if (!command_read_line(line, sizeof(line), &length)) {
        if (feof(stdin)) {
            command_fail("stdin: expected a token");
        }
        return false;
    }
    *out = str_make(line, length);
    return true;
}

int token_refuse(enum jose_fault fault)
{
    return command_fail("%s", jose_fault_text(fault));
}
