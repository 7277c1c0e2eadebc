#include "agent/audit/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/audit/line.h"

static enum err prepare(int fd, uint64_t *end)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode)) {
        errno = EINVAL;
        return ERR_IO;
    }
    *end = (uint64_t)st.st_size;
    /* Where a file system has no locks there is none to break. */
    return flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK ? ERR_BUSY : ERR_OK;
}

enum err audit_file_open(struct audit_file *file, const char *path, struct diag *diag)
{
    if (audit_file_is_named(file, path)) {
        return ERR_OK;
    }
    /* O_NONBLOCK: a FIFO must not hold the writer up before it is refused. */
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    uint64_t end = 0;
    enum err e = fd < 0 ? ERR_IO : prepare(fd, &end);
    if (e == ERR_OK) {
        audit_file_close(file);
        *file = (struct audit_file){.fd = fd, .end = end};
        return ERR_OK;
    }
    int saved_errno = errno;
    diag_set(diag, "audit_file: %s: %s", path,
             e == ERR_BUSY           ? "another agent writes it"
             : saved_errno == EINVAL ? "not a regular file"
                                     : strerror(saved_errno));
    if (fd >= 0) {
        close(fd);
    }
    errno = saved_errno;
    return e;
}

void audit_file_refresh(struct audit_file *file)
{
    struct stat st;

    if (fstat(file->fd, &st) == 0) {
        file->end = (uint64_t)st.st_size;
    }
}

void audit_file_close(struct audit_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
        file->fd = -1;
    }
}

bool audit_file_is_named(const struct audit_file *file, const char *path)
{
    struct stat named, open_one;

    return file->fd >= 0 && stat(path, &named) == 0 && fstat(file->fd, &open_one) == 0 &&
           named.st_dev == open_one.st_dev && named.st_ino == open_one.st_ino;
}

static uint64_t born_ns(const struct statx *st)
{
    return st->stx_mask & STATX_BTIME
               ? (uint64_t)st->stx_btime.tv_sec * 1000000000 + st->stx_btime.tv_nsec
               : 0;
}

bool audit_place_is_in_same_file(const struct audit_place *a, const struct audit_place *b)
{
    return a->device == b->device && a->inode == b->inode &&
           (a->born_ns == b->born_ns || a->born_ns == 0 || b->born_ns == 0);
}

enum err audit_file_place(const struct audit_file *file, struct audit_place *out)
{
    struct statx st;

    if (statx(file->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) < 0) {
        return ERR_IO;
    }
    if (st.stx_nlink == 0) {
        return ERR_MISSING;
    }
    *out = (struct audit_place){.device = makedev(st.stx_dev_major, st.stx_dev_minor),
                                .inode = st.stx_ino,
                                .born_ns = born_ns(&st),
                                .offset = st.stx_size};
    return ERR_OK;
}

enum err audit_file_begin_line(struct audit_file *file, struct audit_place *out)
{
    struct audit_place place;
    char last = '\n';
    enum err e = audit_file_place(file, &place);

    if (e != ERR_OK) {
        return e;
    }
    if (place.offset > 0 && pread(file->fd, &last, 1, (off_t)place.offset - 1) != 1) {
        return ERR_IO;
    }
    if (last != '\n') {
        if (write(file->fd, "\n", 1) != 1) {
            return ERR_IO;
        }
        place.offset++;
    }
    *out = place;
    return ERR_OK;
}

/* The length of what follows the last line feed; all that was read where there is none. */
static size_t torn_length(const char *data, size_t length)
{
    const char *feed = memrchr(data, '\n', length);

    return feed ? length - (size_t)(feed - data) - 1 : length;
}

enum err audit_file_cut_torn(struct audit_file *file)
{
    char tail[AUDIT_LINE_MAX];
    const struct str begin = STR(AUDIT_LINE_BEGIN);
    size_t most = file->end < sizeof(tail) ? (size_t)file->end : sizeof(tail);
    ssize_t count = pread(file->fd, tail, most, (off_t)(file->end - most));

    if (count != (ssize_t)most) {
        return ERR_IO;
    }
    size_t torn = torn_length(tail, most);
    size_t known = torn < begin.len ? torn : begin.len;
    if (torn == 0 || (torn == most && most < file->end) ||
        memcmp(tail + most - torn, begin.ptr, known) != 0) {
        return ERR_OK;
    }
    enum err e = audit_file_cut(file, file->end, file->end - torn);
    file->end -= e == ERR_OK ? torn : 0;
    return e;
}

enum err audit_file_write(struct audit_file *file, const char *data, size_t length, size_t *written)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = write(file->fd, data + done, length - done);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            *written = done;
            return ERR_IO;
        }
        done += (size_t)count;
    }
    *written = done;
    return ERR_OK;
}

enum err audit_file_cut(struct audit_file *file, uint64_t size, uint64_t to_size)
{
    struct stat st;

    if (fstat(file->fd, &st) < 0) {
        return ERR_IO;
    }
    if ((uint64_t)st.st_size != size) {
        return ERR_RANGE;
    }
    return ftruncate(file->fd, (off_t)to_size) == 0 ? ERR_OK : ERR_IO;
}

enum err audit_file_sync(struct audit_file *file)
{
    return fdatasync(file->fd) == 0 ? ERR_OK : ERR_IO;
}
