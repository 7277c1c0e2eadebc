#include "agent/audit/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/ensure.h"

#define MAGIC          "REEVESPL"
#define VERSION        1
#define ALIGNMENT      16u
#define RECORD_MIN     32u /* a head and one byte, padded */
#define SCRATCH_OFFSET 4096u
#define DATA_OFFSET    65536u /* a multiple of every page size in use */
#define DATA_BYTES_MIN 65536u
#define POSITION_MAX   (UINT64_C(1) << 62)

struct record_head {
    uint32_t length;
    uint32_t checksum;
    uint64_t sequence;
};

_Static_assert(sizeof(struct record_head) == ALIGNMENT, "a head is one step");
_Static_assert(sizeof(struct audit_ring_control) <= SCRATCH_OFFSET, "the control page is full");
_Static_assert(SCRATCH_OFFSET + AUDIT_RING_SCRATCH_BYTES == DATA_OFFSET,
               "scratch ends at the data");

/* Each step is a bijection of its lane, so one changed word always changes the lane. */
static uint64_t fold(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return lane ^ lane >> 32;
}

static uint64_t checksum(uint64_t seed, const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t words[2] = {0};
    uint64_t a = fold(seed, length), b = ~a;

    for (; length >= sizeof(words); length -= sizeof(words), at += sizeof(words)) {
        memcpy(words, at, sizeof(words));
        a = fold(a, words[0]);
        b = fold(b, words[1]);
    }
    memset(words, 0, sizeof(words));
    memcpy(words, at, length);
    return fold(fold(a, words[0]), fold(b, words[1]));
}

static uint64_t birth_checksum(const struct audit_ring_birth *birth)
{
    return checksum(VERSION, birth, offsetof(struct audit_ring_birth, checksum));
}

static uint64_t ledger_checksum(uint64_t salt, const struct audit_ring_ledger *ledger)
{
    return checksum(salt, ledger, offsetof(struct audit_ring_ledger, checksum));
}

static uint32_t record_checksum(const struct audit_ring *ring, uint64_t position, uint64_t sequence,
                                const void *payload, size_t length)
{
    return (uint32_t)checksum(fold(ring->salt ^ position, sequence), payload, length);
}

static uint64_t padded(size_t length)
{
    return (length + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

static uint8_t *place_of(const struct audit_ring *ring, uint64_t position)
{
    return ring->data + position % ring->data_bytes;
}

static enum err map(int fd, size_t data_bytes, struct audit_ring *ring)
{
    size_t file_bytes = DATA_OFFSET + data_bytes;
    uint8_t *base = mmap(NULL, file_bytes + data_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) {
        return ERR_MEMORY;
    }
    if (mmap(base, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
            MAP_FAILED ||
        mmap(base + file_bytes, data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
             DATA_OFFSET) == MAP_FAILED) {
        munmap(base, file_bytes + data_bytes);
        return ERR_MEMORY;
    }
    *ring = (struct audit_ring){.control = (struct audit_ring_control *)(void *)base,
                                .data = base + DATA_OFFSET,
                                .data_bytes = data_bytes};
    return ERR_OK;
}

static enum err fail(int fd, const char *path, enum err e, int saved_errno, struct diag *diag)
{
    if (fd >= 0) {
        close(fd);
    }
    diag_set(diag, "%s: %s", path, e == ERR_IO ? strerror(saved_errno) : err_text(e));
    errno = saved_errno;
    return e;
}

/* Both copies, one after the other: a death leaves at least one whole. */
static void write_ledger(struct audit_ring *ring)
{
    struct audit_ring_ledger *ledger = &ring->ledger;

    ledger->generation++;
    ledger->checksum = ledger_checksum(ring->salt, ledger);
    for (size_t i = 0; i < 2; i++) {
        ring->control->ledger[i] = *ledger;
        atomic_signal_fence(memory_order_seq_cst);
    }
}

static void start_new(struct audit_ring *ring, const struct audit_ring_birth *birth)
{
    struct audit_ring_birth *own = &ring->control->birth;

    *own = *birth;
    memcpy(own->magic, MAGIC, sizeof(own->magic));
    own->version = VERSION;
    own->data_bytes = ring->data_bytes;
    own->checksum = birth_checksum(own);
    ring->salt = own->checksum;
    ring->next_sequence = 1;
    atomic_store_explicit(&ring->control->next_sequence, 1, memory_order_relaxed);
    write_ledger(ring);
}

static bool is_boot(const char *boot)
{
    size_t length = strspn(boot, "0123456789abcdefABCDEF");

    return length > 0 && length <= AUDIT_RING_BOOT_MAX && boot[length] == '\0';
}

static bool has_texts(const struct audit_ring_birth *birth)
{
    return memchr(birth->boot, '\0', sizeof(birth->boot)) &&
           memchr(birth->agent, '\0', sizeof(birth->agent)) && is_boot(birth->boot);
}

enum err audit_ring_create(const char *path, const struct audit_ring_birth *birth,
                           size_t data_bytes, struct audit_ring *out, struct diag *diag)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (data_bytes + page - 1) / page * page;
    char fresh[4096];

    if (data_bytes < DATA_BYTES_MIN || data_bytes > AUDIT_RING_BYTES_MAX || !has_texts(birth)) {
        return fail(-1, path, ERR_RANGE, 0, diag);
    }
    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh)) {
        return fail(-1, path, ERR_RANGE, 0, diag);
    }
    int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(fd, path, ERR_IO, errno, diag);
    }
    int refused = posix_fallocate(fd, 0, (off_t)(DATA_OFFSET + bytes));
    enum err e = refused ? ERR_IO : map(fd, bytes, out);
    if (e == ERR_OK) {
        start_new(out, birth);
        if (renameat2(AT_FDCWD, fresh, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
            close(fd);
            return ERR_OK;
        }
        refused = errno;
        e = ERR_IO;
        audit_ring_close(out);
    }
    unlink(fresh);
    return fail(fd, path, e, refused, diag);
}

