#include "agent/quota/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/clock.h"
#include "tests/support/failing_alloc.h"
#include "tests/unit/quota/instant.h"
#include "tests/unit/quota/suites.h"
#include "tests/unit/quota/tzif.h"

#define BYTES_BUDGET    (400 * 1000)
#define LOAD_US_BUDGET  2000000 /* under sanitizers, beside other tests; a hundredth without */
#define ALLOCATIONS_MAX 200

static char box[] = "/tmp/reeve-zones.XXXXXX";

static void box_open(void)
{
    ck_assert_ptr_nonnull(mkdtemp(box));
}

static int box_remove(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

static void box_close(void)
{
    ck_assert_int_eq(nftw(box, box_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static const char *box_path(const char *name)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s/%s", box, name);
    return path;
}

static void box_folder(const char *name)
{
    ck_assert_int_eq(mkdir(box_path(name), 0700), 0);
}

static void box_file(const char *name, struct str bytes, size_t length)
{
    int fd = open(box_path(name), O_WRONLY | O_CREAT | O_EXCL, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes.ptr, bytes.len), (ssize_t)bytes.len);
    ck_assert_int_eq(ftruncate(fd, (off_t)length), 0);
    close(fd);
}

/* A zone that is an hour ahead, with zeroes behind it up to `length`. */
static void box_zone_of(const char *name, size_t length)
{
    const struct tzif tzif = {
        .version = '2', .type_count = 1, .offsets = {3600}, .footer = "\n<+01>-1\n"};
    char bytes[TZIF_BYTES_MAX];
    struct str file = tzif_write(&tzif, bytes);

    box_file(name, file, length > 0 ? length : file.len);
}

static void box_zone(const char *name)
{
    box_zone_of(name, 0);
}

static struct zones *load(const char *folder)
{
    struct zones *zones = NULL;

    ck_assert_int_eq(zones_load(folder, &zones), ERR_OK);
    ck_assert_ptr_nonnull(zones);
    return zones;
}

START_TEST(no_folder_is_an_empty_set)
{
    struct zones *zones = load(box_path("absent"));

    ck_assert_uint_eq(zones_count(zones), 0);
    ck_assert_ptr_null(zones_find(zones, STR("UTC")));
    zones_free(zones);
    box_zone("file");
    zones = load(box_path("file"));
    ck_assert_uint_eq(zones_count(zones), 0);
    zones_free(zones);
}
END_TEST

START_TEST(no_set_has_no_zone)
{
    ck_assert_ptr_null(zones_find(NULL, STR("UTC")));
    ck_assert_uint_eq(zones_count(NULL), 0);
    ck_assert_uint_eq(zones_bytes(NULL), 0);
    zones_free(NULL);
}
END_TEST

#define NAME_32 "abcdefghijklmnopqrstuvwxyzabcdef"
#define NAME_31 "abcdefghijklmnopqrstuvwxyzabcde"

START_TEST(leaves_out_what_is_no_zone)
{
    box_zone("Zone");
    box_file("empty", STR(""), 0);
    box_file("zone.tab", STR("# a text\n"), 9);
    box_zone_of("large", ZONE_FILE_BYTES_MAX + 1);
    box_zone(".hidden");
    ck_assert_int_eq(mkfifo(box_path("fifo"), 0600), 0);
    ck_assert_int_eq(symlink("absent", box_path("dangling")), 0);
    ck_assert_int_eq(symlink("looping", box_path("looping")), 0);
    box_folder("posix");
    box_zone("posix/Zone");
    box_folder("right");
    box_zone("right/Zone");
    box_zone(NAME_32 NAME_32 "g");
    box_folder(NAME_32);
    box_zone(NAME_32 "/" NAME_32);

    struct zones *zones = load(box);
    ck_assert_uint_eq(zones_count(zones), 1);
    ck_assert_ptr_nonnull(zones_find(zones, STR("Zone")));
    zones_free(zones);
}
END_TEST

START_TEST(takes_files_and_names_at_their_bounds)
{
    box_zone_of("large", ZONE_FILE_BYTES_MAX);
    box_zone(NAME_32 NAME_32);
    box_folder(NAME_32);
    box_zone(NAME_32 "/" NAME_31);

    struct zones *zones = load(box);
    ck_assert_uint_eq(zones_count(zones), 3);
    ck_assert_ptr_nonnull(zones_find(zones, STR("large")));
    ck_assert_ptr_nonnull(zones_find(zones, STR(NAME_32 NAME_32)));
    ck_assert_ptr_nonnull(zones_find(zones, STR(NAME_32 "/" NAME_31)));
    ck_assert_ptr_null(zones_find(zones, STR(NAME_32 NAME_32 "g")));
    zones_free(zones);
}
END_TEST

START_TEST(follows_links_to_files_and_not_to_folders)
{
    box_folder("Europe");
    box_zone("Europe/Berlin");
    ck_assert_int_eq(symlink("Europe/Berlin", box_path("Link")), 0);
    ck_assert_int_eq(symlink("Europe", box_path("Folder")), 0);
    ck_assert_int_eq(symlink("..", box_path("Europe/Up")), 0);

    struct zones *zones = load(box);
    ck_assert_uint_eq(zones_count(zones), 2);
    ck_assert_int_eq(zone_span(zones_find(zones, STR("Link")), 0).offset, 3600);
    zones_free(zones);
}
END_TEST

START_TEST(finds_exact_names_only)
{
    static const char *const absent[] = {"",      "A",       "a/Zone", "A/Zone/",   "/A/Zone",
                                         "A/Zon", "A/Zone ", "A/Zonf", "../A/Zone", "B/Zone"};

    box_folder("A");
    box_zone("A/Zone");
    box_zone("AZone");
    struct zones *zones = load(box);
    for (int i = 0; i < COUNT(absent); i++) {
        ck_assert_msg(!zones_find(zones, str_from_c(absent[i])), "%s", absent[i]);
    }
    ck_assert_ptr_null(zones_find(zones, STR_ABSENT));
    ck_assert_ptr_null(zones_find(zones, STR("A/Zone\0")));
    ck_assert_ptr_nonnull(zones_find(zones, str_make("A/Zone and more", 6)));
    ck_assert_ptr_nonnull(zones_find(zones, STR("AZone")));
    zones_free(zones);
}
END_TEST

START_TEST(a_set_is_whole_or_none)
{
    bool has_failed = true;
    long n;

    box_folder("A");
    box_zone("A/Zone");
    box_zone("B");
    for (n = 1; has_failed; n++) {
        struct zones *zones = NULL;
        ck_assert_int_lt(n, ALLOCATIONS_MAX);
        failing_alloc_start(n);
        enum err e = zones_load(box, &zones);
        has_failed = failing_alloc_stop();
        ck_assert((e == ERR_OK) == (zones != NULL));
        ck_assert(e == ERR_MEMORY || (e == ERR_OK && zones_count(zones) == 2));
        ck_assert(has_failed || e == ERR_OK);
        zones_free(zones);
    }
    ck_assert_int_gt(n, 6);
}
END_TEST

START_TEST(takes_the_machines_zones_within_the_budget)
{
    int64_t best_us = INT64_MAX;

    for (int i = 0; i < 3; i++) {
        int64_t start_us = clock_read().mono_us;
        struct zones *zones = load(ZONE_FOLDER);
        int64_t took_us = clock_read().mono_us - start_us;
        best_us = took_us < best_us ? took_us : best_us;
        ck_assert_uint_gt(zones_count(zones), 300);
        ck_assert_uint_lt(zones_bytes(zones), BYTES_BUDGET);
        zones_free(zones);
    }
    ck_assert_int_lt(best_us, LOAD_US_BUDGET);
}
END_TEST

Suite *zone_suite(void)
{
    Suite *suite = suite_create("zone");
    TCase *tests = tcase_create("zone");

    tcase_add_checked_fixture(tests, box_open, box_close);
    tcase_add_test(tests, no_folder_is_an_empty_set);
    tcase_add_test(tests, no_set_has_no_zone);
    tcase_add_test(tests, leaves_out_what_is_no_zone);
    tcase_add_test(tests, takes_files_and_names_at_their_bounds);
    tcase_add_test(tests, follows_links_to_files_and_not_to_folders);
    tcase_add_test(tests, finds_exact_names_only);
    tcase_add_test(tests, a_set_is_whole_or_none);
    tcase_add_test(tests, takes_the_machines_zones_within_the_budget);
    suite_add_tcase(suite, tests);
    return suite;
}
