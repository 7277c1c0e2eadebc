/* Every short path over hostile alphabets: the promises of path.h, and against the reference. */
#include "agent/request/path.h"
#include "tests/unit/request/path_reference.h"
#include "tests/unit/request/suites.h"

#define RELAX_ALL     15u
#define PATH_MAX_HERE 64

struct alphabet {
    const char *const *words;
    size_t count;
};

static const char *const bytes[] = {"/", ".", "%", "2", "e", "f", "F", "\\", ";", "a", "5", "c"};

static const char *const words[] = {"/",   ".",   "..",  "a",   ";",   "%2e", "%2F", "%2f", "%5c",
                                    "%25", "%3b", "%3B", "%00", "%61", "%c3", "%A9", "%e2", "%82",
                                    "2",   "F",   "%",   "#",   "//",  "/./", "/../"};

static const struct alphabet byte_alphabet = {bytes, sizeof(bytes) / sizeof(bytes[0])};
static const struct alphabet word_alphabet = {words, sizeof(words) / sizeof(words[0])};

static void blame(struct str raw, unsigned relax, const char *what)
{
    ck_abort_msg("'%.*s' relaxed %u: %s", STR_ARG(raw), relax, what);
}

static void check_accepted(struct str raw, unsigned relax, struct path_canonical first)
{
    char out[PATH_MAX_HERE];
    struct path_canonical second;
    const char *fault;

    const char *broken = path_broken_promise(first.path, relax);
    if (broken) {
        blame(raw, relax, broken);
    }
    if (path_canonicalise(first.path, relax, out, &second, &fault) != REASON_OK ||
        second.is_different || !str_equal(first.path, second.path)) {
        blame(raw, relax, "canonical form is not canonical");
    }
}

/* True where it was accepted. */
static bool check_path(struct str raw, unsigned relax)
{
    char out[PATH_MAX_HERE], want[PATH_MAX_HERE];
    struct path_canonical got = {STR_ABSENT, false};
    size_t want_length = 0;
    bool want_different = false;
    const char *fault;

    enum reason reason = path_canonicalise(raw, relax, out, &got, &fault);
    if (reason != path_reference(raw, relax, want, &want_length, &want_different)) {
        blame(raw, relax, "the reference decides otherwise");
    }
    if (reason != REASON_OK) {
        return false;
    }
    if (!str_equal(got.path, str_make(want, want_length)) || got.is_different != want_different) {
        blame(raw, relax, "the reference finds another form");
    }
    check_accepted(raw, relax, got);
    return true;
}

/* "/" and every sequence of up to `depth` words; gives how many were accepted. */
static size_t check_all(const struct alphabet *alphabet, size_t depth, unsigned relax)
{
    size_t digits[8] = {0}, accepted_count = 0;

    ck_assert_uint_lt(depth, sizeof(digits) / sizeof(digits[0]));
    for (size_t used = 0; used <= depth;) {
        char path[PATH_MAX_HERE] = "/";
        size_t length = 1, carry = 0;
        for (size_t i = 0; i < used; i++) {
            for (const char *c = alphabet->words[digits[i]]; *c; c++) {
                path[length++] = *c;
            }
        }
        accepted_count += check_path(str_make(path, length), relax);
        while (carry < used && ++digits[carry] == alphabet->count) {
            digits[carry++] = 0;
        }
        used += carry == used;
    }
    return accepted_count;
}

START_TEST(every_path_of_up_to_six_hostile_bytes_is_as_the_reference_says)
{
    size_t accepted_count = check_all(&byte_alphabet, 6, 0);

    ck_assert_uint_gt(accepted_count, 100000);
}
END_TEST

START_TEST(every_path_of_hostile_bytes_is_right_under_every_relaxation)
{
    unsigned relax = (unsigned)_i;
    size_t accepted_count = check_all(&byte_alphabet, relax == RELAX_ALL ? 5 : 4, relax);

    ck_assert_uint_gt(accepted_count, 1000);
}
END_TEST

START_TEST(every_path_of_hostile_words_is_right_under_every_relaxation)
{
    unsigned relax = (unsigned)_i;
    size_t accepted_count = check_all(&word_alphabet, 3, relax);

    ck_assert_uint_gt(accepted_count, 100);
}
END_TEST

START_TEST(longer_paths_of_hostile_words_are_right)
{
    size_t strict_count = check_all(&word_alphabet, 4, 0);
    size_t relaxed_count = check_all(&word_alphabet, 4, RELAX_ALL);

    ck_assert_uint_gt(strict_count, 1000);
    ck_assert_uint_gt(relaxed_count, strict_count);
}
END_TEST

/* One byte after the first slash, whatever it is, then two. */
START_TEST(every_byte_string_of_two_is_right)
{
    for (unsigned i = 0; i < 65536; i++) {
        char path[] = {'/', (char)(i >> 8), (char)i};
        check_path(str_make(path, 2), 0);
        check_path(str_make(path, 3), 0);
        check_path(str_make(path, 3), RELAX_ALL);
    }
}
END_TEST

Suite *path_property_suite(void)
{
    Suite *suite = suite_create("path properties");
    TCase *cases = tcase_create("path properties");

    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_byte_string_of_two_is_right);
    tcase_add_test(cases, every_path_of_up_to_six_hostile_bytes_is_as_the_reference_says);
    tcase_add_loop_test(cases, every_path_of_hostile_bytes_is_right_under_every_relaxation, 0, 16);
    tcase_add_loop_test(cases, every_path_of_hostile_words_is_right_under_every_relaxation, 0, 16);
    tcase_add_test(cases, longer_paths_of_hostile_words_are_right);
    suite_add_tcase(suite, cases);
    return suite;
}
