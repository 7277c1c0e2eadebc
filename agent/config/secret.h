/*
 * Where a secret comes from, as the settings that end in _file name it:
 *
 *   <path>             a file that group and others can neither read nor write
 *   env:<NAME>         an environment variable
 *   credential:<name>  a file in $CREDENTIALS_DIRECTORY, where systemd puts what LoadCredential= and its
 *                      like name; of root, and readable by the service through an access list,
 *                      which shows as the group's right to read
 *
 * Never from an argument list: everybody on the machine may read that.
 */
#ifndef REEVE_CONFIG_SECRET_H
#define REEVE_CONFIG_SECRET_H

#include <stddef.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"
#include "agent/config/file.h"

/* At most max_bytes. Gives heap memory, to be freed with file_text_free(), which wipes. ERR_SYNTAX,
 * ERR_MISSING, ERR_IO, ERR_RANGE, ERR_MEMORY with a diag "<source>: ..." that never repeats the
 * secret. */
enum err secret_read(const char *source, size_t max_bytes, struct file_text *out,
                     struct diag *diag) MUST_USE;

#endif
