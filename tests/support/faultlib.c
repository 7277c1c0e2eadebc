/*
 * Preloaded into a server under test: its calls of the C library fail, fall short or are late, as a
 * table in shared memory says that the test writes whenever it likes.
 *
 * REEVE_FAULTS names the table's file: an array of struct fault, one for each function in this order:
 *
 *   malloc calloc realloc read recv write send sendmsg fsync fdatasync accept4 connect getrandom
 *   pthread_create getaddrinfo
 *
 * REEVE_SYNCED names a file that gets a line for each fdatasync() that was made: the inode's number and
 * the size it had before, which a loss of power leaves at least.
 *
 * Without the file, or with zeroes in it, nothing happens but that calls are counted. A call strikes
 * when its number, counted from 1, is `first`, or is later by a multiple of `every` (0: only `first`;
 * 1: all from it on). Then, in this order:
 *
 *   delay_us  the thread sleeps so long
 *   error     the call is not made and fails with this errno (pthread_create gives it back; getaddrinfo
 *             says EAI_SYSTEM)
 *   most      the call is made for so many bytes at most (read, recv, write, send)
 *
 * `kind` confines read, recv, write and send to descriptors of one kind, and malloc, calloc and realloc to
 * calls by the program itself, not by its libraries; other calls are not counted then. To strike from now on, the
 * test sets `first` to `calls` + 1: of what other threads do meanwhile a few calls may be missed.
 * Calls within the C library itself, as those of its stdio, are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum function {
    MALLOC,
    CALLOC,
    REALLOC,
    READ,
    RECV,
    WRITE,
    SEND,
    SENDMSG,
    FSYNC,
    FDATASYNC,
    ACCEPT4,
    CONNECT,
    GETRANDOM,
    PTHREAD_CREATE,
    GETADDRINFO,
    FUNCTION_COUNT
};

enum { KIND_ANY, KIND_SOCKET, KIND_FILE, KIND_PROGRAM };

struct fault {
    _Atomic uint64_t calls; /* so far */
    _Atomic uint64_t hits;
    _Atomic uint64_t first; /* 0: never */
    _Atomic uint64_t every;
    _Atomic int64_t error;
    _Atomic int64_t most; /* 0: as asked */
    _Atomic int64_t delay_us;
    _Atomic int64_t kind;
};

static struct fault nothing[FUNCTION_COUNT];
static struct fault *table = nothing;
static int synced = -1;

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

static uintptr_t program_start, program_end;

/* The program is the first of all objects. */
static int note_program(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    program_start = UINTPTR_MAX;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_LOAD) {
            program_start = start < program_start ? start : program_start;
            program_end = start + part->p_memsz > program_end ? start + part->p_memsz : program_end;
        }
    }
    return 1;
}

static void __attribute__((constructor)) open_table(void)
{
    const char *path = getenv("REEVE_FAULTS"), *synced_path = getenv("REEVE_SYNCED");

    if (synced_path) {
        synced = open(synced_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    }
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0) {
        return;
    }
    dl_iterate_phdr(note_program, NULL);
    void *shared = mmap(NULL, sizeof(nothing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (shared != MAP_FAILED) {
        table = shared;
    }
}

static bool is_struck(struct fault *fault)
{
    uint64_t number = atomic_fetch_add(&fault->calls, 1) + 1;
    uint64_t first = atomic_load(&fault->first);
    uint64_t every = atomic_load(&fault->every);

    if (first == 0 || number < first) {
        return false;
    }
    return number == first || (every > 0 && (number - first) % every == 0);
}

static void wait_us(int64_t us)
{
    const struct timespec time = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    if (us > 0) {
        (void)nanosleep(&time, NULL);
    }
}

/* True: the call fails, and errno is set. */
static bool strike(struct fault *fault, bool *is_short)
{
    *is_short = false;
    if (!is_struck(fault)) {
        return false;
    }
    int64_t error = atomic_load(&fault->error);
    atomic_fetch_add(&fault->hits, 1);
    wait_us(atomic_load(&fault->delay_us));
    *is_short = atomic_load(&fault->most) > 0;
    if (error != 0) {
        errno = (int)error;
    }
    return error != 0;
}

static bool fails(enum function function)
{
    bool is_short;

    return strike(&table[function], &is_short);
}

static bool is_kind(const struct fault *fault, int fd)
{
    struct stat status;

    switch (atomic_load(&fault->kind)) {
    case KIND_SOCKET:
        return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    case KIND_FILE:
        return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    default:
        return true;
    }
}

/* The same for a transfer; *length becomes what may be moved. */
static bool transfer_fails(enum function function, int fd, size_t *length)
{
    struct fault *fault = &table[function];
    bool is_short = false;

    if (!is_kind(fault, fd)) {
        return false;
    }
    if (strike(fault, &is_short)) {
        return true;
    }
    size_t most = is_short ? (size_t)atomic_load(&fault->most) : *length;
    *length = most < *length ? most : *length;
    return false;
}

static bool allocation_fails(enum function function, const void *caller)
{
    uintptr_t address = (uintptr_t)caller;

    if (atomic_load(&table[function].kind) == KIND_PROGRAM &&
        (address < program_start || address >= program_end)) {
        return false;
    }
    return fails(function);
}

void *malloc(size_t bytes)
{
    return allocation_fails(MALLOC, __builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return allocation_fails(CALLOC, __builtin_return_address(0)) ? NULL
                                                                 : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return allocation_fails(REALLOC, __builtin_return_address(0)) ? NULL
                                                                  : __libc_realloc(memory, bytes);
}

/* The C library's own function of this name. */
static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define REAL(name) (*(__typeof__(&name) *)&(void *){real(#name)})

ssize_t read(int fd, void *data, size_t length)
{
    return transfer_fails(READ, fd, &length) ? -1 : REAL(read)(fd, data, length);
}

ssize_t recv(int fd, void *data, size_t length, int flags)
{
    return transfer_fails(RECV, fd, &length) ? -1 : REAL(recv)(fd, data, length, flags);
}

ssize_t write(int fd, const void *data, size_t length)
{
    return transfer_fails(WRITE, fd, &length) ? -1 : REAL(write)(fd, data, length);
}

ssize_t send(int fd, const void *data, size_t length, int flags)
{
    return transfer_fails(SEND, fd, &length) ? -1 : REAL(send)(fd, data, length, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails(SENDMSG) ? -1 : REAL(sendmsg)(fd, message, flags);
}

int fsync(int fd)
{
    return fails(FSYNC) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    struct stat status;

    if (fails(FDATASYNC)) {
        return -1;
    }
    bool is_told = synced >= 0 && fstat(fd, &status) == 0;
    int result = REAL(fdatasync)(fd);
    if (result == 0 && is_told) {
        (void)dprintf(synced, "%ju %jd\n", (uintmax_t)status.st_ino, (intmax_t)status.st_size);
    }
    return result;
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict length, int flags)
{
    return fails(ACCEPT4) ? -1 : REAL(accept4)(fd, address, length, flags);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return fails(CONNECT) ? -1 : REAL(connect)(fd, address, length);
}

ssize_t getrandom(void *out, size_t length, unsigned flags)
{
    return fails(GETRANDOM) ? -1 : REAL(getrandom)(out, length, flags);
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*run)(void *), void *restrict argument)
{
    return fails(PTHREAD_CREATE) ? errno : REAL(pthread_create)(thread, attributes, run, argument);
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    return fails(GETADDRINFO) ? EAI_SYSTEM : REAL(getaddrinfo)(node, service, hints, out);
}
