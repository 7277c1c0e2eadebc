/* A large file that is removed is freed in pieces, but never one that somebody can still read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/unlink.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define MIB   (1024 * 1024)
#define BYTES ((off_t)9 * MIB)

static struct fixture fixture;
static char path[160], other[160];

static void setup(void)
{
    fixture_init(&fixture);
    snprintf(path, sizeof(path), "%s.00000001", fixture.file);
    snprintf(other, sizeof(other), "%s.kept", fixture.file);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0640);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ftruncate(fd, BYTES), 0);
    ck_assert_int_eq(pwrite(fd, "end", 3, BYTES - 3), 3);
    close(fd);
}

static void teardown(void)
{
    fixture_fini(&fixture);
}

static void assert_has_its_end(int fd)
{
    char end[3];

    ck_assert_int_eq(pread(fd, end, sizeof(end), BYTES - 3), sizeof(end));
    ck_assert_mem_eq(end, "end", sizeof(end));
}

/* Some file systems give no leases: there nothing goes in pieces. */
static bool gives_leases(void)
{
    int fd = open(path, O_WRONLY);
    bool is_given = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;

    close(fd);
    return is_given;
}

START_TEST(a_large_file_goes_in_pieces)
{
    unsigned before = faults_cuts(), pieces = gives_leases() ? 2 : 0;

    ck_assert_int_eq(audit_unlink(path), ERR_OK);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_uint_eq(faults_cuts() - before, pieces);
}
END_TEST

START_TEST(who_has_it_open_reads_to_its_end)
{
    int fd = open(path, O_RDONLY);

    ck_assert_int_eq(audit_unlink(path), ERR_OK);
    ck_assert_int_eq(access(path, F_OK), -1);
    assert_has_its_end(fd);
    close(fd);
}
END_TEST

/* The kernel tells who has the lease with a signal. */
START_TEST(who_opens_it_meanwhile_ends_nothing_and_finds_it_whole)
{
    unsigned before = faults_cuts();

    faults_set(&(struct faults){.opens_leased = true});
    ck_assert_int_eq(audit_unlink(path), ERR_OK);
    faults_set(NULL);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_uint_eq(faults_cuts(), before);
}
END_TEST

START_TEST(another_name_keeps_it_whole)
{
    ck_assert_int_eq(link(path, other), 0);
    ck_assert_int_eq(audit_unlink(path), ERR_OK);
    ck_assert_int_eq(access(path, F_OK), -1);
    int fd = open(other, O_RDONLY);
    assert_has_its_end(fd);
    close(fd);
}
END_TEST

START_TEST(a_link_goes_and_its_target_stays)
{
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_eq(audit_unlink(path), ERR_OK);
    int fd = open(other, O_RDONLY);
    assert_has_its_end(fd);
    close(fd);
}
END_TEST

START_TEST(what_can_not_be_removed_stays_whole)
{
    unsigned before = faults_cuts();

    ck_assert_int_eq(audit_unlink(fixture.spool_dir), ERR_IO);
    ck_assert_int_eq(errno, EISDIR);
    snprintf(other, sizeof(other), "%s.00000002", fixture.file);
    ck_assert_int_eq(audit_unlink(other), ERR_IO);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_uint_eq(faults_cuts(), before);
}
END_TEST

Suite *unlink_suite(void)
{
    Suite *suite = suite_create("unlink");
    TCase *tcase = tcase_create("unlink");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_large_file_goes_in_pieces);
    tcase_add_test(tcase, who_has_it_open_reads_to_its_end);
    tcase_add_test(tcase, who_opens_it_meanwhile_ends_nothing_and_finds_it_whole);
    tcase_add_test(tcase, another_name_keeps_it_whole);
    tcase_add_test(tcase, a_link_goes_and_its_target_stays);
    tcase_add_test(tcase, what_can_not_be_removed_stays_whole);
    suite_add_tcase(suite, tcase);
    return suite;
}