static bool is_birth(const struct audit_ring_birth *birth, uint64_t file_bytes)
{
    return memcmp(birth->magic, MAGIC, sizeof(birth->magic)) == 0 && birth->version == VERSION &&
           birth->checksum == birth_checksum(birth) && birth->data_bytes >= DATA_BYTES_MIN &&
           birth->data_bytes <= AUDIT_RING_BYTES_MAX &&
           birth->data_bytes % (uint64_t)sysconf(_SC_PAGESIZE) == 0 &&
           file_bytes == DATA_OFFSET + birth->data_bytes && has_texts(birth);
}

/* Reads by read(2): a file that is not what it should be is never mapped. A hole in it would end
 * in a SIGBUS on a full disk, so holes are filled first. */
static enum err open_file(const char *path, int *fd, struct audit_ring_birth *birth)
{
    struct stat st;

    *fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 || fstat(*fd, &st) < 0) {
        return ERR_IO;
    }
    if (!S_ISREG(st.st_mode) || pread(*fd, birth, sizeof(*birth), 0) != (ssize_t)sizeof(*birth) ||
        !is_birth(birth, (uint64_t)st.st_size)) {
        return ERR_SYNTAX;
    }
    errno = posix_fallocate(*fd, 0, st.st_size);
    return errno ? ERR_IO : ERR_OK;
}

static bool is_ledger(uint64_t salt, const struct audit_ring_ledger *ledger)
{
    return ledger->checksum == ledger_checksum(salt, ledger) && ledger->tail % ALIGNMENT == 0 &&
           ledger->tail < POSITION_MAX && ledger->delivered < POSITION_MAX &&
           ledger->batch_end < POSITION_MAX;
}

static bool choose_ledger(struct audit_ring *ring)
{
    const struct audit_ring_ledger *copies = ring->control->ledger;
    const struct audit_ring_ledger *best = NULL;

    for (size_t i = 0; i < 2; i++) {
        if (is_ledger(ring->salt, &copies[i]) &&
            (!best || copies[i].generation > best->generation)) {
            best = &copies[i];
        }
    }
    if (best) {
        ring->ledger = *best;
    }
    return best != NULL;
}

/* Whether a record with this sequence may be what follows the one with `after`. */
static bool is_in_reach(const struct audit_ring *ring, uint64_t after, uint64_t sequence)
{
    return sequence > after && sequence - after <= ring->data_bytes / ALIGNMENT;
}

