#include "agent/audit/signed.h"

#include <stdio.h>
#include <string.h>

#include "agent/audit/segment_read.h"
#include "agent/base/signature_make.h"

bool audit_is_signed(const struct signature_key *key, struct str line, const char *name)
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    char needle[32];
    int length = snprintf(needle, sizeof(needle), ",\"%s\":\"", name);
    const char *end = memmem(line.ptr, line.len, needle, (size_t)length);
    bool is_good = false;

    if (!end || !audit_read_hex(line, name, signature, sizeof(signature)) ||
        (size_t)(line.ptr + line.len - end) != (size_t)length + 2 * sizeof(signature) + 2) {
        return false;
    }
    struct signature_check *check = signature_check_new(key, SIGNATURE_EDDSA);
    if (check) {
        is_good = signature_is_good(check, str_make(line.ptr, (size_t)(end - line.ptr)),
                                    str_make((const char *)signature, sizeof(signature)));
    }
    signature_check_free(check);
    return is_good;
}
