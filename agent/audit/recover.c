#include "agent/audit/recover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/line.h"
#include "agent/audit/spool_inside.h"
#include "agent/base/log.h"

#define PATH_BYTES 4096
#define SCAN_BYTES (4 * AUDIT_LINE_MAX)

/* What the last batch can take of a file. */
#define BATCH_BYTES_MAX (AUDIT_GROUP_BYTES + 2 * AUDIT_BATCH_BYTES + AUDIT_PROOF_LINE_MAX)

static void directory_of(const char *path, char out[PATH_BYTES])
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;

    snprintf(out, PATH_BYTES, "%.*s.", (int)length, path);
}

/* -1 where the name leads to something else. */
static int open_if_at(int dir, const char *name, const struct audit_place *place)
{
    struct audit_file file = AUDIT_FILE_NONE;
    struct audit_place found;
    struct stat st;

    if (fstatat(dir, name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
        (uint64_t)st.st_ino != place->inode) {
        return -1;
    }
    file.fd = openat(dir, name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (file.fd >= 0 && (audit_file_place(&file, &found) != ERR_OK ||
                         !audit_place_is_in_same_file(&found, place))) {
        audit_file_close(&file);
    }
    return file.fd;
}

/* A descriptor of the file at `place`, -1 where there is none. */
static int open_place(const char *audit_file, const struct audit_place *place)
{
    char directory[PATH_BYTES];
    struct dirent *entry;
    int fd = open_if_at(AT_FDCWD, audit_file, place);

    directory_of(audit_file, directory);
    DIR *dir = fd < 0 ? opendir(directory) : NULL;
    while (dir && fd < 0 && (entry = readdir(dir))) {
        fd = open_if_at(dirfd(dir), entry->d_name, place);
    }
    if (dir) {
        closedir(dir);
    }
    return fd;
}

struct scan {
    int fd;
    const struct audit_line_origin *origin;
    uint64_t last;   /* the highest sequence seen */
    uint64_t offset; /* of buffer[0] in the file */
    size_t length;
    bool skips; /* in a line too long to be one of ours */
    char buffer[SCAN_BYTES];
};

/* Takes the whole lines from the buffer and leaves the rest at its start. */
static void take_lines(struct scan *scan)
{
    size_t begin = 0;
    const char *feed;

    while ((feed = memchr(scan->buffer + begin, '\n', scan->length - begin))) {
        size_t length = (size_t)(feed - scan->buffer) - begin;
        uint64_t sequence =
            scan->skips ? 0 : audit_line_sequence(scan->origin, scan->buffer + begin, length);

        scan->last = sequence > scan->last ? sequence : scan->last;
        scan->skips = false;
        begin += length + 1;
    }
    if (begin == 0 && scan->length == sizeof(scan->buffer)) {
        scan->skips = true;
        begin = scan->length;
    }
    memmove(scan->buffer, scan->buffer + begin, scan->length - begin);
    scan->length -= begin;
    scan->offset += begin;
}

/* What is left in the buffer is a line without its end; cut off only where it is one of ours. */
static void cut_torn_line(const struct scan *scan)
{
    size_t known = sizeof(AUDIT_LINE_BEGIN) - 1;

    if (scan->length == 0 || scan->skips || scan->length >= AUDIT_LINE_MAX ||
        memcmp(scan->buffer, AUDIT_LINE_BEGIN, scan->length < known ? scan->length : known) != 0) {
        return;
    }
    if (ftruncate(scan->fd, (off_t)scan->offset) < 0) {
        log_warning("audit: a torn line can not be cut: %s", strerror(errno));
        return;
    }
    log_info("audit: a torn line of %zu bytes was cut; its record is written again", scan->length);
}

/* The lines that begin at `offset` and before `end`; and where the file ends before, cuts the line
 * that has no end. */
static bool read_lines(struct scan *scan, uint64_t offset, uint64_t end)
{
    scan->offset = offset;
    scan->length = 0;
    scan->skips = false;
    while (scan->offset < end) {
        ssize_t count =
            pread(scan->fd, scan->buffer + scan->length, sizeof(scan->buffer) - scan->length,
                  (off_t)(scan->offset + scan->length));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return false;
        }
        if (count == 0) {
            cut_torn_line(scan);
            return true;
        }
        scan->length += (size_t)count;
        take_lines(scan);
    }
    return true;
}

/* Those that the file holds and that can not be read here are delivered, too. */
static void settle_up_to(struct audit_ring *ring, uint64_t last)
{
    uint64_t position = ring->ledger.tail, sequence = ring->ledger.delivered;
    struct audit_ring_record record;

    if (last >= ring->next_sequence) {
        last = ring->next_sequence - 1; /* the batch's end is not believed */
    }
    while (sequence < last && audit_ring_next(ring, position, sequence, &record) &&
           record.sequence <= last) {
        position = record.end;
        sequence = record.sequence;
    }
    audit_ring_settle(ring, position, last > sequence ? last : sequence);
}

/* False: the file does not tell what was delivered. */
static bool scan_file(struct audit_ring *ring, int fd, struct scan *scan)
{
    const struct audit_ring_ledger *ledger = &ring->ledger;
    struct audit_line_origin origin;
    struct stat st;

    audit_line_origin(&ring->control->birth, &origin);
    *scan = (struct scan){.fd = fd, .origin = &origin};
    if (fstat(fd, &st) < 0) {
        return false;
    }
    /* A file that became shorter was cut by somebody else; one that was cut before the batch was
     * written may be as long again. */
    bool is_cut = (uint64_t)st.st_size < ledger->place.offset;
    bool is_read = is_cut || read_lines(scan, ledger->place.offset, UINT64_MAX);
    if (is_read && scan->last <= ledger->delivered) {
        is_read = read_lines(scan, 0, BATCH_BYTES_MAX);
    }
    return is_read && (!is_cut || scan->last > ledger->delivered);
}

void audit_recover_position(struct audit_ring *ring, const char *audit_file)
{
    const struct audit_ring_ledger *ledger = &ring->ledger;
    struct scan *scan;

    if (ledger->batch_end <= ledger->delivered) {
        return;
    }
    int fd = open_place(audit_file, &ledger->place);
    scan = malloc(sizeof(*scan));
    if (fd >= 0 && scan && scan_file(ring, fd, scan)) {
        settle_up_to(ring, scan->last < ledger->batch_end ? scan->last : ledger->batch_end);
    } else {
        audit_ring_doubt_batch(ring);
        log_warning("audit: the file of the last batch is gone; it is written again, marked");
    }
    free(scan);
    if (fd >= 0) {
        close(fd);
    }
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name), suffix_length = strlen(suffix);

    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static enum err take_file(const char *path, const char *audit_file, struct audit_batch *batch)
{
    struct diag diag = {0};
    struct spool *spool;
    enum err e = spool_adopt(path, &spool, &diag);

    if (e == ERR_SYNTAX) {
        spool_set_aside(path, "not a spool");
        return ERR_OK;
    }
    if (e != ERR_OK) {
        log_error("audit: left where it is: %s", diag.text);
        return ERR_OK;
    }
    audit_recover_position(spool_ring(spool), audit_file);
    e = audit_batch_add(batch, spool, true);
    if (e != ERR_OK) {
        spool_close(spool);
    }
    return e;
}

static enum err take_entry(const char *directory, const char *name, const char *audit_file,
                           struct audit_batch *batch)
{
    char path[PATH_BYTES];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) >= sizeof(path)) {
        return ERR_OK;
    }
    if (has_suffix(name, SPOOL_SUFFIX ".new")) {
        unlink(path); /* its making was cut short: nothing was ever in it */
        return ERR_OK;
    }
    return has_suffix(name, SPOOL_SUFFIX) ? take_file(path, audit_file, batch) : ERR_OK;
}

