/* kill -9 at any instant: what spool_append() said was recorded is in the file exactly once. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/audit/verify.h"
#include "agent/audit/writer.h"
#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define WORKERS           2
#define ROUNDS_MAX        120
#define KILL_AFTER_US_MAX 20000
#define KILL_AT_MAX       2000 /* records */

/* What the child knew to be recorded, in memory that outlives it. */
struct shared {
    _Atomic uint64_t recorded[ROUNDS_MAX][WORKERS];
    /* 1: the spool was full, of which a record tells. */
    _Atomic uint64_t has_gap[ROUNDS_MAX][WORKERS];
};

static struct fixture fixture;
static struct shared *shared;
static uint32_t random_state = 9;

static uint32_t next_random(uint32_t bound)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % bound;
}

static void pause_us(uint32_t us)
{
    struct timespec pause = {.tv_nsec = (long)us * 1000};

    nanosleep(&pause, NULL);
}

static void setup(void)
{
    fixture_init(&fixture);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void teardown(void)
{
    munmap(shared, sizeof(*shared));
    fixture_fini(&fixture);
}

/* Starts like an agent, then appends until it is killed. Sequences are as many as were recorded. */
static void run_child(unsigned boot)
{
    struct audit_writer *writer = open_writer(&fixture);
    struct spool *spools[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        spools[i] = open_spool(&fixture, boot + 1, i);
        ck_assert_int_eq(audit_writer_add(writer, spools[i]), ERR_OK);
    }
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    for (uint64_t number = 0;; number++) {
        unsigned worker = number % WORKERS;
        struct audit_record record = sample_record(number);

        if (spool_append(spools[worker], &record) == SPOOL_RECORDED) {
            atomic_fetch_add(&shared->recorded[boot][worker], 1);
        } else {
            atomic_store(&shared->has_gap[boot][worker], 1);
            pause_us(100);
        }
    }
}

/* Gives the child, which dies by SIGKILL: of the faults, or of the caller. */
static pid_t start_child(unsigned boot, const struct faults *plan)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        silence_log();
        faults_set(plan);
        run_child(boot);
    }
    return child;
}

static void wait_for(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
}

/* A record may stand there although its append did not return, but then it is the last; and one
 * that tells of a full spool, which the next start writes. */
static uint64_t assert_recorded(const struct line_tally *tally, unsigned round)
{
    uint64_t recorded = atomic_load(&shared->recorded[round][tally->worker]);
    uint64_t most = recorded + 1 + atomic_load(&shared->has_gap[round][tally->worker]);

    ck_assert_msg(tally->highest >= recorded && tally->highest <= most,
                  "boot %u: %llu recorded, %llu there", tally->boot, (unsigned long long)recorded,
                  (unsigned long long)tally->highest);
    assert_exactly_once(tally, 1, tally->highest);
    ck_assert_uint_eq(tally->redelivered_count, 0);
    return recorded;
}

static void assert_all_recorded(unsigned rounds)
{
    static struct line_tally tallies[ROUNDS_MAX * WORKERS];
    uint64_t total = 0;

    for (unsigned i = 0; i < rounds * WORKERS; i++) {
        line_tally_init(&tallies[i], i / WORKERS + 1, i % WORKERS);
    }
    line_tally_read_each(tallies, (size_t)rounds * WORKERS, fixture.file);
    for (unsigned i = 0; i < rounds * WORKERS; i++) {
        total += assert_recorded(&tallies[i], i / WORKERS);
        line_tally_fini(&tallies[i]);
    }
    ck_assert_uint_gt(total, 1000);
}

static void wait_until_recorded(unsigned boot, uint64_t count)
{
    while (atomic_load(&shared->recorded[boot][0]) + atomic_load(&shared->recorded[boot][1]) <
           count) {
        pause_us(50);
    }
}

static void tell_cb(void *context, enum audit_verify_kind kind, const char *text)
{
    (void)context;
    ck_assert_msg(kind == AUDIT_VERIFY_NOTE, "%s", text);
}

/* Nothing that died or was begun anew broke the chain. */
static void assert_proved(void)
{
    struct audit_verify_settings settings = {.tell_cb = tell_cb};
    const char *paths[] = {fixture.file};
    struct audit_verify *verify;

    ck_assert_int_eq(audit_verify_new(&settings, &verify, NULL), ERR_OK);
    ck_assert_int_eq(audit_verify_files(verify, paths, 1, NULL), ERR_OK);
    audit_verify_free(verify);
}

/* Every third time perhaps while it starts. */
START_TEST(at_a_random_instant)
{
    static const struct faults none;
    unsigned rounds = is_long_run() ? 50 : 6;

    for (unsigned boot = 0; boot < rounds; boot++) {
        pid_t child = start_child(boot, &none);

        if (boot % 3 > 0) {
            wait_until_recorded(boot, next_random(KILL_AT_MAX));
        }
        pause_us(next_random(KILL_AFTER_US_MAX));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        wait_for(child);
    }
    int saved = silence_log();
    audit_writer_close(open_writer(&fixture), 0);
    restore_log(saved);
    assert_all_recorded(rounds);
    assert_proved();
}
END_TEST

/* 1 to 100, then each tenth up to 300. */
static int nth_write(unsigned round)
{
    return round < 100 ? (int)round + 1 : ((int)round - 89) * 10;
}

/* At the n-th write, after some bytes of it, or after all of it but before its end is noted. */
START_TEST(in_the_middle_of_a_write)
{
    unsigned rounds = is_long_run() ? 120 : 9;

    for (unsigned boot = 0; boot < rounds; boot++) {
        int nth = is_long_run() ? nth_write(boot) : 1 + (int)next_random(4);
        struct faults plan = {.kill_countdown = nth,
                              .kill_bytes = boot % 3 == 0 ? SIZE_MAX : next_random(3000)};

        wait_for(start_child(boot, &plan));
    }
    int saved = silence_log();
    audit_writer_close(open_writer(&fixture), 0);
    restore_log(saved);
    assert_all_recorded(rounds);
    assert_proved();
}
END_TEST

Suite *kill_suite(void)
{
    Suite *suite = suite_create("kill");
    TCase *tcase = tcase_create("kill");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 1200 : 60);
    tcase_add_test(tcase, at_a_random_instant);
    tcase_add_test(tcase, in_the_middle_of_a_write);
    suite_add_tcase(suite, tcase);
    return suite;
}
