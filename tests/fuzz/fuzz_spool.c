/*
 * Aims at audit_ring_open(), audit_coalesce_recover(), audit_recover(), audit_batch_*(),
 * audit_entry_read(), audit_line_print().
 *
 * Input: a byte of switches, then edits of a spool that a killed agent left: part, place, length
 * and bytes. The next start finds the spool and an audit file with part of its last batch. Whatever
 * was edited:
 *  - the start ends, and every line in the file is whole, but for one torn before;
 *  - nothing of the spool is left but what is set aside, and the start after it changes nothing;
 *  - every record stands in the file, unless the spool is set aside; then it is counted as lost,
 *    unless the spool was refused;
 *  - none stands there twice, but for a batch whose file is gone, and none under the sequence of
 *    another.
 *
 * Checksums can not be guessed: one switch puts the right ones into the control page, and an edit
 * makes a record with the right one. Then damage can not be told from a record, and only the first
 * two hold.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/batch.h"
#include "agent/audit/coalesce.h"
#include "agent/audit/line.h"
#include "agent/audit/spool_inside.h"
#include "agent/audit/writer.h"
#include "agent/base/crypto.h"
#include "agent/base/ensure.h"

#define SWITCH_SEAL    0x80u /* the control page's checksums are made to fit */
#define SWITCH_NO_FILE 0x40u /* the audit file is gone */
#define SWITCH_TORN    0x20u /* it ends in the middle of the batch */

#define SETTLED   2u /* records delivered before the last batch */
#define DELIVERED 5u /* and by the last batch, which was not settled */
#define RECORDS   9u

#define SCRATCH_OFFSET 4096u
#define DATA_OFFSET    65536u
#define RECORD_HEAD    16u
#define SPOOL_BYTES    (DATA_OFFSET + SPOOL_BYTES_MIN)
#define TEXT_MAX       (1u << 20)
#define BOOT           "00c0ffee"

enum part { PART_CONTROL, PART_SCRATCH, PART_DATA, PART_SIZE, PART_RECORD, PART_COUNT };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Folder and images of what the killed agent left. */
static struct {
    char folder[64];
    char audit_file[96];
    char kept_file[96]; /* the audit file while it is gone: another one has another inode */
    char spool_file[128];
    uint8_t spool[SPOOL_BYTES];
    char text[TEXT_MAX];
    size_t text_length;
} left;

/* What is edited. */
static struct {
    _Alignas(struct audit_ring_control) uint8_t spool[2 * SPOOL_BYTES];
    size_t length;
    bool is_forged; /* a checksum was made to fit */
    bool is_head_edited;
    bool is_sequence_edited;
} edited;

/* ---- files ---- */

static size_t read_file(const char *path, void *out, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t count;

    if (fd < 0) {
        return 0;
    }
    while ((count = read(fd, (char *)out + length, capacity - length)) > 0) {
        length += (size_t)count;
    }
    ensure(count == 0 && length < capacity);
    close(fd);
    return length;
}

static void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ensure(fd >= 0 && write(fd, data, length) == (ssize_t)length);
    close(fd);
}

static const char *aside_file(void)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s.bad", left.spool_file);
    return path;
}

static bool is_aside(void)
{
    return access(aside_file(), F_OK) == 0;
}

/* ---- what a killed agent left ---- */

static void append(struct spool *spool, unsigned first, unsigned last)
{
    for (unsigned i = first; i <= last; i++) {
        const struct audit_record record = {.wall_us = 1700000000000000 + i,
                                            .rid = STR("r-1"),
                                            .source = {4, {192, 0, 2, 7}},
                                            .method = STR("GET"),
                                            .path = STR("/v1/orders/1"),
                                            .user = STR("alice"),
                                            .verdict = STR("allow"),
                                            .status = 200,
                                            .reason = REASON_OK};
        ensure(spool_append(spool, &record) == SPOOL_RECORDED);
    }
}

