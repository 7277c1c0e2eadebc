#include "tests/unit/audit/fixture.h"

#include <check.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/segment.h"
#include "agent/base/crypto.h"
#include "tests/unit/audit/json.h"

/* Numbers without a file, until no more are looked for. */
#define MISSING_MAX 8

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void fixture_init(struct fixture *fixture)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir;

    snprintf(fixture->root, sizeof(fixture->root), "%s/reeve-audit-XXXXXX", base);
    ck_assert_ptr_nonnull(mkdtemp(fixture->root));
    snprintf(fixture->spool_dir, sizeof(fixture->spool_dir), "%s/spool", fixture->root);
    snprintf(fixture->file, sizeof(fixture->file), "%s/audit.jsonl", fixture->root);
    ck_assert_int_eq(mkdir(fixture->spool_dir, 0700), 0);
    ck_assert_int_eq(crypto_start(), ERR_OK);
}

void fixture_fini(struct fixture *fixture)
{
    nftw(fixture->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

struct audit_record sample_record(uint64_t number)
{
    static _Thread_local char rid[32];

    snprintf(rid, sizeof(rid), "r%llu", (unsigned long long)number);
    return (struct audit_record){
        .wall_us = 1700000000123456 + (int64_t)number,
        .mono_us = 5000000 + (int64_t)number,
        .duration_us = 12,
        .rid = str_from_c(rid),
        .gate = STR("public-api"),
        .frontend = STR("public-api"),
        .source = {4, {192, 0, 2, 7}},
        .host = STR("api.example.com"),
        .method = STR("GET"),
        .path = STR("/v1/orders/42"),
        .user = STR("alice"),
        .team = STR("blue"),
        .credential = STR("key:AbCdEfGhIj"),
        .roles = STR("reader,writer"),
        .verdict = STR("allow"),
        .status = 200,
        .reason = REASON_OK,
        .rule = STR("reader/10"),
        .data = STR("cache"),
    };
}

struct audit_record stranger_record(uint64_t number)
{
    struct audit_record record = sample_record(number);

    record.source = (struct ip){4, {10, (uint8_t)(number >> 8), (uint8_t)number, 1}};
    record.user = record.team = record.credential = record.roles = record.rule = STR_ABSENT;
    record.verdict = STR("deny");
    record.status = 401;
    record.reason = REASON_BAD_CREDENTIAL;
    return record;
}

struct spool_identity identity(unsigned boot, unsigned worker)
{
    struct spool_identity identity = {.agent = "gw1", .worker = worker};

    snprintf(identity.boot, sizeof(identity.boot), "%032x", boot);
    return identity;
}

struct spool *open_spool(const struct fixture *fixture, unsigned boot, unsigned worker)
{
    struct spool_identity who = identity(boot, worker);
    struct diag diag = {0};
    struct spool *spool;

    ck_assert_msg(spool_create(fixture->spool_dir, &who, RING_BYTES, &spool, &diag) == ERR_OK, "%s",
                  diag.text);
    return spool;
}

struct audit_writer *open_writer(const struct fixture *fixture)
{
    struct audit_writer_settings settings = {
        .audit_file = fixture->file, .spool_dir = fixture->spool_dir, .agent = "gw1"};
    struct diag diag = {0};
    struct audit_writer *writer;

    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    return writer;
}

void append_records(struct spool *spool, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        struct audit_record record = sample_record(i);

        if (spool_append(spool, &record) != SPOOL_RECORDED) {
            ck_abort_msg("%llu is not taken", (unsigned long long)i);
        }
    }
}

char *read_text(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1);

    *length = 0;
    while (file && text) {
        char piece[65536];
        size_t count = fread(piece, 1, sizeof(piece), file);

        if (count == 0) {
            break;
        }
        text = realloc(text, *length + count + 1);
        ck_assert_ptr_nonnull(text);
        memcpy(text + *length, piece, count);
        *length += count;
        text[*length] = '\0';
    }
    if (file) {
        fclose(file);
    }
    return text;
}

void write_text(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "wb");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

size_t count_files(const char *directory, const char *suffix)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir))) {
        size_t length = strlen(entry->d_name), tail = strlen(suffix);
        count += length > tail && strcmp(entry->d_name + length - tail, suffix) == 0;
    }
    closedir(dir);
    return count;
}

void line_tally_init(struct line_tally *tally, unsigned boot, unsigned worker)
{
    *tally = (struct line_tally){.boot = boot, .worker = worker};
}

void line_tally_fini(struct line_tally *tally)
{
    free(tally->times);
}

