/* Segments: where one ends and the next begins, whatever ends a life, and that all of it is proved. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit/proof.h"
#include "agent/audit/segment.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

/* Of a disk that fills up: from a block's size, in steps that meet a checkpoint's line twice. */
#define ROOM_STEP    199
#define ROOM_COUNT   8
#define ROOM_WAIT_MS 20000

#define REMOVE_WAIT_MS 20000

START_TEST(proves_one_life)
{
    live(250);
    assert_proved(250, 1);
}
END_TEST

START_TEST(goes_on_with_the_segment_after_a_restart)
{
    for (int i = 0; i < 4; i++) {
        live(100);
    }
    assert_proved(400, 1);
}
END_TEST

START_TEST(closes_segments_by_size_and_names_them_by_number)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_segments segments;
    struct line_tally tally;

    settings.segment_bytes = 16 * 1024;
    for (unsigned i = 0; i < 5; i++) {
        live_with(settings, 1, 100);
    }
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_gt(segments.count, 4);
    for (size_t i = 0; i < segments.count; i++) {
        ck_assert_uint_eq(segments.items[i].number, i + 1);
    }
    assert_proved(500, segments.count);
    for (unsigned i = 1; i <= 5; i++) {
        line_tally_init(&tally, i, 0);
        line_tally_read_closed(&tally, &fixture);
        line_tally_read(&tally, fixture.file);
        assert_exactly_once(&tally, 1, 100);
        line_tally_fini(&tally);
    }
    audit_segments_free(&segments);
}
END_TEST

/* While records come as fast as they can. */
START_TEST(a_thousand_segments_lose_nothing)
{
    uint64_t segments = is_long_run() ? 1000 : 25, last = 0;
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_writer *writer;
    struct line_tally tally;
    struct diag diag = {0};
    char path[160];
    int saved = silence_log();

    settings.segment_bytes = 16 * 1024;
    ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
    struct spool *spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    ck_assert(audit_segment_name(fixture.file, segments, path, sizeof(path)));
    while (access(path, F_OK) < 0) {
        struct audit_record record = sample_record(last + 1);

        if (spool_append(spool, &record) == SPOOL_RECORDED) {
            last++;
        } else {
            usleep(100);
        }
    }
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved);
    line_tally_init(&tally, 1, 0);
    line_tally_read_closed(&tally, &fixture);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, tally.highest);
    ck_assert_uint_ge(tally.highest, last);
    line_tally_fini(&tally);
    static struct told told;
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_ge(told.counts.segments, segments);
}
END_TEST

/* Before the checkpoint, in it, and in the lines that go into the file with it. */
START_TEST(a_disk_that_is_full_about_a_checkpoint_breaks_no_proof)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_writer_counters counters = {0};
    struct audit_writer *writer;
    struct line_tally tally;
    struct diag diag = {0};
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
    struct spool *spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    append_records(spool, 1, 200);
    faults_set(&(struct faults){.has_room_limit = true,
                                .room_bytes = AUDIT_BLOCK_BYTES + (size_t)_i * ROOM_STEP});
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    for (int i = 0; i < ROOM_WAIT_MS && counters.write_errors == 0; i++) {
        usleep(1000);
        audit_writer_counters(writer, &counters);
    }
    ck_assert_uint_gt(counters.write_errors, 0);
    faults_set(NULL);
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved);
    assert_proved(200, 1);
    line_tally_init(&tally, 1, 0);
    line_tally_read(&tally, fixture.file);
    assert_exactly_once(&tally, 1, 200);
    line_tally_fini(&tally);
}
END_TEST

START_TEST(opens_a_segment_with_every_workers_position)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    char second[160];
    size_t length;

    settings.segment_bytes = 16 * 1024;
    live_with(settings, 1, 200);
    ck_assert(audit_segment_name(fixture.file, 2, second, sizeof(second)));
    char *text = read_text(access(second, F_OK) == 0 ? second : fixture.file, &length);
    struct str record = line_of(text, "decision", 0);
    struct str header = line_at(text, 0);
    char want[128];
    const char *sequence = strstr(record.ptr, "\"seq\":");
    snprintf(want, sizeof(want), "\"positions\":[[\"%032x\",0,%lu]]", 1,
             strtoul(sequence + 6, NULL, 10) - 1);
    ck_assert_msg(memmem(header.ptr, header.len, want, strlen(want)) != NULL, "%s not in %.*s",
                  want, STR_ARG(header));
    free(text);
}
END_TEST

/* Segments are removed while the writer's thread runs. */
static void live_until_removed(const struct audit_writer_settings *settings, size_t most)
{
    struct audit_writer *writer;
    struct diag diag = {0};
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_open(settings, &writer, &diag), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    audit_writer_reopen(writer);
    for (int i = 0; i < REMOVE_WAIT_MS && count_segments() > most; i++) {
        usleep(1000);
    }
    audit_writer_close(writer, CLOSE_US);
    restore_log(saved);
    ck_assert_uint_le(count_segments(), most);
}