static void count_strangers(struct audit_ring *ring)
{
    const struct audit_record record = {.wall_us = 1700000000000000,
                                        .gate = STR("fe"),
                                        .source = {4, {198, 51, 100, 1}},
                                        .verdict = STR("deny"),
                                        .status = 401,
                                        .reason = REASON_BAD_CREDENTIAL};

    audit_coalesce_add(ring, &record);
    audit_coalesce_add_gap(ring, &record);
}

static void deliver(struct audit_batch *batch, struct audit_file *file)
{
    uint64_t count;

    audit_batch_fill(batch);
    ensure(audit_batch_deliver(batch, file, &count) == ERR_OK);
}

/* It dies when its second batch is written and not settled. */
static void live_and_die(struct spool *spool)
{
    struct audit_file file = AUDIT_FILE_NONE;
    struct audit_ring *ring = spool_ring(spool);
    struct audit_batch batch;
    struct diag diag = {0};

    ensure(audit_file_open(&file, left.audit_file, &diag) == ERR_OK);
    ensure(audit_batch_init(&batch) == ERR_OK);
    ensure(audit_batch_add(&batch, spool, false) == ERR_OK);
    append(spool, 1, SETTLED);
    deliver(&batch, &file);
    uint64_t settled_tail = ring->ledger.tail;
    append(spool, SETTLED + 1, DELIVERED);
    deliver(&batch, &file);
    ring->ledger.tail = settled_tail;
    ring->ledger.delivered = SETTLED;
    audit_ring_mark(ring, &ring->ledger.place, DELIVERED);
    append(spool, DELIVERED + 1, RECORDS);
    count_strangers(ring);
    audit_batch_fini(&batch);
    audit_file_close(&file);
}

/* Gives how many records it counts as lost. */
static uint64_t start_and_stop(void)
{
    const struct audit_writer_settings settings = {
        .audit_file = left.audit_file, .spool_dir = left.folder, .agent = "fuzz"};
    struct audit_writer_counters counters;
    struct audit_writer *writer;
    struct diag diag = {0};

    ensure(audit_writer_open(&settings, &writer, &diag) == ERR_OK);
    audit_writer_counters(writer, &counters);
    audit_writer_close(writer, 0);
    return counters.lost;
}

static void prepare(void)
{
    struct spool_identity identity = {.agent = "fuzz", .boot = BOOT};
    struct diag diag = {0};
    struct spool *spool;

    ensure(crypto_start() == ERR_OK);
    snprintf(left.folder, sizeof(left.folder), "%s/reeve-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir);
    ensure(mkdtemp(left.folder));
    snprintf(left.audit_file, sizeof(left.audit_file), "%s/audit.jsonl", left.folder);
    snprintf(left.kept_file, sizeof(left.kept_file), "%s.kept", left.folder);
    start_and_stop(); /* begins a segment, for others to go on with */
    ensure(spool_create(left.folder, &identity, SPOOL_BYTES_MIN, &spool, &diag) == ERR_OK);
    snprintf(left.spool_file, sizeof(left.spool_file), "%s", spool_path(spool));
    live_and_die(spool);
    spool_close(spool);
    int fd = open(left.spool_file, O_RDONLY | O_CLOEXEC);
    ensure(fd >= 0 && read(fd, left.spool, SPOOL_BYTES) == (ssize_t)SPOOL_BYTES);
    close(fd);
    left.text_length = read_file(left.audit_file, left.text, sizeof(left.text));
}

static void clean_up(void)
{
    unlink(left.spool_file);
    unlink(aside_file());
    unlink(left.audit_file);
    unlink(left.kept_file);
    rmdir(left.folder);
}

/* ---- checksums, as ring.c makes them ---- */

static uint64_t fold(uint64_t lane, uint64_t word)
{
    lane = (lane ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return lane ^ lane >> 32;
}

static uint64_t checksum(uint64_t seed, const void *data, size_t length)
{
    uint64_t a = fold(seed, length), b = ~a;

    for (size_t i = 0; i <= length / 16; i++) {
        uint64_t words[2] = {0};
        size_t count = length - 16 * i < 16 ? length - 16 * i : 16;
        memcpy(words, (const uint8_t *)data + 16 * i, count);
        a = fold(a, words[0]);
        b = fold(b, words[1]);
    }
    return fold(a, b);
}

static struct audit_ring_control *control(void)
{
    return (struct audit_ring_control *)(void *)edited.spool;
}

static void seal_control(void)
{
    struct audit_ring_birth *birth = &control()->birth;

    birth->checksum = checksum(1, birth, offsetof(struct audit_ring_birth, checksum));
    for (size_t i = 0; i < 2; i++) {
        struct audit_ring_ledger *ledger = &control()->ledger[i];
        ledger->checksum =
            checksum(birth->checksum, ledger, offsetof(struct audit_ring_ledger, checksum));
    }
    edited.is_forged = true;
}

/* The first byte of the payload is also the step of the sequence. */
static void forge_record(size_t position, const uint8_t *payload, size_t length)
{
    uint8_t *at = edited.spool + DATA_OFFSET + position;
    uint64_t sequence = SETTLED + 1 + (length > 0 ? payload[0] % 16 : 0);
    uint64_t salt = control()->birth.checksum;
    uint32_t head[2] = {(uint32_t)length,
                        (uint32_t)checksum(fold(salt ^ position, sequence), payload, length)};

    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), &sequence, sizeof(sequence));
    memcpy(at + RECORD_HEAD, payload, length);
    edited.is_forged = true;
}

