#include "agent/audit/unlink.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((off_t)4 * 1024 * 1024)

/* Without a name nobody can open it any more; the kernel gives the lease only where nobody has. Of who was just
 * about to, it tells us with a signal: one that is ignored, since SIGIO would end the process. */
static bool is_ours_alone(int fd, const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || st->st_nlink > 0 || fcntl(fd, F_SETSIG, SIGURG) < 0 ||
        fcntl(fd, F_SETLEASE, F_WRLCK) < 0) {
        return false;
    }
    bool is_alone = fcntl(fd, F_GETLEASE) == F_WRLCK;
    return fcntl(fd, F_SETLEASE, F_UNLCK) == 0 && is_alone;
}

static void free_in_pieces(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !is_ours_alone(fd, &st)) {
        return;
    }
    for (off_t size = st.st_size; size > PIECE_BYTES;) {
        size -= PIECE_BYTES;
        if (ftruncate(fd, size) < 0) {
            return;
        }
    }
}

enum err audit_unlink(const char *path)
{
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    enum err e = unlink(path) == 0 ? ERR_OK : ERR_IO;
    int saved_errno = errno;

    if (fd >= 0) {
        if (e == ERR_OK) {
            free_in_pieces(fd);
        }
        close(fd);
    }
    errno = saved_errno;
    return e;
}
