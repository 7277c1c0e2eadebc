/* Whether a header or checkpoint (proof.h) is signed. */
#ifndef REEVE_AUDIT_SIGNED_H
#define REEVE_AUDIT_SIGNED_H

#include <stdbool.h>

#include "agent/base/signature.h"
#include "agent/base/str.h"

/* By this key, up to the member `name`, which must be the last of the line. Any thread. */
bool audit_is_signed(const struct signature_key *key, struct str line, const char *name);

#endif
