/* Small files read whole at start and reload: the configuration and the secrets beside it. */
#ifndef REEVE_CONFIG_FILE_H
#define REEVE_CONFIG_FILE_H

#include <stddef.h>

#include "agent/base/diag.h"
#include "agent/base/err.h"

/* What group and others may do with a file; else it is refused. */
enum file_privacy {
    FILE_ANY,
    FILE_CREDENTIAL, /* the group may read it */
    FILE_PRIVATE,    /* nothing */
};

struct file_text {
    char *bytes; /* NUL-terminated, holds no other NUL */
    size_t length;
};

/*
 * Regular files only: neither a FIFO nor a directory may hold up or end the daemon. At most max_bytes. Gives heap memory, to be
 * freed with file_text_free(). ERR_IO, ERR_RANGE, ERR_MEMORY with a diag "<path>: ...".
 */
enum err file_read(const char *path, enum file_privacy privacy, size_t max_bytes,
                   struct file_text *out, struct diag *diag) MUST_USE;

/* Wipes. */
void file_text_free(struct file_text *text);

#endif
