/*
 * Preloaded into a server under test: its wall clock is the machine's plus a number of microseconds
 * that stands in the file $REEVE_CLOCK_FILE, eight bytes, which the test changes whenever it likes.
 * Monotonic clocks stay as they are.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND_US INT64_C(1000000)

static volatile const int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("REEVE_CLOCK_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        void *memory = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
        offset = memory == MAP_FAILED ? NULL : memory;
        close(fd);
    }
}

static int64_t offset_us(void)
{
    return offset ? *offset : 0;
}

static int (*real_clock(void))(clockid_t, struct timespec *)
{
    static int (*real)(clockid_t, struct timespec *);

    if (!real) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    return real;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    int result = real_clock()(id, out);

    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t us = out->tv_sec * SECOND_US + out->tv_nsec / 1000 + offset_us();
        out->tv_sec = us / SECOND_US;
        out->tv_nsec = us % SECOND_US * 1000 + out->tv_nsec % 1000;
    }
    return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
