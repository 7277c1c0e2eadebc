/* A token from stdin, and what is said of it. */
#ifndef REEVE_CTL_TOKEN_INPUT_H
#define REEVE_CTL_TOKEN_INPUT_H

#include <stdbool.h>

#include "agent/base/str.h"
#include "agent/jose/fault.h"

/* One line, at most the longest token there may be; the last one needs no end. The text is static.
 * Names on stderr what is wrong, and gives false. */
bool token_read(struct str *out);

/* Names the fault on stderr; 1, the exit status. */
int token_refuse(enum jose_fault fault);

#endif