START_TEST(removes_old_segments_and_the_rest_is_still_certified)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    static struct told told;

    settings.segment_bytes = 16 * 1024;
    settings.retention.keep_count = 2;
    for (unsigned i = 0; i < 6; i++) {
        live_with(settings, 1, 100);
    }
    ck_assert_uint_gt(count_segments(), 5);
    live_until_removed(&settings, 3);
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_gt(told.counts.segments, 6);
}
END_TEST

START_TEST(a_segment_renamed_while_no_agent_ran_is_followed)
{
    char elsewhere[160];

    live(100);
    snprintf(elsewhere, sizeof(elsewhere), "%s-20261125", fixture.file);
    ck_assert_int_eq(rename(fixture.file, elsewhere), 0);
    live(100);
    assert_proved(200, 2);
}
END_TEST

START_TEST(a_copied_and_truncated_file_goes_on_as_a_new_segment)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_writer *writer;
    struct diag diag = {0};
    char copy[160];
    size_t length;
    int saved = silence_log();

    ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
    struct spool *spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    append_records(spool, 1, 50);
    while (spool_settled(spool) < 50) {
        usleep(1000);
    }
    char *text = read_file_text(&length);
    snprintf(copy, sizeof(copy), "%s.1", fixture.file);
    write_text(copy, text, length);
    free(text);
    ck_assert_int_eq(truncate(fixture.file, 0), 0);
    append_records(spool, 51, 100);
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved);
    assert_proved(100, 2);
}
END_TEST

/* What has no key is set aside, under its own number. */
START_TEST(an_audit_gets_a_key_with_the_segment_that_follows)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_segments segments;
    static struct told told;

    settings.key_file = NULL;
    live_with(settings, 1, 50);
    live(50);
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_eq(segments.count, 2);
    ck_assert_uint_eq(segments.items[0].number, 1);
    ck_assert_uint_eq(segments.items[1].number, 2);
    ck_assert_ptr_nonnull(strstr(segments.items[0].path, ".00000001"));
    verify_paths((const char *const[]){segments.items[1].path}, 1, NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    audit_segments_free(&segments);
}
END_TEST

/* A death at each write, and within it, of a start that begins a segment and of an end: the next
 * start proves all that is there. */
START_TEST(keeps_the_chain_whatever_write_it_dies_in)
{
    int most = is_long_run() ? 40 : 14;

    for (int countdown = 1; countdown <= most; countdown++) {
        pid_t child = fork();

        ck_assert_int_ge(child, 0);
        if (child == 0) {
            struct audit_writer_settings settings = settings_of(&fixture);

            settings.segment_bytes = 16 * 1024;
            faults_set(&(struct faults){.kill_countdown = countdown,
                                        .kill_bytes = countdown % 3 == 0 ? SIZE_MAX
                                                                         : 10 * (size_t)countdown});
            boot = 100 + (unsigned)countdown;
            live_with(settings, 1, 60);
            _exit(0);
        }
        int status;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
    }
    boot = 1000;
    live(1);
    static struct told told;
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_gt(told.counts.records, 100);
}
END_TEST

START_TEST(a_block_found_at_a_start_says_so)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        struct audit_writer_settings settings = settings_of(&fixture);
        struct audit_writer *writer;
        struct diag diag = {0};

        silence_log();
        ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
        struct spool *spool = open_spool(&fixture, 1, 0);
        ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
        ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
        append_records(spool, 1, 20);
        while (spool_settled(spool) < 20) {
            usleep(1000);
        }
        kill(getpid(), SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    boot = 1;
    live(10);
    static struct told told;
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.records, 30);
    ck_assert_msg(strstr(told.text, "found at a start") != NULL, "%s", told.text);
}
END_TEST

Suite *segments_suite(void)
{
    Suite *suite = suite_create("segments");
    TCase *tcase = tcase_create("segments");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_test(tcase, proves_one_life);
    tcase_add_test(tcase, goes_on_with_the_segment_after_a_restart);
    tcase_add_test(tcase, closes_segments_by_size_and_names_them_by_number);
    tcase_add_test(tcase, a_thousand_segments_lose_nothing);
    tcase_add_loop_test(tcase, a_disk_that_is_full_about_a_checkpoint_breaks_no_proof, 0,
                        ROOM_COUNT);
    tcase_add_test(tcase, opens_a_segment_with_every_workers_position);
    tcase_add_test(tcase, removes_old_segments_and_the_rest_is_still_certified);
    tcase_add_test(tcase, a_segment_renamed_while_no_agent_ran_is_followed);
    tcase_add_test(tcase, a_copied_and_truncated_file_goes_on_as_a_new_segment);
    tcase_add_test(tcase, an_audit_gets_a_key_with_the_segment_that_follows);
    tcase_add_test(tcase, keeps_the_chain_whatever_write_it_dies_in);
    tcase_add_test(tcase, a_block_found_at_a_start_says_so);
    suite_add_tcase(suite, tcase);
    return suite;
}
