#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/follow.h"
#include "agent/base/enc.h"

#define PATH_BYTES 4096
#define LINE_BYTES 160
#define VERSION    "reeve-position-1"

static bool take_word(struct str *rest, struct str *word)
{
    return str_cut(rest, ' ', word) && word->len > 0;
}

static bool parse(struct str text, struct audit_position *out)
{
    struct audit_position position;
    struct str version, segment, offset;

    if (text.len == 0 || text.ptr[text.len - 1] != '\n') {
        return false;
    }
    text.len--;
    if (!take_word(&text, &version) || !take_word(&text, &segment) || !take_word(&text, &offset) ||
        !str_equal(version, STR(VERSION)) ||
        !str_to_uint64(segment, UINT64_MAX, &position.segment) || position.segment == 0 ||
        !str_to_uint64(offset, INT64_MAX, &position.offset) ||
        !enc_unhex(text, position.tail, sizeof(position.tail))) {
        return false;
    }
    *out = position;
    return true;
}

enum err audit_position_load(const char *path, struct audit_position *out)
{
    char line[LINE_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return errno == ENOENT ? ERR_MISSING : ERR_IO;
    }
    ssize_t count = read(fd, line, sizeof(line));
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    if (count < 0) {
        return ERR_IO;
    }
    return parse(str_make(line, (size_t)count), out) ? ERR_OK : ERR_SYNTAX;
}

static enum err write_new(const char *path, const char *line, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0) {
        return ERR_IO;
    }
    bool is_written = write(fd, line, length) == (ssize_t)length && fdatasync(fd) == 0;
    int saved_errno = errno;
    close(fd);
    errno = saved_errno;
    return is_written ? ERR_OK : ERR_IO;
}

enum err audit_position_save(const char *path, const struct audit_position *position)
{
    char tail[2 * sizeof(position->tail) + 1] = "";
    char line[LINE_BYTES], fresh[PATH_BYTES];

    enc_hex(position->tail, sizeof(position->tail), tail);
    int length =
        snprintf(line, sizeof(line), VERSION " %llu %llu %s\n",
                 (unsigned long long)position->segment, (unsigned long long)position->offset, tail);
    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh)) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    enum err e = write_new(fresh, line, (size_t)length);
    if (e == ERR_OK && rename(fresh, path) < 0) {
        e = ERR_IO;
    }
    return e;
}
