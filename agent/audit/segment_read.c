#include "agent/audit/segment_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/enc.h"

#define BUFFER_BYTES ((size_t)1024 * 1024)
#define BEGIN        "{\"v\":1,\"type\":\""
#define NAME_BYTES   48

struct audit_reader {
    int fd;
    bool is_stream;
    bool is_inside;  /* of a line that comes in pieces */
    uint64_t offset; /* of data[begin] */
    size_t begin, end;
    char data[BUFFER_BYTES];
};

struct audit_reader *audit_reader_of(int fd, uint64_t offset)
{
    struct audit_reader *reader = malloc(sizeof(*reader));

    if (!reader) {
        close(fd);
        return NULL;
    }
    reader->fd = fd;
    reader->is_stream = lseek(fd, 0, SEEK_CUR) < 0;
    reader->is_inside = false;
    reader->offset = offset;
    reader->begin = reader->end = 0;
    return reader;
}

enum err audit_reader_open(const char *path, uint64_t offset, struct audit_reader **out,
                           struct diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        diag_set(diag, "%s: %s", path, fd < 0 ? strerror(errno) : "not a regular file");
        if (fd >= 0) {
            close(fd);
        }
        return ERR_IO;
    }
    struct audit_reader *reader = audit_reader_of(fd, offset);
    if (!reader) {
        diag_set(diag, "%s: %s", path, err_text(ERR_MEMORY));
        return ERR_MEMORY;
    }
    *out = reader;
    return ERR_OK;
}

void audit_reader_free(struct audit_reader *reader)
{
    if (reader) {
        close(reader->fd);
        free(reader);
    }
}

static ssize_t read_stream(struct audit_reader *reader)
{
    ssize_t count;

    memmove(reader->data, reader->data + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    do {
        count = read(reader->fd, reader->data + reader->end, BUFFER_BYTES - reader->end);
    } while (count < 0 && errno == EINTR);
    reader->end += count > 0 ? (size_t)count : 0;
    return count;
}

/* Reads from the line that has no end yet on: that may have been cut, and another be there by now. 0:
 * nothing more, for now; -1: errno says why. */
static ssize_t read_more(struct audit_reader *reader)
{
    size_t before = reader->end - reader->begin;
    ssize_t count;

    if (reader->is_stream) {
        return read_stream(reader);
    }
    do {
        count = pread(reader->fd, reader->data, BUFFER_BYTES, (off_t)reader->offset);
    } while (count < 0 && errno == EINTR);
    reader->begin = 0;
    reader->end = count > 0 ? (size_t)count : 0;
    return count <= 0 ? count : reader->end > before ? (ssize_t)(reader->end - before) : 0;
}

static void give(struct audit_reader *reader, size_t length, bool has_feed,
                 struct audit_read_line *out)
{
    struct str text = str_make(reader->data + reader->begin, length);
    bool is_whole = has_feed && !reader->is_inside && length <= AUDIT_READ_LINE_MAX;

    *out = (struct audit_read_line){.text = is_whole ? text : STR_ABSENT,
                                    .raw = str_make(text.ptr, length + has_feed),
                                    .offset = reader->offset};
    reader->is_inside = !has_feed;
    reader->begin += length + has_feed;
    reader->offset += length + has_feed;
}

enum audit_read audit_reader_next_text(struct audit_reader *reader, struct audit_read_line *out)
{
    for (;;) {
        size_t length = reader->end - reader->begin;
        const char *start = reader->data + reader->begin;
        const char *feed = memchr(start, '\n', length);

        if (feed) {
            give(reader, (size_t)(feed - start), true, out);
            return AUDIT_READ_LINE;
        }
        if (length > AUDIT_READ_LINE_MAX) {
            give(reader, length, false, out);
            return AUDIT_READ_LINE;
        }
        ssize_t count = read_more(reader);
        if (count <= 0) {
            return count < 0 ? AUDIT_READ_FAIL : AUDIT_READ_END;
        }
    }
}

enum audit_read audit_reader_next(struct audit_reader *reader, struct audit_read_line *out)
{
    enum audit_read result = audit_reader_next_text(reader, out);

    if (result == AUDIT_READ_LINE && out->text.len > 0) {
        struct audit_read_line line;
        audit_read_line_parse(out->text, &line);
        line.raw = out->raw;
        line.offset = out->offset;
        *out = line;
    }
    return result;
}

uint64_t audit_reader_offset(const struct audit_reader *reader)
{
    return reader->offset;
}

size_t audit_reader_rest(const struct audit_reader *reader)
{
    return reader->end - reader->begin;
}

int audit_reader_fd(const struct audit_reader *reader)
{
    return reader->fd;
}

/* What follows ,"name": in the line; absent where there is none. */
static struct str find(struct str line, const char *name)
{
    char needle[NAME_BYTES];
    int length = snprintf(needle, sizeof(needle), ",\"%s\":", name);
    const char *found = line.len > 0 ? memmem(line.ptr, line.len, needle, (size_t)length) : NULL;

    return found ? str_skip(line, (size_t)(found - line.ptr) + (size_t)length) : STR_ABSENT;
}

/* Up to the quote that is not escaped. */
static bool take_text(struct str rest, struct str *out)
{
    if (rest.len == 0 || rest.ptr[0] != '"') {
        return false;
    }
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] == '\\') {
            i++;
        } else if (rest.ptr[i] == '"') {
            *out = str_make(rest.ptr + 1, i - 1);
            return true;
        }
    }
    return false;
}

static bool take_number(struct str rest, uint64_t *out)
{
    size_t length = 0;

    while (length < rest.len && rest.ptr[length] >= '0' && rest.ptr[length] <= '9') {
        length++;
    }
    return str_to_uint64(str_make(rest.ptr, length), UINT64_MAX, out);
}

bool audit_read_text(struct str line, const char *name, struct str *out)
{
    return take_text(find(line, name), out);
}

bool audit_read_number(struct str line, const char *name, uint64_t *out)
{
    return take_number(find(line, name), out);
}

static bool has_capitals(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

bool audit_read_hex(struct str line, const char *name, uint8_t *out, size_t length)
{
    struct str text;

    return audit_read_text(line, name, &text) && !has_capitals(text) &&
           enc_unhex(text, out, length);
}

/* ,"boot":"<hex>","worker":<n>,"seq":<n> in one piece, as every record has it. */
static void parse_origin(struct str text, struct audit_read_line *out)
{
    const struct str worker = STR("\",\"worker\":"), sequence = STR(",\"seq\":");
    struct str rest = find(text, "boot"), boot;

    if (!take_text(rest, &boot)) {
        return;
    }
    rest = str_skip(rest, 1 + boot.len);
    uint64_t number;
    if (!str_starts_with(rest, worker) || !take_number(str_skip(rest, worker.len), &number)) {
        return;
    }
    rest = str_skip(rest, worker.len);
    while (rest.len > 0 && rest.ptr[0] >= '0' && rest.ptr[0] <= '9') {
        rest = str_skip(rest, 1);
    }
    if (str_starts_with(rest, sequence) &&
        take_number(str_skip(rest, sequence.len), &out->sequence)) {
        out->boot = boot;
        out->worker = number;
    }
}

void audit_read_line_parse(struct str text, struct audit_read_line *out)
{
    const struct str begin = STR(BEGIN);

    *out = (struct audit_read_line){.text = text};
    if (!str_starts_with(text, begin) || text.ptr[text.len - 1] != '}' ||
        !take_text(str_skip(text, begin.len - 1), &out->type)) {
        return;
    }
    parse_origin(text, out);
}
