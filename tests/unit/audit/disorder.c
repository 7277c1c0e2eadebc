/* A disk and somebody who moves files about, both as chance will have it, in durable mode: syncs hang and fail, writes
 * are short or fail, and the file is renamed while any of that goes on. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define RECORDS    1200
#define SAMPLE     4
#define FULL       200
#define WAIT_MS    20000
#define FILES_MAX  1000
#define PATH_BYTES 400

static struct told told;
static struct faults_synced synced;
static struct audit_writer *writer;
static struct spool *spool;
static uint32_t state; /* of chance */
static char names[FILES_MAX][PATH_BYTES];
static const char *paths[FILES_MAX];

static unsigned below(unsigned bound)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % bound;
}

static bool is_one_of(unsigned count)
{
    return below(count) == 0;
}

static void open_all(void)
{
    static const uint64_t sizes[] = {0, 1, 8192};
    struct audit_writer_settings settings = settings_of(&fixture);
    struct diag diag = {0};

    settings.is_durable = true;
    settings.segment_bytes = sizes[below(3)];
    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    spool = open_spool(&fixture, ++boot, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
}

static void change_disk(void)
{
    const struct faults plans[] = {
        {0},
        {.has_room_limit = true, .room_bytes = below(3000)},
        {.fail_errno = EIO},
        {.sync_countdown = 1 + (int)below(3)},
        {.sync_countdown = 1, .has_room_limit = true, .room_bytes = below(1500)},
        {.holds_syncs = true},
        {.holds_syncs = true, .has_room_limit = true, .room_bytes = below(3000)},
    };

    faults_set(&plans[below(sizeof(plans) / sizeof(plans[0]))]);
    audit_writer_wake(writer);
}

/* The writer may find out by itself. */
static void move_file(void)
{
    static unsigned count;
    char moved[160];

    snprintf(moved, sizeof(moved), "%s.moved%u", fixture.file, count++);
    (void)rename(fixture.file, moved); /* it has no name between two segments */
    if (is_one_of(2)) {
        audit_writer_reopen(writer);
    }
}

static void wait_for_room(void)
{
    struct spool_counters now;
    int waited = 0;

    for (spool_counters(spool, &now); now.used_bytes > now.capacity_bytes / 2;
         spool_counters(spool, &now)) {
        faults_set(NULL);
        audit_writer_wake(writer);
        usleep(1000);
        ck_assert_int_lt(waited++, WAIT_MS);
    }
}

static void disturb(void)
{
    if (is_one_of(12)) {
        change_disk();
    }
    if (is_one_of(25)) {
        faults_let_sync(is_one_of(2) ? EIO : 0);
    }
    if (is_one_of(60)) {
        move_file();
    }
    if (is_one_of(10)) {
        usleep(below(3000));
    }
}

/* Whatever they are called now. */
static size_t list_files(void)
{
    const char *begin = strrchr(fixture.file, '/') + 1;
    DIR *dir = opendir(fixture.root);
    struct dirent *entry;
    size_t count = 0;

    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, begin, strlen(begin)) == 0) {
            ck_assert_uint_lt(count, FILES_MAX);
            snprintf(names[count], PATH_BYTES, "%s/%s", fixture.root, entry->d_name);
            paths[count] = names[count];
            count++;
        }
    }
    closedir(dir);
    return count;
}

static uint64_t synced_size(const struct stat *st)
{
    for (size_t i = 0; i < synced.count; i++) {
        if (synced.files[i].inode == st->st_ino) {
            return synced.files[i].size;
        }
    }
    return 0;
}

/* Whole lines of what the disk has for certain: whoever was told of a record was told of one of these. */
static void cut_to_what_was_synced(const char *path)
{
    size_t length;
    struct stat st;
    char *text = read_text(path, &length);

    ck_assert_int_eq(stat(path, &st), 0);
    uint64_t size = synced_size(&st);
    const char *feed = memrchr(text, '\n', size < length ? size : length);
    ck_assert_int_eq(truncate(path, feed ? feed + 1 - text : 0), 0);
    free(text);
}

/* That what stands twice is marked, verification tells. */
static void assert_sound(void)
{
    struct line_tally tally;
    size_t count = list_files();

    verify_paths(paths, count, NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%.600s", strstr(told.text, "FAULT"));
    line_tally_init(&tally, boot, 0);
    for (size_t i = 0; i < count; i++) {
        cut_to_what_was_synced(paths[i]);
        line_tally_read(&tally, paths[i]);
    }
    for (uint64_t i = 1; i <= RECORDS; i++) {
        ck_assert_msg(i < tally.capacity && tally.times[i] > 0, "%llu is lost",
                      (unsigned long long)i);
    }
    line_tally_fini(&tally);
}

START_TEST(nothing_is_lost_or_twice_without_a_mark)
{
    int saved_log = silence_log(), waited = 0;

    state = (uint32_t)_i * 7919u + 13;
    faults_note_synced(&synced);
    open_all();
    for (uint64_t number = 1; number <= RECORDS; number++) {
        wait_for_room();
        append_records(spool, number, number);
        disturb();
    }
    faults_set(NULL);
    for (; spool_settled(spool) < RECORDS; waited++) {
        ck_assert_int_lt(waited, WAIT_MS);
        usleep(1000);
    }
    audit_writer_close(writer, CLOSE_US);
    faults_note_synced(NULL);
    spool_close(spool);
    restore_log(saved_log);
    assert_sound();
    ck_assert_uint_eq(faults_retried_syncs(), 0);
}
END_TEST

Suite *disorder_suite(void)
{
    Suite *suite = suite_create("disorder");
    TCase *tcase = tcase_create("disorder");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, nothing_is_lost_or_twice_without_a_mark, 0,
                        is_long_run() ? FULL : SAMPLE);
    suite_add_tcase(suite, tcase);
    return suite;
}