/* The record at `position`, if there is one that ends by `end`. */
static bool read_record(const struct audit_ring *ring, uint64_t position, uint64_t after,
                        uint64_t end, struct audit_ring_record *out)
{
    const uint8_t *at = place_of(ring, position);
    struct record_head head;

    memcpy(&head, at, sizeof(head));
    if (head.length == 0 || head.length > AUDIT_RING_PAYLOAD_MAX ||
        sizeof(head) + padded(head.length) > end - position ||
        !is_in_reach(ring, after, head.sequence)) {
        return false;
    }
    at += sizeof(head);
    if (head.checksum != record_checksum(ring, position, head.sequence, at, head.length)) {
        return false;
    }
    *out = (struct audit_ring_record){.sequence = head.sequence,
                                      .end = position + sizeof(head) + padded(head.length),
                                      .data = at,
                                      .length = head.length};
    return true;
}

static bool find_record(const struct audit_ring *ring, uint64_t position, uint64_t after,
                        uint64_t end, struct audit_ring_record *out)
{
    for (; end - position >= sizeof(struct record_head); position += ALIGNMENT) {
        if (read_record(ring, position, after, end, out)) {
            return true;
        }
    }
    return false;
}

/* What is to be given after the sequences up to `last`, which can be read and end at `position`.
 * It stands beside the head. Where damage made that less than it was or more than can be, the head
 * tells how many records there were at most. The last batch's lines may stand in the file, whether
 * or not they can be read here. What is out of reach is not believed: a record with such a sequence
 * could not be read. */
static uint64_t find_next_sequence(const struct audit_ring *ring, uint64_t position, uint64_t last)
{
    const struct audit_ring_control *control = ring->control;
    uint64_t next = atomic_load_explicit(&control->next_sequence, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&control->head, memory_order_relaxed);
    uint64_t batch_next = ring->ledger.batch_end + 1;

    if (next <= last + 1 || !is_in_reach(ring, last, next)) {
        bool is_beyond = head > position && head - position <= ring->data_bytes;
        next = last + 1 + (is_beyond ? (head - position) / RECORD_MIN : 0);
    }
    return batch_next > next && is_in_reach(ring, last, batch_next) ? batch_next : next;
}

static bool is_end_damaged(const struct audit_ring *ring, uint64_t position, uint64_t last)
{
    const struct audit_ring_control *control = ring->control;

    return atomic_load_explicit(&control->head, memory_order_relaxed) > position ||
           atomic_load_explicit(&control->next_sequence, memory_order_relaxed) > last + 1 ||
           ring->ledger.batch_end > last;
}

/* The stored head is only a hint: what can be read decides. */
static void find_end(struct audit_ring *ring)
{
    uint64_t position = ring->ledger.tail, sequence = ring->ledger.delivered;
    uint64_t limit = position + ring->data_bytes;
    struct audit_ring_record record;

    while (find_record(ring, position, sequence, limit, &record)) {
        uint64_t begin = record.end - sizeof(struct record_head) - padded(record.length);

        ring->is_damaged |= begin != position || record.sequence != sequence + 1;
        position = record.end;
        sequence = record.sequence;
    }
    ring->is_damaged |= is_end_damaged(ring, position, sequence);
    ring->next_sequence = find_next_sequence(ring, position, sequence);
    ring->head = position;
    ring->head_offset = (size_t)(position % ring->data_bytes);
    ring->known_tail = ring->ledger.tail;
    atomic_store_explicit(&ring->control->next_sequence, ring->next_sequence, memory_order_relaxed);
    atomic_store_explicit(&ring->control->head, position, memory_order_relaxed);
    atomic_store_explicit(&ring->control->tail, ring->ledger.tail, memory_order_relaxed);
}

enum err audit_ring_open(const char *path, struct audit_ring *out, struct diag *diag)
{
    struct audit_ring_birth birth;
    int fd = -1;
    enum err e = open_file(path, &fd, &birth);

