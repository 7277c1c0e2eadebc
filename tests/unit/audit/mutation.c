/* That no small change of an audit of three segments passes, whose head is known: without that, what breaks the last
 * checkpoint is a cut of the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/segment.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define FILES 3
#define LINES 5 /* of each: a header, three records, a checkpoint */

static struct told told;
static struct audit_segments segments;
static const char *paths[FILES];
static char *texts[FILES], *mutant, *head;
static size_t lengths[FILES];

static void setup(void)
{
    struct audit_writer_settings settings;

    lives_setup();
    settings = settings_of(&fixture);
    settings.segment_bytes = 1;
    for (size_t i = 0; i < FILES; i++) {
        live_with(settings, 1, 3);
    }
    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    ck_assert_uint_eq(segments.count, FILES);
    for (size_t i = 0; i < FILES; i++) {
        paths[i] = segments.items[i].path;
        texts[i] = read_text(paths[i], &lengths[i]);
    }
    struct str last = line_at(texts[FILES - 1], LINES - 1);
    head = strndup(last.ptr, last.len);
    mutant = malloc(2 * lengths[FILES - 1]);
    verify_paths(paths, FILES, head, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
}

static void teardown(void)
{
    for (size_t i = 0; i < FILES; i++) {
        free(texts[i]);
    }
    free(head);
    free(mutant);
    audit_segments_free(&segments);
    lives_teardown();
}

/* The mutant in the place of the file. */
static void assert_found(size_t file, size_t length, const char *what, size_t at)
{
    if (length == lengths[file] && memcmp(mutant, texts[file], length) == 0) {
        return;
    }
    write_text(paths[file], mutant, length);
    verify_paths(paths, FILES, head, &told);
    ck_assert_msg(told.counts.faults > 0, "segment %zu: %s at %zu:\n%.*s\n%s", file + 1, what, at,
                  (int)length, mutant, told.text);
    write_text(paths[file], texts[file], lengths[file]);
}

/* The file's bytes [0, begin), `part`, and those from `end` on. Gives the length. */
static size_t splice(size_t file, size_t begin, struct str part, size_t end)
{
    memcpy(mutant, texts[file], begin);
    memcpy(mutant + begin, part.ptr, part.len);
    memcpy(mutant + begin + part.len, texts[file] + end, lengths[file] - end);
    return begin + part.len + lengths[file] - end;
}

static void change_byte(size_t file, size_t at)
{
    static const struct str inserted[] = {STR("\n"), STR(" "), STR("}"), STR("0"), STR("\\")};

    for (unsigned bit = 0; bit < 8; bit++) {
        char flipped = (char)(texts[file][at] ^ (1 << bit));

        assert_found(file, splice(file, at, str_make(&flipped, 1), at + 1), "a bit flipped", at);
    }
    for (size_t i = 0; i < sizeof(inserted) / sizeof(inserted[0]); i++) {
        assert_found(file, splice(file, at, inserted[i], at), "a byte inserted", at);
    }
    assert_found(file, splice(file, at, STR(""), at + 1), "a byte deleted", at);
    assert_found(file, splice(file, at, STR(""), lengths[file]), "cut", at);
    assert_found(file, splice(file, 0, STR(""), at), "beheaded", at);
}

START_TEST(finds_each_byte_changed)
{
    size_t file = (size_t)_i;

    for (size_t at = 0; at < lengths[file]; at = next_case(at, 127)) {
        change_byte(file, at);
    }
}
END_TEST

/* Digits of hashes and signatures have one spelling. */
START_TEST(finds_capitals)
{
    size_t file = (size_t)_i;

    for (size_t at = 0; at < lengths[file]; at = next_case(at, 23)) {
        char flipped = (char)(texts[file][at] ^ 0x20);

        assert_found(file, splice(file, at, str_make(&flipped, 1), at + 1), "a capital", at);
    }
}
END_TEST

static size_t offset_of(size_t file, struct str line)
{
    return (size_t)(line.ptr - texts[file]);
}

static void change_line(size_t file, struct str line)
{
    size_t begin = offset_of(file, line);

    assert_found(file, splice(file, begin, STR(""), begin + line.len), "a line deleted", begin);
    for (size_t other = 0; other < FILES; other++) {
        for (size_t i = 0; i < LINES; i++) {
            struct str moved = line_at(texts[other], i);

            assert_found(file, splice(file, begin, moved, begin), "a line put in", begin);
            assert_found(file, splice(file, begin, moved, begin + line.len), "a line replaced",
                         begin);
        }
    }
}

START_TEST(finds_each_line_changed)
{
    size_t file = (size_t)_i;

    for (size_t i = 0; i < LINES; i++) {
        change_line(file, line_at(texts[file], i));
    }
}
END_TEST

START_TEST(finds_swapped_lines)
{
    size_t file = (size_t)_i;

    for (size_t i = 0; i < LINES; i++) {
        for (size_t j = i + 1; j < LINES; j++) {
            struct str first = line_at(texts[file], i), second = line_at(texts[file], j);
            size_t begin = offset_of(file, first), between = begin + first.len;
            size_t end = offset_of(file, second);
            size_t length = splice(file, begin, second, between) + first.len - second.len;

            memcpy(mutant + end + second.len - first.len, first.ptr, first.len);
            assert_found(file, length, "lines swapped", begin);
        }
    }
}
END_TEST

Suite *mutation_suite(void)
{
    Suite *suite = suite_create("mutation");
    TCase *tcase = tcase_create("mutation");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_loop_test(tcase, finds_each_byte_changed, 0, FILES);
    tcase_add_loop_test(tcase, finds_capitals, 0, FILES);
    tcase_add_loop_test(tcase, finds_each_line_changed, 0, FILES);
    tcase_add_loop_test(tcase, finds_swapped_lines, 0, FILES);
    suite_add_tcase(suite, tcase);
    return suite;
}
