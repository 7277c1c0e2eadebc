#include "agent/config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"

/* What the mode allows beyond `privacy`, NULL: nothing. */
static const char *breach_of(enum file_privacy privacy, mode_t mode)
{
    switch (privacy) {
    case FILE_PRIVATE:
        return (mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) == 0
                   ? NULL
                   : "group or others can read or write it; chmod 600";
    case FILE_CREDENTIAL:
        return (mode & (S_IWGRP | S_IROTH | S_IWOTH)) == 0
                   ? NULL
                   : "group can write it, or others can read or write it; chmod 400";
    case FILE_ANY:
        break;
    }
    return NULL;
}

static enum err check(int fd, const char *path, enum file_privacy privacy, size_t max_bytes,
                      struct diag *diag)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        diag_set(diag, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (!S_ISREG(status.st_mode)) {
        diag_set(diag, "%s: not a regular file", path);
        return ERR_IO;
    }
    const char *breach = breach_of(privacy, status.st_mode);
    if (breach) {
        diag_set(diag, "%s: %s", path, breach);
        return ERR_RANGE;
    }
    if ((uintmax_t)status.st_size > max_bytes) {
        diag_set(diag, "%s: larger than %zu bytes", path, max_bytes);
        return ERR_RANGE;
    }
    return ERR_OK;
}

/* Up to `capacity` bytes; -1 with errno. */
static ssize_t read_all(int fd, char *out, size_t capacity)
{
    size_t length = 0;

    while (length < capacity) {
        ssize_t got = read(fd, out + length, capacity - length);

        if (got < 0 && errno != EINTR) {
            return -1;
        }
        if (got == 0) {
            break;
        }
        length += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)length;
}

static enum err read_text(int fd, const char *path, size_t max_bytes, struct file_text *out,
                          struct diag *diag)
{
    struct file_text text = {.bytes = malloc(max_bytes + 1), .length = max_bytes};

    if (!text.bytes) {
        diag_set(diag, "%s: out of memory", path);
        return ERR_MEMORY;
    }
    ssize_t length = read_all(fd, text.bytes, max_bytes);
    if (length < 0) {
        diag_set(diag, "%s: %s", path, strerror(errno));
        file_text_free(&text);
        return ERR_IO;
    }
    text.length = (size_t)length;
    text.bytes[length] = '\0';
    if (memchr(text.bytes, '\0', text.length)) {
        diag_set(diag, "%s: holds a NUL byte", path);
        file_text_free(&text);
        return ERR_RANGE;
    }
    *out = text;
    return ERR_OK;
}

enum err file_read(const char *path, enum file_privacy privacy, size_t max_bytes,
                   struct file_text *out, struct diag *diag)
{
    /* O_NONBLOCK: opening a FIFO would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0) {
        diag_set(diag, "%s: %s", path, strerror(errno));
        return ERR_IO;
    }
    enum err e = check(fd, path, privacy, max_bytes, diag);
    if (e == ERR_OK) {
        e = read_text(fd, path, max_bytes, out, diag);
    }
    close(fd);
    return e;
}

void file_text_free(struct file_text *text)
{
    if (text->bytes) {
        crypto_wipe(text->bytes, text->length);
        free(text->bytes);
    }
    *text = (struct file_text){0};
}
