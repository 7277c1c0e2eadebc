#include "agent/ctl/audit/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "agent/audit/segment_read.h"
#include "agent/ctl/command.h"

struct files {
    struct heap *heap;
    const char **paths;
    size_t count, index;

    struct audit_reader *reader; /* NULL: none is open */
    uint64_t line;
    bool is_inside; /* of a line that is too long, and was given */
    uint64_t done, total;
    bool has_pipe;
};

static void add(struct files *files, const char *path)
{
    struct stat stat_;

    files->paths =
        heap_grow(files->heap, (void *)files->paths, files->count, sizeof(*files->paths));
    files->paths[files->count++] = path;
    if (stat(path, &stat_) == 0 && S_ISREG(stat_.st_mode)) {
        files->total += (uint64_t)stat_.st_size;
    } else {
        files->has_pipe = true;
    }
}

static struct files *new_files(struct heap *heap)
{
    struct files *files = heap_take(heap, sizeof(*files));

    files->heap = heap;
    return files;
}

struct files *files_of(struct heap *heap, char *const *paths, size_t count)
{
    struct files *files = new_files(heap);

    for (size_t i = 0; i < count; i++) {
        add(files, paths[i]);
    }
    return files;
}

/* The file itself comes last, also where it has no header yet. */
struct files *files_of_audit(struct heap *heap, const char *audit_file)
{
    struct files *files = new_files(heap);
    struct audit_segments segments;

    if (audit_segments(audit_file, &segments) != ERR_OK) {
        command_fail("%s: %s", audit_file, strerror(errno));
        return NULL;
    }
    for (size_t i = 0; i < segments.count; i++) {
        if (strcmp(segments.items[i].path, audit_file) != 0) {
            add(files, heap_copy(heap, str_from_c(segments.items[i].path)).ptr);
        }
    }
    audit_segments_free(&segments);
    add(files, audit_file);
    return files;
}

static void close_file(struct files *files)
{
    audit_reader_free(files->reader);
    files->reader = NULL;
}

void files_free(struct files *files)
{
    if (files) {
        close_file(files);
    }
}

static bool fail(const struct files *files)
{
    command_fail("%s: %s", files->paths[files->index], strerror(errno));
    return false;
}

/* So many bytes before its end, where that can be known. */
static uint64_t offset_before_end(int fd, uint64_t bytes)
{
    struct stat stat_;
    off_t at = lseek(fd, 0, SEEK_CUR);

    if (bytes == UINT64_MAX || fstat(fd, &stat_) != 0 || (uint64_t)stat_.st_size <= bytes) {
        return at > 0 ? (uint64_t)at : 0;
    }
    return (uint64_t)stat_.st_size - bytes;
}

static bool open_file(struct files *files, uint64_t last_bytes)
{
    const char *path = files->paths[files->index];
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

    files->line = 0;
    files->is_inside = false;
    if (fd < 0) {
        return fail(files);
    }
    uint64_t offset = offset_before_end(fd, last_bytes);
    files->reader = audit_reader_of(fd, offset);
    if (!files->reader) {
        return fail(files);
    }
    struct audit_read_line line;
    if (last_bytes != UINT64_MAX && offset > 0) {
        (void)audit_reader_next_text(files->reader, &line); /* what it began in is no whole line */
    }
    return true;
}

void files_skip_to_last(struct files *files, uint64_t bytes)
{
    files->index = files->count - 1;
    (void)open_file(files, bytes);
}

static void give(struct files *files, struct str text, bool is_unended, struct files_line *out)
{
    *out = (struct files_line){.text = text,
                               .path = files->paths[files->index],
                               .number = ++files->line,
                               .is_unended = is_unended,
                               .is_of_the_last = files->index + 1 == files->count};
}

/* False: it was the rest of one that was given. */
static bool take_line(struct files *files, const struct audit_read_line *line,
                      struct files_line *out)
{
    bool is_new = !files->is_inside;

    files->is_inside = line->raw.ptr[line->raw.len - 1] != '\n';
    files->done += line->raw.len;
    if (is_new) {
        give(files, line->text, false, out);
    }
    return is_new;
}

/* True: the file ends within a line, which is given. */
static bool end_file(struct files *files, struct files_line *out)
{
    size_t rest = audit_reader_rest(files->reader);

    if (rest > 0) {
        give(files, STR_ABSENT, true, out);
    }
    close_file(files);
    files->index++;
    return rest > 0;
}

enum files_answer files_next(struct files *files, struct files_line *out)
{
    struct audit_read_line line;

    while (files->index < files->count) {
        if (!files->reader && !open_file(files, UINT64_MAX)) {
            return FILES_FAIL;
        }
        switch (audit_reader_next_text(files->reader, &line)) {
        case AUDIT_READ_LINE:
            if (take_line(files, &line, out)) {
                return FILES_LINE;
            }
            break;
        case AUDIT_READ_END:
            if (end_file(files, out)) {
                return FILES_LINE;
            }
            break;
        case AUDIT_READ_FAIL:
            fail(files);
            return FILES_FAIL;
        }
    }
    return FILES_END;
}

uint64_t files_done(const struct files *files)
{
    return files->done;
}

uint64_t files_total(const struct files *files)
{
    return files->total;
}

bool files_may_be_read_again(const struct files *files)
{
    return !files->has_pipe;
}
