#include "tests/unit/audit/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/base/ensure.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct faults faults;
static unsigned folder_syncs;
static struct faults_synced *synced;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned held_syncs, held_unlinks, retried_syncs, cuts;
static bool may_go_on; /* one sync that is held */
static int go_on_error;
static struct stat failed; /* the file whose sync failed last */

ssize_t __wrap_write(int fd, const void *data, size_t length);
int __wrap_ftruncate(int fd, off_t size);
int __real_ftruncate(int fd, off_t size);
ssize_t __real_write(int fd, const void *data, size_t length);
int __wrap_fdatasync(int fd);
int __real_fdatasync(int fd);
int __wrap_fsync(int fd);
int __real_fsync(int fd);
int __wrap_unlink(const char *path);
int __real_unlink(const char *path);
int __wrap_fcntl(int fd, int command, ...);
int __real_fcntl(int fd, int command, ...);

/* The log goes to a descriptor that is no regular file, or to standard error. */
static bool is_watched(int fd)
{
    struct stat st;

    return fd != STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void faults_set(const struct faults *plan)
{
    pthread_mutex_lock(&mutex);
    faults = plan ? *plan : (struct faults){0};
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

void faults_note_synced(struct faults_synced *notes)
{
    synced = notes;
}

static void kill_within(int fd, const void *data, size_t length)
{
    size_t part = faults.kill_bytes < length ? faults.kill_bytes : length;

    if (faults.kill_countdown == 0 || --faults.kill_countdown > 0) {
        return;
    }
    if (__real_write(fd, data, part) >= 0) {
        kill(getpid(), SIGKILL);
    }
}

static ssize_t write_with_faults(int fd, const void *data, size_t length)
{
    kill_within(fd, data, length);
    if (faults.fail_errno) {
        errno = faults.fail_errno;
        return -1;
    }
    if (!faults.has_room_limit) {
        return __real_write(fd, data, length);
    }
    if (faults.room_bytes == 0) {
        errno = ENOSPC;
        return -1;
    }
    ssize_t count = __real_write(fd, data, length < faults.room_bytes ? length : faults.room_bytes);
    faults.room_bytes -= count > 0 ? (size_t)count : 0;
    return count;
}

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    if (!is_watched(fd)) {
        return __real_write(fd, data, length);
    }
    pthread_mutex_lock(&mutex);
    ssize_t count = write_with_faults(fd, data, length);
    pthread_mutex_unlock(&mutex);
    return count;
}

int __wrap_ftruncate(int fd, off_t size)
{
    pthread_mutex_lock(&mutex);
    bool fails = faults.cut_fails && is_watched(fd);
    cuts++;
    pthread_mutex_unlock(&mutex);
    if (fails) {
        errno = EIO;
        return -1;
    }
    return __real_ftruncate(fd, size);
}

static void note_synced(const struct stat *st)
{
    size_t i = 0;

    while (i < synced->count && synced->files[i].inode != st->st_ino) {
        i++;
    }
    ensure(i < FAULTS_SYNCED_MAX);
    synced->files[i].inode = st->st_ino;
    synced->files[i].size = (uint64_t)st->st_size;
    synced->count += i == synced->count;
}

static int sync_and_note(int fd)
{
    struct stat st;
    int result;

    if (!synced || fstat(fd, &st) != 0) {
        return __real_fdatasync(fd);
    }
    result = __real_fdatasync(fd);
    pthread_mutex_lock(&mutex);
    if (result == 0) {
        note_synced(&st);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

/* Gives the error that it is to fail with. Under the mutex. */
static int hold_sync(void)
{
    int error = 0;

    held_syncs++;
    while (faults.holds_syncs && !may_go_on) {
        pthread_cond_wait(&changed, &mutex);
    }
    held_syncs--;
    if (may_go_on) {
        error = go_on_error;
        may_go_on = false;
    }
    return error;
}

static int sync_error(int fd)
{
    struct stat st;

    if (!is_watched(fd) || fstat(fd, &st) < 0) {
        return 0;
    }
    retried_syncs += failed.st_ino == st.st_ino && failed.st_dev == st.st_dev;
    int error = faults.holds_syncs ? hold_sync() : 0;
    if (faults.sync_countdown > 0 && --faults.sync_countdown == 0) {
        error = EIO;
    }
    failed = error ? st : failed;
    return error;
}

int __wrap_fdatasync(int fd)
{
    pthread_mutex_lock(&mutex);
    int error = sync_error(fd);
    pthread_mutex_unlock(&mutex);
    if (error) {
        errno = error;
        return -1;
    }
    return sync_and_note(fd);
}

unsigned faults_held_syncs(void)
{
    pthread_mutex_lock(&mutex);
    unsigned count = held_syncs;
    pthread_mutex_unlock(&mutex);
    return count;
}

void faults_let_sync(int error)
{
    pthread_mutex_lock(&mutex);
    may_go_on = true;
    go_on_error = error;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

unsigned faults_retried_syncs(void)
{
    pthread_mutex_lock(&mutex);
    unsigned count = retried_syncs;
    pthread_mutex_unlock(&mutex);
    return count;
}

int __wrap_fsync(int fd)
{
    struct stat st;

    pthread_mutex_lock(&mutex);
    folder_syncs += fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    pthread_mutex_unlock(&mutex);
    return __real_fsync(fd);
}

int __wrap_unlink(const char *path)
{
    pthread_mutex_lock(&mutex);
    bool fails = faults.unlink_fails;
    if (strstr(path, ".jsonl.0")) {
        held_unlinks++;
        while (faults.holds_unlinks) {
            pthread_cond_wait(&changed, &mutex);
        }
        held_unlinks--;
    }
    pthread_mutex_unlock(&mutex);
    if (fails) {
        errno = EPERM;
        return -1;
    }
    return __real_unlink(path);
}

/* The kernel asks who has the lease to give it back, and this one does not wait for that. */
static void open_leased(int fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ensure(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0 && errno == EWOULDBLOCK);
}

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;

    va_start(arguments, command);
    long argument = va_arg(arguments, long);
    va_end(arguments);
    int result = __real_fcntl(fd, command, argument);
    pthread_mutex_lock(&mutex);
    bool opens = faults.opens_leased && command == F_SETLEASE && (int)argument == F_WRLCK;
    pthread_mutex_unlock(&mutex);
    if (opens) {
        open_leased(fd);
    }
    return result;
}

unsigned faults_cuts(void)
{
    pthread_mutex_lock(&mutex);
    unsigned count = cuts;
    pthread_mutex_unlock(&mutex);
    return count;
}

unsigned faults_held_unlinks(void)
{
    pthread_mutex_lock(&mutex);
    unsigned count = held_unlinks;
    pthread_mutex_unlock(&mutex);
    return count;
}

unsigned faults_folder_syncs(void)
{
    pthread_mutex_lock(&mutex);
    unsigned count = folder_syncs;
    pthread_mutex_unlock(&mutex);
    return count;
}