    if (e == ERR_OK) {
        e = map(fd, (size_t)birth.data_bytes, out);
    }
    if (e != ERR_OK) {
        return fail(fd, path, e, errno, diag);
    }
    out->salt = birth.checksum;
    if (!choose_ledger(out)) {
        audit_ring_close(out);
        return fail(fd, path, ERR_SYNTAX, 0, diag);
    }
    find_end(out);
    close(fd);
    return ERR_OK;
}

void audit_ring_close(struct audit_ring *ring)
{
    if (ring->control) {
        munmap(ring->control, DATA_OFFSET + 2 * ring->data_bytes);
        ring->control = NULL;
    }
}

/* A tail that is not between the last one and the head is not the consumer's, who will set it right
 * when it settles next. */
static void look_at_tail(struct audit_ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->control->tail, memory_order_acquire);

    if (tail - ring->known_tail <= ring->head - ring->known_tail && tail % ALIGNMENT == 0) {
        ring->known_tail = tail;
    }
}

uint64_t audit_ring_used(struct audit_ring *ring, uint64_t enough)
{
    if (ring->head - ring->known_tail > enough) {
        look_at_tail(ring);
    }
    return ring->head - ring->known_tail;
}

uint8_t *audit_ring_reserve(struct audit_ring *ring, size_t keep, size_t *room)
{
    size_t least = keep + sizeof(struct record_head);
    size_t enough = ring->data_bytes - least - AUDIT_RING_PAYLOAD_MAX;
    size_t free_bytes = ring->data_bytes - (size_t)audit_ring_used(ring, enough);

    *room = free_bytes > least ? free_bytes - least : 0;
    if (*room > AUDIT_RING_PAYLOAD_MAX) {
        *room = AUDIT_RING_PAYLOAD_MAX;
    }
    return ring->data + ring->head_offset + sizeof(struct record_head);
}

void audit_ring_commit(struct audit_ring *ring, size_t length)
{
    uint8_t *at = ring->data + ring->head_offset;
    size_t taken = sizeof(struct record_head) + (size_t)padded(length);
    struct record_head head = {.length = (uint32_t)length, .sequence = ring->next_sequence};

    ensure(length > 0 && length <= AUDIT_RING_PAYLOAD_MAX &&
           taken <= ring->data_bytes - (ring->head - ring->known_tail));
    head.checksum = record_checksum(ring, ring->head, head.sequence, at + sizeof(head), length);
    memcpy(at, &head, sizeof(head));
    ring->next_sequence++;
    /* After the record: a death between the two leaves no gap. */
    atomic_store_explicit(&ring->control->next_sequence, ring->next_sequence, memory_order_release);
    ring->head += taken;
    ring->head_offset += taken;
    if (ring->head_offset >= ring->data_bytes) {
        ring->head_offset -= ring->data_bytes;
    }
    atomic_store_explicit(&ring->control->head, ring->head, memory_order_release);
}

void *audit_ring_scratch(struct audit_ring *ring)
{
    return (uint8_t *)ring->control + SCRATCH_OFFSET;
}

bool audit_ring_next(const struct audit_ring *ring, uint64_t position, uint64_t after,
                     struct audit_ring_record *out)
{
    uint64_t head = atomic_load_explicit(&ring->control->head, memory_order_acquire);

    /* The producer sets a head right that is not its own when it commits next. */
    return head - position <= ring->data_bytes && find_record(ring, position, after, head, out);
}

void audit_ring_mark(struct audit_ring *ring, const struct audit_place *place, uint64_t batch_end)
{
    ring->ledger.place = *place;
    ring->ledger.batch_end = batch_end;
    write_ledger(ring);
}

void audit_ring_settle(struct audit_ring *ring, uint64_t position, uint64_t sequence)
{
    ring->ledger.tail = position;
    ring->ledger.delivered = sequence;
    write_ledger(ring);
    atomic_store_explicit(&ring->control->tail, position, memory_order_release);
}

void audit_ring_doubt_batch(struct audit_ring *ring)
{
    struct audit_ring_ledger *ledger = &ring->ledger;

    if (ledger->batch_end > ledger->doubtful_end) {
        ledger->doubtful_end = ledger->batch_end;
        write_ledger(ring);
    }
}

bool audit_ring_is_empty(const struct audit_ring *ring)
{
    return atomic_load_explicit(&ring->control->head, memory_order_acquire) == ring->ledger.tail;
}