/* ---- edits ---- */

static bool hits(size_t place, size_t length, size_t word)
{
    return place < word + sizeof(uint64_t) && place + length > word;
}

static void overwrite(size_t place, const uint8_t *bytes, size_t length)
{
    edited.is_head_edited |= hits(place, length, offsetof(struct audit_ring_control, head));
    edited.is_sequence_edited |=
        hits(place, length, offsetof(struct audit_ring_control, next_sequence));
    memcpy(edited.spool + place, bytes, length);
}

static void edit(enum part part, size_t place, const uint8_t *bytes, size_t length)
{
    switch (part) {
    case PART_CONTROL:
        overwrite(place % SCRATCH_OFFSET, bytes, length);
        break;
    case PART_SCRATCH:
        overwrite(SCRATCH_OFFSET + place % (DATA_OFFSET - SCRATCH_OFFSET), bytes, length);
        break;
    case PART_DATA:
        overwrite(DATA_OFFSET + place, bytes, length);
        break;
    case PART_SIZE:
        edited.length = 4 * place;
        break;
    default:
        forge_record(place / RECORD_HEAD * RECORD_HEAD, bytes, length);
        break;
    }
}

static void edit_all(const uint8_t *data, size_t size)
{
    memset(&edited, 0, sizeof(edited));
    memcpy(edited.spool, left.spool, SPOOL_BYTES);
    edited.length = SPOOL_BYTES;
    while (size > 4) {
        size_t length = data[3] < size - 4 ? data[3] : size - 4;
        edit((enum part)(data[0] % PART_COUNT), (size_t)data[1] | (size_t)data[2] << 8, data + 4,
             length);
        data += 4 + length;
        size -= 4 + length;
    }
}

/* The spool knows the audit file by its inode, so that is filled anew and never made anew. */
static void put_audit_file(unsigned switches)
{
    size_t length = switches & SWITCH_TORN ? left.text_length - 40 : left.text_length;

    (void)rename(left.kept_file, left.audit_file);
    write_file(left.audit_file, left.text, length);
    if (switches & SWITCH_NO_FILE) {
        ensure(rename(left.audit_file, left.kept_file) == 0);
    }
}

static void put_files(unsigned switches)
{
    if (switches & SWITCH_SEAL) {
        seal_control();
    }
    unlink(aside_file());
    write_file(left.spool_file, edited.spool, edited.length);
    put_audit_file(switches);
}

/* ---- what must hold ---- */

static char text[TEXT_MAX];

