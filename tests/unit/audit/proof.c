/* Segments, checkpoints, their keys, and that verification finds what was done to them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit/keys.h"
#include "agent/audit/segment.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

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

START_TEST(removes_old_segments_and_the_rest_is_still_certified)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_segments segments;
    static struct told told;

    settings.segment_bytes = 16 * 1024;
    settings.retention.keep_count = 2;
    for (unsigned i = 0; i < 6; i++) {
        live_with(settings, 1, 100);
    }
    live_with(settings, 1, 0); /* looks after the folder once more */
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_le(segments.count, 3);
    audit_segments_free(&segments);
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

static bool is_in_file(const char *path, const char *needle)
{
    size_t length;
    char *text = read_text(path, &length);
    bool is_there = memmem(text, length, needle, strlen(needle)) != NULL;

    free(text);
    return is_there;
}

/* "key <hex>" of the key file. */
static void read_key(char out[65], const char *name)
{
    size_t length;
    char *text = read_text(key_file, &length), *found = strstr(text, name);

    ck_assert_ptr_nonnull(found);
    memcpy(out, found + strlen(name), 64);
    out[64] = '\0';
    free(text);
}

START_TEST(each_segment_has_a_key_of_its_own_and_the_old_one_is_wiped)
{
    char first[65], second[65];
    char held[64];
    struct stat st;

    read_key(first, "\nkey ");
    int old = open(key_file, O_RDONLY);
    live(10);
    read_key(second, "\nkey ");
    ck_assert_str_ne(first, second);
    ck_assert(!is_in_file(key_file, "next "));
    ck_assert(!is_in_file(key_file, first));
    /* Not even on the disk, where the name no longer leads. */
    ck_assert_int_eq(fstat(old, &st), 0);
    ck_assert_uint_eq(st.st_nlink, 0);
    while (read(old, held, sizeof(held)) > 0) {
        for (size_t i = 0; i < sizeof(held); i++) {
            ck_assert_int_eq(held[i], 0);
        }
    }
    close(old);
    ck_assert_int_eq(stat(key_file, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
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

START_TEST(goes_on_where_the_key_file_can_not_be_written)
{
    char blocked[160];

    snprintf(blocked, sizeof(blocked), "%s.new", key_file);
    ck_assert_int_eq(mkdir(blocked, 0700), 0);
    live(100);
    ck_assert_int_eq(rmdir(blocked), 0);
    live(100);
    static struct told told;
    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.records, 200);
}
END_TEST

/* --- what was done to it --- */

/* 500 records in some four blocks. */
static void live_long(void)
{
    live(250);
    live(250);
}

static char *many_blocks(size_t *length)
{
    live_long();
    char *text = read_file_text(length);
    (void)line_of(text, "checkpoint", 2);
    return text;
}

static void tampered(const char *text, size_t length, const char *head, struct told *told)
{
    write_text(fixture.file, text, length);
    verify_all(head, told);
}

START_TEST(finds_an_edited_record)
{
    size_t length;
    char *text = many_blocks(&length);
    static struct told told;
    struct str second = line_of(text, "checkpoint", 0);
    char *allow = strstr(second.ptr, "\"alice\"");

    allow[1] = 'b';
    tampered(text, length, NULL, &told);
    assert_told(&told, "segment 1 block 2 is not as it was written: records [\"");
    ck_assert_uint_eq(told.counts.faults, 1);
    free(text);
}
END_TEST

/* Any byte but the last feed: in records, header and checkpoints. */
START_TEST(finds_any_byte_changed)
{
    size_t length;
    char *text = many_blocks(&length);
    static struct told told;

    for (size_t at = 0; at + 1 < length; at += is_long_run() ? 97 : 4001) {
        const char *paths[] = {fixture.file};

        text[at] ^= 1;
        write_text(fixture.file, text, length);
        verify_paths(paths, 1, NULL, &told);
        ck_assert_msg(told.counts.faults > 0, "byte %zu", at);
        text[at] ^= 1;
    }
    free(text);
}
END_TEST

static void cut_out(char *text, size_t *length, struct str part)
{
    size_t at = (size_t)(part.ptr - text);

    memmove(text + at, text + at + part.len, *length - at - part.len + 1);
    *length -= part.len;
}

START_TEST(finds_a_deleted_record)
{
    size_t length;
    char *text = many_blocks(&length);
    static struct told told;
    struct str second = line_of(text, "checkpoint", 0);

    cut_out(text, &length, line_at(second.ptr, 5));
    tampered(text, length, NULL, &told);
    assert_told(&told, "segment 1 block 2 is not as it was written: records [\"");
    ck_assert_uint_eq(told.counts.faults, 1);
    free(text);
}
END_TEST

START_TEST(finds_a_deleted_block)
{
    size_t length;
    char *text = many_blocks(&length);
    static struct told told;
    struct str first = line_of(text, "checkpoint", 0), second = line_of(text, "checkpoint", 1);
    const char *begin = first.ptr + first.len;

    cut_out(text, &length, str_make(begin, (size_t)(second.ptr + second.len - begin)));
    tampered(text, length, NULL, &told);
    assert_told(&told, "segment 1: blocks 2 to 2 are missing before records [\"");
    free(text);
}
END_TEST

START_TEST(finds_swapped_records)
{
    size_t length;
    char *text = many_blocks(&length), *copy = strdup(text);
    static struct told told;
    struct str second = line_of(text, "checkpoint", 0);
    struct str a = line_at(second.ptr, 3), b = line_at(second.ptr, 4);
    char *at = copy + (a.ptr - text);

    memcpy(at, b.ptr, b.len);
    memcpy(at + b.len, a.ptr, a.len);
    tampered(copy, length, NULL, &told);
    assert_told(&told, "segment 1 block 2 is not as it was written");
    free(copy);
    free(text);
}
END_TEST

START_TEST(finds_a_cut_tail_by_the_head)
{
    size_t length;
    char *text = many_blocks(&length);
    static struct told told;
    struct str second = line_of(text, "checkpoint", 1), third = line_of(text, "checkpoint", 2);
    char *head = strndup(third.ptr, third.len);

    tampered(text, length, head, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    tampered(text, (size_t)(second.ptr + second.len - text), NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    tampered(text, (size_t)(second.ptr + second.len - text), head, &told);
    assert_told(&told, "cut: the head is segment 1 block 3, which is not there; the files end with "
                       "segment 1 block 2");
    free(head);
    free(text);
}
END_TEST

/* The end of a segment that has a successor needs no head. */
START_TEST(finds_a_cut_tail_of_a_closed_segment)
{
    char closed[160];
    size_t length;
    static struct told told;

    live_long();
    snprintf(closed, sizeof(closed), "%s.1", fixture.file);
    ck_assert_int_eq(rename(fixture.file, closed), 0);
    live(5);
    assert_proved(505, 2);
    char *text = read_text(closed, &length);
    struct str second = line_of(text, "checkpoint", 1);
    write_text(closed, text, (size_t)(second.ptr + second.len - text));
    verify_all(NULL, &told);
    assert_told(&told, "segment 1 does not end as it did: its lines after block 2");
    free(text);
}
END_TEST

START_TEST(finds_missing_and_replayed_segments)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_segments segments;
    static struct told told;
    const char *paths[3];

    settings.segment_bytes = 16 * 1024;
    for (unsigned i = 0; i < 4; i++) {
        live_with(settings, 1, 100);
    }
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_ge(segments.count, 4);
    paths[0] = segments.items[0].path;
    paths[1] = segments.items[2].path;
    verify_paths(paths, 2, NULL, &told);
    assert_told(&told, "segment 3 follows 1: those between are missing");
    paths[1] = segments.items[1].path;
    paths[2] = segments.items[1].path;
    verify_paths(paths, 3, NULL, &told);
    assert_told(&told, "segment 2 stands there after 2: replayed");
    audit_segments_free(&segments);
}
END_TEST

/* A block of another host, and a whole segment of it. */
START_TEST(finds_what_is_of_another_host)
{
    size_t length, other_length;
    static struct told told;
    char *text = many_blocks(&length);
    char own_public[ED25519_PEM_MAX], other_public[ED25519_PEM_MAX];
    char closed[160];
    struct diag diag = {0};

    memcpy(own_public, public_key, sizeof(own_public));
    ck_assert_int_eq(unlink(fixture.file), 0);
    ck_assert_int_eq(unlink(key_file), 0);
    ck_assert_int_eq(audit_keys_generate(key_file, other_public, &diag), ERR_OK);
    live_long();
    char *other = read_file_text(&other_length);
    struct str own_one = line_of(text, "checkpoint", 0),
               other_one = line_of(other, "checkpoint", 0);
    struct str other_two = line_of(other, "checkpoint", 1);
    size_t begin = (size_t)(own_one.ptr + own_one.len - text);
    size_t part = (size_t)(other_two.ptr - other_one.ptr) + other_two.len - other_one.len;
    char *spliced = malloc(begin + part);
    memcpy(spliced, text, begin);
    memcpy(spliced + begin, other_one.ptr + other_one.len, part);
    tampered(spliced, begin + part, NULL, &told);
    assert_told(&told, "segment 1 block 2: not signed by its segment's key");

    write_text(fixture.file, other, other_length);
    verify_all(NULL, &told);
    assert_told(&told, "segment 1 is not certified by the public key");

    /* In the place of the second. */
    snprintf(closed, sizeof(closed), "%s.1", fixture.file);
    write_text(closed, text, length);
    char *number = strstr(other, "\"segment\":1,");
    number[10] = '2';
    write_text(fixture.file, other, other_length);
    verify_all(NULL, &told);
    assert_told(&told, "segment 2 is not certified by the segment before");
    free(spliced);
    free(other);
    free(text);
}
END_TEST

START_TEST(finds_lines_outside_of_any_segment)
{
    size_t length;
    char *text = many_blocks(&length), *forged = malloc(length + 1);
    static struct told told;
    struct str record = line_of(text, "decision", 0);

    memcpy(forged, record.ptr, record.len);
    write_text(fixture.file, forged, record.len);
    const char *paths[] = {fixture.file};
    verify_paths(paths, 1, NULL, &told);
    assert_told(&told, "1 lines stand in no segment");
    free(forged);
    free(text);
}
END_TEST

START_TEST(refuses_files_that_are_no_keys)
{
    static const char *const bad[] = {
        "",
        "reeve-audit-key 1\n",
        "reeve-audit-key 2\nsegment 0\nkey 00\n",
        "reeve-audit-key 1\nsegment 0\nkey 00\n",
        "reeve-audit-key 1\nsegment x\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000\n",
        "reeve-audit-key 1\nsegment 0\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000",
        "reeve-audit-key 1\nsegment 0\nkey "
        "0000000000000000000000000000000000000000000000000000000000000000\nmore\n"};
    struct audit_keys *keys;
    struct diag diag;
    size_t length;
    char *good = read_text(key_file, &length);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_text(key_file, bad[i], strlen(bad[i]));
        ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_SYNTAX);
        ck_assert_ptr_nonnull(strstr(diag.text, "audit_key_file"));
    }
    write_text(key_file, good, length);
    ck_assert_int_eq(chmod(key_file, 0640), 0);
    ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_RANGE);
    ck_assert_int_eq(chmod(key_file, 0600), 0);
    ck_assert_int_eq(audit_keys_open(key_file, &keys, &diag), ERR_OK);
    struct audit_keys *second;
    ck_assert_int_eq(audit_keys_open(key_file, &second, &diag), ERR_BUSY);
    audit_keys_free(keys);
    free(good);
}
END_TEST

