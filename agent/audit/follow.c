#include "agent/audit/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/segment.h"

struct audit_follower {
    char *audit_file;
    struct crypto_hasher *hasher;
    struct audit_reader *reader;    /* NULL: the position is to be found first */
    struct audit_position position; /* its tail only while there is no reader */
    char tail[AUDIT_TAIL_BYTES];    /* the bytes before the position */
    size_t tail_length;
    bool has_next; /* a later segment was seen */
};

struct audit_follower *audit_follower_new(const char *audit_file,
                                          const struct audit_position *position)
{
    struct audit_follower *follower = calloc(1, sizeof(*follower));

    if (!follower) {
        return NULL;
    }
    follower->position = *position;
    follower->audit_file = strdup(audit_file);
    follower->hasher = crypto_sha256_new();
    if (!follower->audit_file || !follower->hasher) {
        audit_follower_free(follower);
        return NULL;
    }
    return follower;
}

void audit_follower_free(struct audit_follower *follower)
{
    if (follower) {
        audit_reader_free(follower->reader);
        crypto_hasher_free(follower->hasher);
        free(follower->audit_file);
        free(follower);
    }
}

static void leave(struct audit_follower *follower)
{
    audit_reader_free(follower->reader);
    follower->reader = NULL;
    follower->has_next = false;
}

enum err audit_follower_position(struct audit_follower *follower, struct audit_position *out)
{
    struct audit_position position = follower->position;
    enum err e = ERR_OK;

    if (follower->reader) {
        e = crypto_hash(follower->hasher, follower->tail, follower->tail_length, position.tail);
    }
    if (e == ERR_OK) {
        *out = position;
    }
    return e;
}

void audit_follower_seek(struct audit_follower *follower, const struct audit_position *position)
{
    leave(follower);
    follower->position = *position;
}

static void add_to_tail(struct audit_follower *follower, struct str raw)
{
    size_t most = sizeof(follower->tail);
    struct str added = raw.len > most ? str_skip(raw, raw.len - most) : raw;
    size_t kept =
        follower->tail_length + added.len > most ? most - added.len : follower->tail_length;

    memmove(follower->tail, follower->tail + follower->tail_length - kept, kept);
    memcpy(follower->tail + kept, added.ptr, added.len);
    follower->tail_length = kept + added.len;
}

/* The bytes before the offset into the tail; false where they are not those of the position. */
static bool take_tail(struct audit_follower *follower, int fd)
{
    const struct audit_position *position = &follower->position;
    size_t most = sizeof(follower->tail);
    size_t length = position->offset < most ? (size_t)position->offset : most;
    uint8_t found[CRYPTO_SHA256_BYTES];

    if (pread(fd, follower->tail, length, (off_t)(position->offset - length)) != (ssize_t)length) {
        return false;
    }
    follower->tail_length = length;
    return length == 0 || (crypto_hash(follower->hasher, follower->tail, length, found) == ERR_OK &&
                           memcmp(found, position->tail, sizeof(found)) == 0);
}

/* True: the file is at its position. A file that can not be opened is looked for again later. */
static bool enter(struct audit_follower *follower, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return false;
    }
    if (audit_segment_number(fd) != follower->position.segment || !take_tail(follower, fd)) {
        close(fd);
        return false;
    }
    follower->reader = audit_reader_of(fd, follower->position.offset);
    return follower->reader != NULL;
}

static bool enter_first(struct audit_follower *follower, const struct audit_segment *segment)
{
    follower->position = (struct audit_position){.segment = segment->number};
    return enter(follower, segment->path);
}

/* Which segment takes the place of one that is not to be had: the next, the same from its beginning, or,
 * where the audit begins anew, the oldest. NULL: wait. */
static const struct audit_segment *choose(const struct audit_follower *follower,
                                          const struct audit_segments *segments)
{
    uint64_t wanted = follower->position.segment;

    for (size_t i = 0; i < segments->count; i++) {
        if (segments->items[i].number >= wanted) {
            return &segments->items[i];
        }
    }
    for (size_t i = 0; i < segments->count; i++) {
        if (strcmp(segments->items[i].path, follower->audit_file) == 0) {
            return &segments->items[0];
        }
    }
    return NULL;
}

static enum audit_follow tell(const struct audit_position *lost, uint64_t number, struct diag *diag)
{
    unsigned long long from = lost->segment, next = number;

    if (number <= lost->segment) {
        diag_set(diag, "segment %llu is not what it was; all is given again from %llu on", from,
                 next);
        return AUDIT_FOLLOW_AGAIN;
    }
    if (lost->offset > 0) {
        diag_set(diag, "segment %llu from byte %llu on, and all before segment %llu", from,
                 (unsigned long long)lost->offset, next);
    } else {
        diag_set(diag, "segments %llu to %llu", from, next - 1);
    }
    return AUDIT_FOLLOW_SKIPPED;
}

