#include "agent/audit/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/segment_read.h"
#include "agent/audit/unlink.h"
#include "agent/base/log.h"

#define PATH_BYTES    4096
#define NUMBER_DIGITS 8
#define HEAD_BYTES    4096 /* enough of a header to find its number */

/* Where the name begins in a path. */
static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static DIR *open_folder(const char *audit_file)
{
    char folder[PATH_BYTES];

    snprintf(folder, sizeof(folder), "%.*s.", (int)(name_of(audit_file) - audit_file), audit_file);
    return opendir(folder);
}

bool audit_segment_name(const char *audit_file, uint64_t number, char *out, size_t capacity)
{
    int length =
        snprintf(out, capacity, "%s.%0*llu", audit_file, NUMBER_DIGITS, (unsigned long long)number);

    return length > 0 && (size_t)length < capacity;
}

uint64_t audit_segment_number(int fd)
{
    char head[HEAD_BYTES];
    ssize_t count = pread(fd, head, sizeof(head), 0);
    struct str text = str_make(head, count > 0 ? (size_t)count : 0);
    uint64_t number = 0;

    if (!str_starts_with(text, STR("{\"v\":1,\"type\":\"segment\"")) ||
        !audit_read_number(text, "segment", &number)) {
        return 0;
    }
    return number;
}

/* The number of a closed segment by its name; 0: another file. */
static uint64_t closed_number(const char *audit_file, const char *name)
{
    const char *own = name_of(audit_file);
    size_t length = strlen(own);
    uint64_t number = 0;

    if (strncmp(name, own, length) != 0 || name[length] != '.' ||
        strlen(name + length + 1) < NUMBER_DIGITS) {
        return 0;
    }
    for (const char *c = name + length + 1; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > UINT64_MAX / 100) {
            return 0;
        }
        number = number * 10 + (uint64_t)(*c - '0');
    }
    return number;
}

static enum err add(struct audit_segments *segments, uint64_t number, int64_t changed_us,
                    const char *path)
{
    struct audit_segment *items =
        realloc(segments->items, (segments->count + 1) * sizeof(*segments->items));

    if (!items) {
        return ERR_MEMORY;
    }
    segments->items = items;
    char *copy = strdup(path);
    if (!copy) {
        return ERR_MEMORY;
    }
    items[segments->count++] =
        (struct audit_segment){.number = number, .changed_us = changed_us, .path = copy};
    return ERR_OK;
}

static bool path_beside(const char *audit_file, const char *name, char out[PATH_BYTES])
{
    int folder = (int)(name_of(audit_file) - audit_file);

    return (size_t)snprintf(out, PATH_BYTES, "%.*s%s", folder, audit_file, name) < PATH_BYTES;
}

