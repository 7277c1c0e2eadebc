/* Records of the corpus: which are good, cut, doubled, in any order, and out of memory. */
#include <stdlib.h>

#include "tests/corpus/corpus.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/directory/record_parse.h"
#include "tests/unit/directory/suites.h"

static void corpus_start(struct corpus *corpus)
{
    corpus_open(corpus, REEVE_RECORDS_TXT);
}

static bool is_taken(const struct corpus_record *block, struct diag *diag)
{
    struct record *record = NULL;
    enum err err = record_parse(block->kind, KEY, block->fields, block->field_count, &record, diag);

    ck_assert_msg(err == ERR_OK || err == ERR_SYNTAX || err == ERR_RANGE, "line %u", block->line);
    ck_assert_msg((err == ERR_OK) == (record != NULL), "line %u", block->line);
    record_free(record);
    return err == ERR_OK;
}

START_TEST(agrees_with_the_corpus)
{
    struct corpus corpus;
    struct corpus_record block;
    size_t counts[RECORD_KIND_COUNT][2] = {{0}};
    struct diag diag = {""};

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        bool is_good = is_taken(&block, &diag);
        ck_assert_msg(is_good == block.is_good, "records.txt:%u: %s: %s", block.line, block.head,
                      is_good ? "was taken" : diag.text);
        counts[block.kind][is_good]++;
    }
    corpus_close(&corpus);
    for (int kind = 0; kind < RECORD_KIND_COUNT; kind++) {
        ck_assert_uint_ge(counts[kind][0], 10);
        ck_assert_uint_ge(counts[kind][1], 4);
    }
}
END_TEST

START_TEST(tells_key_and_field_of_every_bad_record)
{
    struct corpus corpus;
    struct corpus_record block;
    struct diag diag;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        if (!block.is_good) {
            diag.text[0] = '\0';
            (void)is_taken(&block, &diag);
            ck_assert_msg(strncmp(diag.text, "reeve:x: ", 9) == 0 && strlen(diag.text) > 9 &&
                              strstr(diag.text + 9, ": "),
                          "line %u: %s", block.line, diag.text);
        }
    }
    corpus_close(&corpus);
}
END_TEST

START_TEST(refuses_every_field_twice)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        if (!block.is_good) {
            continue;
        }
        size_t count = block.field_count++;
        for (size_t i = 0; i < count; i++) {
            block.fields[count] = block.fields[i];
            ck_assert_msg(!is_taken(&block, NULL), "line %u, field %zu", block.line, i);
        }
    }
    corpus_close(&corpus);
}
END_TEST

START_TEST(takes_fields_in_any_order)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        for (size_t i = 0; block.is_good && i < block.field_count; i++) {
            struct store_field first = block.fields[0];
            memmove(block.fields, block.fields + 1, (block.field_count - 1) * sizeof(first));
            block.fields[block.field_count - 1] = first;
            ck_assert_msg(is_taken(&block, NULL), "line %u", block.line);
        }
    }
    corpus_close(&corpus);
}
END_TEST

/* A value cut short may still be good; it must not be read beyond its end. */
START_TEST(reads_values_cut_anywhere_without_going_beyond)
{
    struct corpus corpus;
    struct corpus_record block;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        for (size_t i = 0; block.is_good && i < block.field_count; i++) {
            struct str whole = block.fields[i].value;
            for (size_t length = 0; length < whole.len && length < 80; length++) {
                char *copy = malloc(length > 0 ? length : 1);
                memcpy(copy, whole.ptr, length);
                block.fields[i].value = str_make(copy, length);
                (void)is_taken(&block, NULL);
                free(copy);
            }
            block.fields[i].value = whole;
        }
    }
    corpus_close(&corpus);
}
END_TEST

START_TEST(survives_any_allocation_that_fails)
{
    struct corpus corpus;
    struct corpus_record block;
    size_t failures = 0;

    corpus_start(&corpus);
    while (corpus_next(&corpus, &block)) {
        bool has_failed = block.is_good;
        for (long n = 1; has_failed; n++) {
            struct record *record = NULL;
            failing_alloc_start(n);
            enum err err =
                record_parse(block.kind, KEY, block.fields, block.field_count, &record, NULL);
            has_failed = failing_alloc_stop();
            ck_assert(err == ERR_OK ? record != NULL : has_failed && err == ERR_MEMORY && !record);
            failures += err == ERR_MEMORY;
            record_free(record);
        }
    }
    corpus_close(&corpus);
    ck_assert_uint_ge(failures, 100);
}
END_TEST

START_TEST(takes_one_block)
{
    static const struct store_field fields[] = {{{"state", 5}, {"active", 6}},
                                                {{"roles", 5}, {"a,b,c", 5}}};
    struct record *record = NULL;

    failing_alloc_start(2);
    enum err err = record_parse(RECORD_USER, KEY, fields, 2, &record, NULL);
    ck_assert(!failing_alloc_stop());
    ck_assert_int_eq(err, ERR_OK);
    record_free(record);
}
END_TEST

Suite *record_corpus_suite(void)
{
    Suite *suite = suite_create("record_corpus");
    TCase *tcase = tcase_create("record_corpus");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, agrees_with_the_corpus);
    tcase_add_test(tcase, tells_key_and_field_of_every_bad_record);
    tcase_add_test(tcase, refuses_every_field_twice);
    tcase_add_test(tcase, takes_fields_in_any_order);
    tcase_add_test(tcase, reads_values_cut_anywhere_without_going_beyond);
    tcase_add_test(tcase, survives_any_allocation_that_fails);
    tcase_add_test(tcase, takes_one_block);
    suite_add_tcase(suite, tcase);
    return suite;
}