/* AUDIT_FOLLOW_LINE: there is a reader now. */
static enum audit_follow find_among(struct audit_follower *follower,
                                    const struct audit_segments *segments, struct diag *diag)
{
    const struct audit_position wanted = follower->position;

    if (segments->count == 0) {
        return AUDIT_FOLLOW_END;
    }
    if (wanted.segment == 0) {
        return enter_first(follower, &segments->items[segments->count - 1]) ? AUDIT_FOLLOW_LINE
                                                                            : AUDIT_FOLLOW_END;
    }
    for (size_t i = 0; i < segments->count; i++) {
        if (segments->items[i].number == wanted.segment &&
            enter(follower, segments->items[i].path)) {
            return AUDIT_FOLLOW_LINE;
        }
    }
    const struct audit_segment *chosen = choose(follower, segments);
    if (!chosen || !enter_first(follower, chosen)) {
        follower->position = wanted;
        return AUDIT_FOLLOW_END;
    }
    return tell(&wanted, chosen->number, diag);
}

static enum audit_follow find(struct audit_follower *follower, struct diag *diag)
{
    struct audit_segments segments;

    if (audit_segments(follower->audit_file, &segments) != ERR_OK) {
        return AUDIT_FOLLOW_FAIL;
    }
    enum audit_follow result = find_among(follower, &segments, diag);
    audit_segments_free(&segments);
    return result;
}

/* Not cut, and written anew, since the reader is in it. */
static bool is_intact(const struct audit_follower *follower)
{
    struct stat st;
    int fd = audit_reader_fd(follower->reader);

    return fstat(fd, &st) == 0 && (uint64_t)st.st_size >= follower->position.offset &&
           audit_segment_number(fd) == follower->position.segment;
}

static bool is_current(const struct audit_follower *follower)
{
    struct stat named, own;

    return stat(follower->audit_file, &named) == 0 &&
           fstat(audit_reader_fd(follower->reader), &own) == 0 && named.st_dev == own.st_dev &&
           named.st_ino == own.st_ino;
}

/* The lowest number above the position's; 0: none. */
static uint64_t find_next(const struct audit_follower *follower)
{
    struct audit_segments segments;
    uint64_t next = 0;

    if (audit_segments(follower->audit_file, &segments) != ERR_OK) {
        return 0;
    }
    for (size_t i = 0; i < segments.count && next == 0; i++) {
        next = segments.items[i].number > follower->position.segment ? segments.items[i].number : 0;
    }
    audit_segments_free(&segments);
    return next;
}

/* At the end of the file. False: there is nothing more, for now. */
static bool move_on(struct audit_follower *follower)
{
    if (follower->has_next) {
        follower->position = (struct audit_position){.segment = follower->position.segment + 1};
        leave(follower);
        return true;
    }
    follower->has_next = !is_current(follower) && find_next(follower) > 0;
    return follower->has_next;
}

/* The position with its tail, so that it can be found in another file. */
static bool lose(struct audit_follower *follower)
{
    bool is_known = audit_follower_position(follower, &follower->position) == ERR_OK;

    leave(follower);
    return is_known;
}

static enum audit_follow read_line(struct audit_follower *follower, struct audit_read_line *out)
{
    size_t before = audit_reader_rest(follower->reader);
    enum audit_read result = audit_reader_next(follower->reader, out);

    if (result == AUDIT_READ_FAIL) {
        return AUDIT_FOLLOW_FAIL;
    }
    bool has_read =
        result == AUDIT_READ_END || audit_reader_rest(follower->reader) + out->raw.len != before;
    if (has_read && !is_intact(follower)) {
        return lose(follower) ? AUDIT_FOLLOW_SKIPPED : AUDIT_FOLLOW_FAIL;
    }
    if (result == AUDIT_READ_END) {
        return AUDIT_FOLLOW_END;
    }
    follower->position.offset = audit_reader_offset(follower->reader);
    add_to_tail(follower, out->raw);
    return AUDIT_FOLLOW_LINE;
}

enum audit_follow audit_follower_next(struct audit_follower *follower, struct audit_read_line *out,
                                      struct diag *diag)
{
    for (;;) {
        enum audit_follow result = follower->reader ? AUDIT_FOLLOW_LINE : find(follower, diag);

        if (result != AUDIT_FOLLOW_LINE) {
            return result;
        }
        result = read_line(follower, out);
        bool is_over = result == AUDIT_FOLLOW_END && !move_on(follower);
        if (result == AUDIT_FOLLOW_LINE || result == AUDIT_FOLLOW_FAIL || is_over) {
            return result;
        }
    }
}