static int64_t changed_us(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

static enum err add_if_segment(struct audit_segments *segments, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum err e = ERR_OK;
    struct stat st;

    if (fd < 0) {
        return ERR_OK;
    }
    uint64_t number = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? audit_segment_number(fd) : 0;
    if (number > 0) {
        e = add(segments, number, changed_us(&st), path);
    }
    close(fd);
    return e;
}

static int compare(const void *a, const void *b)
{
    const struct audit_segment *left = a, *right = b;

    if (left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return left->changed_us < right->changed_us ? -1 : left->changed_us > right->changed_us;
}

static bool is_removed(const char *name)
{
    size_t length = strlen(name), ending = sizeof(AUDIT_REMOVED_SUFFIX) - 1;

    return length > ending && strcmp(name + length - ending, AUDIT_REMOVED_SUFFIX) == 0;
}

enum err audit_segments(const char *audit_file, struct audit_segments *out)
{
    const char *own = name_of(audit_file);
    struct audit_segments found = {0};
    DIR *dir = open_folder(audit_file);
    enum err e = dir ? ERR_OK : ERR_IO;
    struct dirent *entry;
    char path[PATH_BYTES];

    while (e == ERR_OK && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, own, strlen(own)) == 0 && !is_removed(entry->d_name) &&
            path_beside(audit_file, entry->d_name, path)) {
            e = add_if_segment(&found, path);
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (e != ERR_OK) {
        audit_segments_free(&found);
        return e;
    }
    if (found.count > 1) {
        qsort(found.items, found.count, sizeof(*found.items), compare);
    }
    *out = found;
    return ERR_OK;
}

void audit_segments_free(struct audit_segments *segments)
{
    for (size_t i = 0; i < segments->count; i++) {
        free(segments->items[i].path);
    }
    free(segments->items);
    *segments = (struct audit_segments){0};
}

enum err audit_segment_close(const char *audit_file, uint64_t number)
{
    char closed[PATH_BYTES];

    if (!audit_segment_name(audit_file, number, closed, sizeof(closed))) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    if (renameat2(AT_FDCWD, audit_file, AT_FDCWD, closed, RENAME_NOREPLACE) == 0) {
        return ERR_OK;
    }
    return errno == EEXIST ? ERR_BUSY : ERR_IO;
}

/* Those with closed names, by number. */
static enum err list_closed(const char *audit_file, struct audit_segments *out)
{
    DIR *dir = open_folder(audit_file);
    enum err e = dir ? ERR_OK : ERR_IO;
    struct dirent *entry;
    char path[PATH_BYTES];
    struct stat st;

    while (e == ERR_OK && (entry = readdir(dir))) {
        uint64_t number = closed_number(audit_file, entry->d_name);

        if (number > 0 && path_beside(audit_file, entry->d_name, path) && lstat(path, &st) == 0 &&
            S_ISREG(st.st_mode)) {
            e = add(out, number, changed_us(&st), path);
        }
    }
    if (dir) {
        closedir(dir);
    }
    if (out->count > 1) {
        qsort(out->items, out->count, sizeof(*out->items), compare);
    }
    return e;
}

/* The line is on the disk, or nothing of it. */
static bool append_on_disk(const char *path, struct str line)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    struct stat st;
    bool is_there = false;

    if (fd >= 0 && fstat(fd, &st) == 0) {
        is_there = write(fd, line.ptr, line.len) == (ssize_t)line.len && fdatasync(fd) == 0;
        if (!is_there && ftruncate(fd, st.st_size) < 0) {
            log_error("audit: %s ends with half a line: %s", log_quote(str_from_c(path)).text,
                      strerror(errno));
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return is_there;
}

/* Its first line goes to those of the segments that were removed before. */
static bool keep_header(const char *audit_file, const char *segment)
{
    struct audit_reader *reader;
    struct audit_read_line line;
    char kept[PATH_BYTES];
    bool is_kept = false;

    if (audit_reader_open(segment, 0, &reader, NULL) != ERR_OK) {
        return false;
    }
    if (audit_reader_next(reader, &line) != AUDIT_READ_LINE ||
        !str_equal(line.type, STR("segment"))) {
        is_kept = true; /* nothing to keep */
    } else if ((size_t)snprintf(kept, sizeof(kept), "%s" AUDIT_REMOVED_SUFFIX, audit_file) <
               sizeof(kept)) {
        is_kept = append_on_disk(kept, line.raw);
    }
    audit_reader_free(reader);
    return is_kept;
}

/* How many go by their number and age: what is left must follow on each other, so it ends at the first
 * that stays. */
static size_t count_old(const struct audit_segments *closed,
                        const struct audit_retention *retention, int64_t wall_us)
{
    size_t i = 0;

    for (; i < closed->count; i++) {
        bool is_beyond = retention->keep_count > 0 && closed->count - i > retention->keep_count;
        bool is_old =
            retention->keep_us > 0 && closed->items[i].changed_us < wall_us - retention->keep_us;

        if (!is_beyond && !is_old) {
            break;
        }
    }
    return i;
}

static bool remove_one(const char *audit_file, const char *segment)
{
    if (keep_header(audit_file, segment) && audit_unlink(segment) == ERR_OK) {
        return true;
    }
    log_error("audit: %s can not be removed: %s", log_quote(str_from_c(segment)).text,
              strerror(errno));
    return false;
}

size_t audit_segment_remove_old(const char *audit_file, const struct audit_retention *retention,
                                int64_t wall_us, uint64_t *last)
{
    struct audit_segments closed = {0};
    size_t removed = 0;

    if ((retention->keep_count == 0 && retention->keep_us == 0) ||
        list_closed(audit_file, &closed) != ERR_OK) {
        audit_segments_free(&closed);
        return 0;
    }
    size_t old_count = count_old(&closed, retention, wall_us);
    for (; removed < old_count; removed++) {
        const struct audit_segment *segment = &closed.items[removed];
        bool is_held =
            retention->is_held_cb &&
            retention->is_held_cb(retention->context, segment->number, old_count - removed - 1);

        if (is_held || !remove_one(audit_file, segment->path)) {
            break;
        }
        *last = segment->number;
    }
    audit_segments_free(&closed);
    return removed;
}