Suite *proof_suite(void)
{
    Suite *suite = suite_create("proof");
    TCase *tcase = tcase_create("proof");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_test(tcase, proves_one_life);
    tcase_add_test(tcase, goes_on_with_the_segment_after_a_restart);
    tcase_add_test(tcase, closes_segments_by_size_and_names_them_by_number);
    tcase_add_test(tcase, a_thousand_segments_lose_nothing);
    tcase_add_test(tcase, opens_a_segment_with_every_workers_position);
    tcase_add_test(tcase, removes_old_segments_and_the_rest_is_still_certified);
    tcase_add_test(tcase, a_segment_renamed_while_no_agent_ran_is_followed);
    tcase_add_test(tcase, a_copied_and_truncated_file_goes_on_as_a_new_segment);
    tcase_add_test(tcase, an_audit_gets_a_key_with_the_segment_that_follows);
    tcase_add_test(tcase, each_segment_has_a_key_of_its_own_and_the_old_one_is_wiped);
    tcase_add_test(tcase, keeps_the_chain_whatever_write_it_dies_in);
    tcase_add_test(tcase, a_block_found_at_a_start_says_so);
    tcase_add_test(tcase, goes_on_where_the_key_file_can_not_be_written);
    tcase_add_test(tcase, finds_an_edited_record);
    tcase_add_test(tcase, finds_any_byte_changed);
    tcase_add_test(tcase, finds_a_deleted_record);
    tcase_add_test(tcase, finds_a_deleted_block);
    tcase_add_test(tcase, finds_swapped_records);
    tcase_add_test(tcase, finds_a_cut_tail_by_the_head);
    tcase_add_test(tcase, finds_a_cut_tail_of_a_closed_segment);
    tcase_add_test(tcase, finds_missing_and_replayed_segments);
    tcase_add_test(tcase, finds_what_is_of_another_host);
    tcase_add_test(tcase, finds_lines_outside_of_any_segment);
    tcase_add_test(tcase, refuses_files_that_are_no_keys);
    suite_add_tcase(suite, tcase);
    return suite;
}