static void count_sequence(struct line_tally *tally, uint64_t number)
{
    if (number >= tally->capacity) {
        size_t capacity = number < 512 ? 1024 : 2 * (size_t)number;

        tally->times = realloc(tally->times, capacity);
        ck_assert_ptr_nonnull(tally->times);
        memset(tally->times + tally->capacity, 0, capacity - tally->capacity);
        tally->capacity = capacity;
    }
    tally->times[number]++;
    tally->line_count++;
    tally->highest = number > tally->highest ? number : tally->highest;
}

/* What of a line is counted, as text. */
struct place {
    char type[32], boot[64], worker[32], sequence[32], mark[8];
    bool is_redelivered;
};

/* False: a line of the proof, which is not counted. Asserts only where it fails: each assertion that holds costs Check a system call. */
static bool read_place(const char *line, size_t length, struct place *place)
{
    struct json_wanted wanted[] = {{"type", place->type, sizeof(place->type), false},
                                   {"boot", place->boot, sizeof(place->boot), false},
                                   {"worker", place->worker, sizeof(place->worker), false},
                                   {"seq", place->sequence, sizeof(place->sequence), false},
                                   {"redelivered", place->mark, sizeof(place->mark), false}};
    bool is_object = json_members(line, length, wanted, COUNT(wanted));

    if (is_object && wanted[0].is_found &&
        (strcmp(place->type, "segment") == 0 || strcmp(place->type, "checkpoint") == 0)) {
        return false;
    }
    if (!is_object || !wanted[1].is_found || !wanted[2].is_found || !wanted[3].is_found) {
        ck_abort_msg("no line of ours: %.*s", (int)length, line);
    }
    place->is_redelivered = wanted[4].is_found;
    return true;
}

static void count_line(struct line_tally *tallies, size_t count, const char *line, size_t length)
{
    struct place place;

    if (!read_place(line, length, &place)) {
        return;
    }
    uint64_t number = strtoull(place.sequence, NULL, 10);
    unsigned long boot = strtoul(place.boot, NULL, 16), worker = strtoul(place.worker, NULL, 10);
    if (number == 0 || number >= TALLY_MAX) {
        ck_abort_msg("sequence %s", place.sequence);
    }
    for (size_t i = 0; i < count; i++) {
        if (boot == tallies[i].boot && worker == tallies[i].worker) {
            count_sequence(&tallies[i], number);
            tallies[i].redelivered_count += place.is_redelivered;
        }
    }
}

void line_tally_read(struct line_tally *tally, const char *path)
{
    line_tally_read_each(tally, 1, path);
}

void line_tally_read_each(struct line_tally *tallies, size_t count, const char *path)
{
    size_t length;
    char *text = read_text(path, &length);

    ck_assert_msg(length == 0 || text[length - 1] == '\n', "%s ends within a line", path);
    for (char *line = text; line < text + length;) {
        char *feed = memchr(line, '\n', length - (size_t)(line - text));

        count_line(tallies, count, line, (size_t)(feed - line));
        line = feed + 1;
    }
    free(text);
}

static void read_closed(struct line_tally *tallies, size_t count, const struct fixture *fixture)
{
    char path[256];

    for (uint64_t i = 1, missing = 0; missing < MISSING_MAX; i++) {
        ck_assert(audit_segment_name(fixture->file, i, path, sizeof(path)));
        if (access(path, F_OK) == 0) {
            line_tally_read_each(tallies, count, path);
        } else {
            missing++;
        }
    }
}

void line_tally_read_closed(struct line_tally *tally, const struct fixture *fixture)
{
    read_closed(tally, 1, fixture);
}

void line_tally_read_all(struct line_tally *tallies, size_t count, const struct fixture *fixture)
{
    read_closed(tallies, count, fixture);
    line_tally_read_each(tallies, count, fixture->file);
}

void assert_exactly_once(const struct line_tally *tally, uint64_t first, uint64_t last)
{
    for (uint64_t i = first; i <= last; i++) {
        unsigned times = i < tally->capacity ? tally->times[i] : 0;

        if (times != 1) {
            ck_abort_msg("boot %u worker %u: %llu stands there %u times", tally->boot,
                         tally->worker, (unsigned long long)i, times);
        }
    }
}

void assert_file_holds(const struct fixture *fixture, unsigned boot, unsigned worker,
                       uint64_t first, uint64_t last)
{
    struct line_tally tally;

    line_tally_init(&tally, boot, worker);
    line_tally_read_closed(&tally, fixture);
    line_tally_read(&tally, fixture->file);
    assert_exactly_once(&tally, first, last);
    ck_assert_uint_eq(tally.highest, last);
    line_tally_fini(&tally);
}

size_t next_case(size_t at, size_t step)
{
    static uint32_t state = 1; /* of each test anew, since each is a process */

    state = state * 1664525u + 1013904223u;
    return is_long_run() || step < 2 ? at + 1 : at + 1 + (state >> 8) % (2 * step - 1);
}