/* The sequence of a record of ours; 0: of another boot or worker. */
static unsigned long sequence_of(const char *line)
{
    static const char mark[] = "\"boot\":\"" BOOT "\",\"worker\":0,\"seq\":";
    const char *found = strstr(line, mark);

    return found ? strtoul(found + sizeof(mark) - 1, NULL, 10) : 0;
}

static bool is_count(const char *line)
{
    return strstr(line, "\"type\":\"count\"") || strstr(line, "\"type\":\"audit_gap\"");
}

static bool is_whole(const char *line, const char *end)
{
    return *end == '\n' && end[-1] == '}' && strncmp(line, "{\"v\":1,", 7) == 0 &&
           !memchr(line, '\0', (size_t)(end - line)) && end - line < (ptrdiff_t)AUDIT_LINE_MAX;
}

struct tally {
    unsigned times[RECORDS + 1]; /* each of the first records; 0: others */
    unsigned usurper_count;      /* counts under a record's sequence */
    unsigned torn_count;
};

static void tally_file(struct tally *tally)
{
    size_t length = read_file(left.audit_file, text, sizeof(text) - 1);

    text[length] = '\0';
    for (char *line = text, *end; line < text + length; line = end + 1) {
        end = memchr(line, '\n', (size_t)(text + length - line));
        end = end ? end : text + length;
        if (!is_whole(line, end)) {
            tally->torn_count++;
            continue;
        }
        *end = '\0';
        if (strstr(line, "\"type\":\"segment\"") || strstr(line, "\"type\":\"checkpoint\"")) {
            continue;
        }
        unsigned long sequence = sequence_of(line);
        bool is_record = sequence > 0 && sequence <= RECORDS;
        tally->usurper_count += is_record && is_count(line);
        tally->times[is_record && !is_count(line) ? sequence : 0]++;
    }
}

/* The line that was torn is cut where the spool tells that it is ours. */
static void check_lines(const struct tally *tally, unsigned switches)
{
    bool may_be_torn = (switches & SWITCH_TORN) && (edited.is_forged || is_aside());

    ensure(tally->torn_count <= may_be_torn);
}

/* Nothing of what was not in the file before was delivered. */
static bool is_refused(const struct tally *tally)
{
    unsigned count = tally->times[0];

    for (unsigned i = DELIVERED + 1; i <= RECORDS; i++) {
        count += tally->times[i];
    }
    return is_aside() && count == 0;
}

/* Records at the end, without a trace: nothing tells of them, or what does is wrong and can be. */
static bool may_vanish(void)
{
    uint64_t next = control()->next_sequence;

    return edited.is_sequence_edited && (edited.is_head_edited || (next > 0 && next <= RECORDS));
}

static void check_records(const struct tally *tally, unsigned switches, uint64_t lost_count)
{
    unsigned first = switches & SWITCH_NO_FILE ? SETTLED + 1 : 1, missing_count = 0;

    for (unsigned i = first; i <= RECORDS; i++) {
        ensure(tally->times[i] <= 1);
        ensure(tally->times[i] == 1 || is_aside() || may_vanish());
        missing_count += tally->times[i] == 0;
    }
    ensure(tally->usurper_count == 0 || may_vanish());
    ensure(missing_count <= lost_count || is_refused(tally) || may_vanish());
}

static void check_second_start(void)
{
    static char before[TEXT_MAX];
    size_t length = read_file(left.audit_file, before, sizeof(before));

    start_and_stop();
    ensure(read_file(left.audit_file, text, sizeof(text)) == length);
    ensure(memcmp(before, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally tally = {0};

    if (size == 0) {
        return 0;
    }
    if (left.text_length == 0) {
        prepare();
        atexit(clean_up);
    }
    edit_all(data + 1, size - 1);
    put_files(data[0]);
    uint64_t lost_count = start_and_stop();
    ensure(access(left.spool_file, F_OK) != 0);
    tally_file(&tally);
    check_lines(&tally, data[0]);
    if (!edited.is_forged) {
        check_records(&tally, data[0], lost_count);
    }
    check_second_start();
    return 0;
}
