#include "agent/request/path.h"

#include <stdlib.h>

#include "agent/config/gate.h"
#include "tests/unit/request/path_table.h"
#include "tests/unit/request/suites.h"

static struct path_table table;

static void load_table(void)
{
    path_table_load(PATH_CASES_FILE, &table);
}

static void free_table(void)
{
    path_table_fini(&table);
}

/* In memory of exactly its length, so that ASan sees a read beyond it and a write beyond `out`. */
static enum reason canonicalise(struct str raw, unsigned relax, struct path_canonical *result,
                                char **copy, char **out, const char **fault)
{
    *copy = malloc(raw.len > 0 ? raw.len : 1);
    *out = malloc(raw.len > 0 ? raw.len : 1);
    ck_assert(*copy && *out);
    if (raw.len > 0) {
        memcpy(*copy, raw.ptr, raw.len);
    }
    return path_canonicalise(str_make(*copy, raw.len), relax, *out, result, fault);
}

static void check_case(const struct path_case *c)
{
    struct path_canonical result = {STR_ABSENT, false};
    const char *fault = NULL;
    char *copy, *out;

    enum reason reason = canonicalise(c->raw, c->relax, &result, &copy, &out, &fault);
    ck_assert_msg(reason == c->reason, "%.*s: got %s (%s)", STR_ARG(c->name),
                  reason_code(reason).ptr, fault ? fault : "-");
    ck_assert_msg((fault != NULL) == (reason != REASON_OK), "%.*s: fault", STR_ARG(c->name));
    ck_assert_msg(str_is_absent(result.path) == (reason != REASON_OK), "%.*s: result",
                  STR_ARG(c->name));
    if (reason == REASON_OK) {
        ck_assert_msg(str_equal(result.path, c->canonical), "%.*s: got %.*s", STR_ARG(c->name),
                      STR_ARG(result.path));
        ck_assert_msg(result.is_different == c->is_different, "%.*s: is_different",
                      STR_ARG(c->name));
        bool is_borrowed = result.path.ptr == copy;
        ck_assert_msg(is_borrowed == str_equal(c->raw, c->canonical), "%.*s: borrowed from",
                      STR_ARG(c->name));
    }
    free(copy);
    free(out);
}

START_TEST(every_case_of_the_table_ends_as_it_says)
{
    ck_assert_uint_ge(table.count, 300);
    for (size_t i = 0; i < table.count; i++) {
        check_case(&table.cases[i]);
    }
}
END_TEST

/* A gate that relaxes more takes no path away, and changes no path's canonical form. */
START_TEST(relaxing_more_never_changes_an_accepted_path)
{
    for (size_t i = 0; i < table.count; i++) {
        const struct path_case *c = &table.cases[i];
        for (unsigned more = 0; c->reason == REASON_OK && more < 16; more++) {
            struct path_case relaxed = *c;
            relaxed.relax |= more;
            check_case(&relaxed);
        }
    }
}
END_TEST

START_TEST(no_cut_of_any_case_reads_or_writes_beyond_its_bytes)
{
    for (size_t i = 0; i < table.count; i++) {
        for (size_t length = 0; length <= table.cases[i].raw.len; length++) {
            struct path_canonical result;
            const char *fault;
            char *copy, *out;
            struct str cut = str_make(table.cases[i].raw.ptr, length);
            if (canonicalise(cut, table.cases[i].relax, &result, &copy, &out, &fault) ==
                REASON_OK) {
                ck_assert_uint_le(result.path.len, length);
            }
            free(copy);
            free(out);
        }
    }
}
END_TEST

/* Every byte once raw and once escaped, in the middle of a segment. */
START_TEST(takes_raw_only_what_rfc_3986_allows_in_a_path)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-._~!$&'()*+,=:@/";

    for (int c = 0; c < 256; c++) {
        char raw[] = {'/', 'a', (char)c, 'b'}, out[sizeof(raw)];
        struct path_canonical result;
        const char *fault;
        bool is_allowed = c != 0 && strchr(allowed, c);
        enum reason want = is_allowed ? REASON_OK : REASON_AMBIGUOUS_PATH;
        ck_assert_int_eq(path_canonicalise(str_make(raw, sizeof(raw)), 0, out, &result, &fault),
                         want);
    }
}
END_TEST

