#include "agent/ctl/audit/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ctl/command.h"

#define CHUNK_BYTES   (1u << 20)
#define NUMBER_DIGITS 8

struct files {
    struct heap *heap;
    const char *audit_file; /* NULL: only what is listed */
    const char **paths;
    size_t count, index;
    bool follows;

    int fd; /* -1: none is open */
    uint64_t line;
    uint64_t offset; /* in the file, of what was read */
    uint64_t done, total;
    char *buffer;
    size_t begin, end; /* what is in it */
};

static struct files *new_files(struct heap *heap)
{
    struct files *files = heap_take(heap, sizeof(*files));

    files->heap = heap;
    files->fd = -1;
    files->buffer = heap_take(heap, CHUNK_BYTES + FILES_LINE_MAX);
    return files;
}

static void add(struct files *files, const char *path)
{
    struct stat stat_;

    files->paths =
        heap_grow(files->heap, (void *)files->paths, files->count, sizeof(*files->paths));
    files->paths[files->count++] = path;
    if (stat(path, &stat_) == 0 && S_ISREG(stat_.st_mode)) {
        files->total += (uint64_t)stat_.st_size;
    }
}

struct files *files_of(struct heap *heap, char *const *paths, size_t count)
{
    struct files *files = new_files(heap);

    for (size_t i = 0; i < count; i++) {
        add(files, paths[i]);
    }
    return files;
}

/* ---- segments ---- */

static bool is_segment(struct str name, struct str base)
{
    struct str rest = str_skip(name, base.len);

    if (!str_starts_with(name, base) || rest.len != 1 + NUMBER_DIGITS || rest.ptr[0] != '.') {
        return false;
    }
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The number of digits is the same, so the order of names is that of numbers. */
static bool list(struct files *files)
{
    const char *slash = strrchr(files->audit_file, '/');
    struct str folder =
        slash ? str_make(files->audit_file, (size_t)(slash - files->audit_file) + 1) : STR("./");
    struct str base = str_from_c(slash ? slash + 1 : files->audit_file);
    DIR *directory = opendir(heap_copy(files->heap, folder).ptr);

    if (!directory) {
        command_fail("%s: %s", files->audit_file, strerror(errno));
        return false;
    }
    files->count = files->index = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (is_segment(str_from_c(entry->d_name), base)) {
            add(files, heap_print(files->heap, "%.*s%s", STR_ARG(folder), entry->d_name).ptr);
        }
    }
    closedir(directory);
    if (files->count > 0) {
        qsort((void *)files->paths, files->count, sizeof(*files->paths), compare_paths);
    }
    add(files, files->audit_file);
    return true;
}

struct files *files_of_audit(struct heap *heap, const char *audit_file)
{
    struct files *files = new_files(heap);

    files->audit_file = audit_file;
    return list(files) ? files : NULL;
}

void files_follow(struct files *files)
{
    files->follows = true;
}

/* ---- one file ---- */

static void close_file(struct files *files)
{
    if (files->fd > STDIN_FILENO) {
        close(files->fd);
    }
    files->fd = -1;
}

static bool open_file(struct files *files)
{
    const char *path = files->paths[files->index];

    files->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    files->line = files->offset = 0;
    files->begin = files->end = 0;
    if (files->fd < 0) {
        command_fail("%s: %s", path, strerror(errno));
    }
    return files->fd >= 0;
}

void files_free(struct files *files)
{
    if (files) {
        close_file(files);
    }
}

void files_skip_to_last(struct files *files, uint64_t bytes)
{
    files->index = files->count - 1;
    if (!open_file(files)) {
        return;
    }
    off_t size = lseek(files->fd, 0, SEEK_END);
    uint64_t from = size > 0 && (uint64_t)size > bytes ? (uint64_t)size - bytes : 0;
    if (lseek(files->fd, (off_t)from, SEEK_SET) < 0 || from == 0) {
        return;
    }
    struct files_line line;
    files->offset = from;
    (void)files_next(files, &line); /* what it began in is no whole line */
}

/* False: nothing more, for now, or the read failed. */
static bool fill(struct files *files)
{
    memmove(files->buffer, files->buffer + files->begin, files->end - files->begin);
    files->end -= files->begin;
    files->begin = 0;
    ssize_t count = read(files->fd, files->buffer + files->end, CHUNK_BYTES);
    if (count <= 0) {
        return count < 0 && errno == EINTR;
    }
    files->end += (size_t)count;
    files->offset += (uint64_t)count;
    files->done += (uint64_t)count;
    return true;
}

static void give(struct files *files, size_t length, size_t with_end, struct files_line *out)
{
    *out = (struct files_line){.text = str_make(files->buffer + files->begin, length),
                               .path = files->paths[files->index],
                               .number = ++files->line,
                               .is_unended = length == with_end,
                               .is_of_the_last = files->index + 1 == files->count};
    files->begin += with_end;
}

/* False: no line, for now. */
static bool next_in_file(struct files *files, struct files_line *out)
{
    size_t looked_at = 0;

    for (;;) {
        size_t left = files->end - files->begin;
        const char *from = files->buffer + files->begin;
        const char *feed = memchr(from + looked_at, '\n', left - looked_at);

        if (feed) {
            size_t length = (size_t)(feed - from);
            give(files, length, length + 1, out);
            return true;
        }
        if (left >= FILES_LINE_MAX) {
            give(files, left, left, out);
            return true;
        }
        looked_at = left;
        if (!fill(files)) {
            break;
        }
    }
    if (files->end == files->begin || files->follows) {
        return false;
    }
    give(files, files->end - files->begin, files->end - files->begin, out);
    return true;
}

/* ---- one after the other ---- */

/* What the name leads to is another file, or this one was cut. */
static bool has_moved_on(const struct files *files)
{
    struct stat named, held;

    if (stat(files->audit_file, &named) != 0 || fstat(files->fd, &held) != 0) {
        return false; /* the next one is not there yet */
    }
    return named.st_ino != held.st_ino || named.st_dev != held.st_dev ||
           (uint64_t)held.st_size < files->offset;
}

/* Goes on behind the file that is open, by whatever name it has now. */
static bool go_on(struct files *files)
{
    struct stat held, stat_;
    size_t next = 0;

    if (fstat(files->fd, &held) != 0 || !list(files)) {
        return false;
    }
    for (size_t i = 0; i + 1 < files->count; i++) {
        if (stat(files->paths[i], &stat_) == 0 && stat_.st_ino == held.st_ino &&
            stat_.st_dev == held.st_dev) {
            next = i + 1;
        }
    }
    files->index = next > 0 ? next : files->count - 1;
    close_file(files);
    return open_file(files);
}

enum files_answer files_next(struct files *files, struct files_line *out)
{
    for (;;) {
        if (files->fd < 0 && (files->index >= files->count || !open_file(files))) {
            return files->index >= files->count ? FILES_END : FILES_FAIL;
        }
        if (next_in_file(files, out)) {
            return FILES_LINE;
        }
        if (files->follows && files->index + 1 == files->count) {
            if (!files->audit_file || !has_moved_on(files)) {
                return FILES_END;
            }
            /* What came between the last read and the rotation. */
            if (next_in_file(files, out)) {
                return FILES_LINE;
            }
            if (!go_on(files)) {
                return FILES_FAIL;
            }
            continue;
        }
        close_file(files);
        files->index++;
    }
}

uint64_t files_done(const struct files *files)
{
    return files->done;
}

uint64_t files_total(const struct files *files)
{
    return files->total;
}