static int compare_age(const void *a, const void *b)
{
    const struct audit_source *left = a, *right = b;
    const struct audit_ring_birth *first = &spool_ring(left->spool)->control->birth;
    const struct audit_ring_birth *second = &spool_ring(right->spool)->control->birth;

    if (first->created_us != second->created_us) {
        return first->created_us < second->created_us ? -1 : 1;
    }
    return strcmp(spool_path(left->spool), spool_path(right->spool));
}

enum err audit_recover(const char *spool_dir, const char *audit_file, struct audit_batch *batch,
                       struct diag *diag)
{
    DIR *dir = opendir(spool_dir);
    enum err e = ERR_OK;
    struct dirent *entry;

    if (!dir) {
        diag_set(diag, "spool_dir: %s: %s", spool_dir, strerror(errno));
        return ERR_IO;
    }
    while (e == ERR_OK && (entry = readdir(dir))) {
        e = take_entry(spool_dir, entry->d_name, audit_file, batch);
    }
    closedir(dir);
    if (e != ERR_OK) {
        diag_set(diag, "spool_dir: %s: %s", spool_dir, err_text(e));
        return e;
    }
    if (batch->source_count > 1) {
        qsort(batch->sources, batch->source_count, sizeof(*batch->sources), compare_age);
    }
    return ERR_OK;
}