START_TEST(decodes_only_unreserved_escapes_and_refuses_only_listed_ones)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";

    for (unsigned c = 0; c < 256; c++) {
        static const char digits[] = "0123456789ABCDEF";
        char raw[] = {'/', 'x', '%', digits[c / 16], digits[c % 16], 'x'}, out[sizeof(raw)];
        struct path_canonical result = {STR_ABSENT, false};
        const char *fault;
        bool is_refused = c < 0x20 || c >= 0x7f || strchr("/\\;", (int)c);
        bool is_decoded = c != 0 && strchr(unreserved, (int)c);
        enum reason reason = path_canonicalise(str_make(raw, sizeof(raw)), 0, out, &result, &fault);
        ck_assert_msg(reason == (is_refused ? REASON_AMBIGUOUS_PATH : REASON_OK), "%02x", c);
        ck_assert_msg(result.is_different == is_decoded, "%02x", c);
        ck_assert_msg(!is_decoded || (result.path.len == 4 && result.path.ptr[2] == (char)c),
                      "%02x", c);
    }
}
END_TEST

static void fill(char *path, size_t length, const char *pattern)
{
    for (size_t i = 0; i < length; i++) {
        path[i] = pattern[i % strlen(pattern)];
    }
}

START_TEST(refuses_a_path_above_the_maximum)
{
    static char raw[PATH_BYTES_MAX + 1], out[PATH_BYTES_MAX + 1];
    struct path_canonical result;
    const char *fault;

    fill(raw, sizeof(raw), "/abc");
    ck_assert_int_eq(path_canonicalise(str_make(raw, sizeof(raw)), 0, out, &result, &fault),
                     REASON_BAD_REQUEST);
    ck_assert_str_eq(fault, "path too long");
    ck_assert_int_eq(path_canonicalise(str_make(raw, PATH_BYTES_MAX), 0, out, &result, &fault),
                     REASON_OK);
}
END_TEST

START_TEST(an_absent_path_is_a_bad_request)
{
    struct path_canonical result;
    const char *fault;
    char out[1];

    ck_assert_int_eq(path_canonicalise(STR_ABSENT, 0, out, &result, &fault), REASON_BAD_REQUEST);
}
END_TEST

START_TEST(the_longest_paths_down_and_up_again_are_resolved)
{
    static char raw[PATH_BYTES_MAX], out[PATH_BYTES_MAX];
    struct path_canonical result;
    const char *fault;

    fill(raw, sizeof(raw), "/a/..");
    struct str path = str_make(raw, sizeof(raw) / 5 * 5);
    ck_assert_int_eq(path_canonicalise(path, 0, out, &result, &fault), REASON_OK);
    ck_assert(str_equal(result.path, STR("/")));

    fill(raw, sizeof(raw), "/ab");
    fill(raw + sizeof(raw) / 2 - sizeof(raw) / 2 % 3, sizeof(raw) / 2, "/..");
    path.len = sizeof(raw) - sizeof(raw) % 6;
    ck_assert_int_eq(path_canonicalise(path, 0, out, &result, &fault), REASON_OK);
    ck_assert(str_equal(result.path, STR("/")));
}
END_TEST

Suite *path_suite(void)
{
    Suite *suite = suite_create("path");
    TCase *cases = tcase_create("path");

    tcase_set_timeout(cases, 30);
    tcase_add_unchecked_fixture(cases, load_table, free_table);
    tcase_add_test(cases, refuses_a_path_above_the_maximum);
    tcase_add_test(cases, an_absent_path_is_a_bad_request);
    tcase_add_test(cases, every_case_of_the_table_ends_as_it_says);
    tcase_add_test(cases, no_cut_of_any_case_reads_or_writes_beyond_its_bytes);
    tcase_add_test(cases, relaxing_more_never_changes_an_accepted_path);
    tcase_add_test(cases, takes_raw_only_what_rfc_3986_allows_in_a_path);
    tcase_add_test(cases, decodes_only_unreserved_escapes_and_refuses_only_listed_ones);
    tcase_add_test(cases, the_longest_paths_down_and_up_again_are_resolved);
    suite_add_tcase(suite, cases);
    return suite;
}
