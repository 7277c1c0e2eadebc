/* That verification finds what was done to records, blocks and segments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/keys.h"
#include "agent/audit/segment.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

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

/* A record there may be anything: no checkpoint vouches for it yet. */
START_TEST(finds_what_no_agent_wrote_behind_the_last_checkpoint)
{
    static const struct str strange[] = {
        STR("\n"),
        STR(" \n"),
        STR("{}\n"),
        STR("rubbish\n"),
        STR("{\"v\":1,\"type\":\"decision\"\n"),
        STR("{\"v\":1,\"type\":\"\"}\n"),
    };
    size_t length;
    char *text = many_blocks(&length), *forged = malloc(2 * length);
    static struct told told;
    struct str last = line_of(text, "checkpoint", 2), record = line_of(text, "decision", 0);
    size_t end = (size_t)(last.ptr + last.len - text);

    memcpy(forged, text, end);
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        memcpy(forged + end, strange[i].ptr, strange[i].len);
        tampered(forged, end + strange[i].len, NULL, &told);
        assert_told(&told, "1 lines behind the last checkpoint are none of the audit's");
    }
    memcpy(forged + end, record.ptr, record.len);
    char *sequence = strstr(forged + end, "\"seq\":1,");
    sequence[6] = '9';
    tampered(forged, end + record.len, NULL, &told);
    ck_assert_msg(told.counts.faults <= 1 && !strstr(told.text, "none of the audit's"), "%s",
                  told.text);
    free(forged);
    free(text);
}
END_TEST

Suite *tampering_suite(void)
{
    Suite *suite = suite_create("tampering");
    TCase *tcase = tcase_create("tampering");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
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
    tcase_add_test(tcase, finds_what_no_agent_wrote_behind_the_last_checkpoint);
    suite_add_tcase(suite, tcase);
    return suite;
}
