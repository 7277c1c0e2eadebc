/* kill -9 at any instant: what was answered is in the file exactly once, also where all is lost with the
 * power that the disk was not made to hold. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/audit/faults.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define WORKERS           2
#define ROUNDS_MAX        300
#define KILL_AFTER_US_MAX 20000
#define KILL_AT_MAX       2000 /* records */
#define BURST_MAX         8
#define UNSETTLED_MAX     16 /* but for each tenth round, which fills the spool */

/* What an answer waits for, and what is done to the file after the kill. */
enum { ORDERED, DURABLE, POWER_LOSS, CASES };

/* What the child knew, in memory that outlives it. */
struct shared {
    _Atomic uint64_t recorded[ROUNDS_MAX][WORKERS];
    /* Of those, what an agent would have answered. */
    _Atomic uint64_t answered[ROUNDS_MAX][WORKERS];
    /* 1: the spool was full, of which a record tells. */
    _Atomic uint64_t has_gap[ROUNDS_MAX][WORKERS];
    struct faults_synced synced;
};

static struct shared *shared;
static uint32_t random_state = 9;
static int what;

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
    lives_setup();
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void teardown(void)
{
    munmap(shared, sizeof(*shared));
    lives_teardown();
}

static struct audit_writer *open_one(void)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    struct audit_writer *writer;
    struct diag diag = {0};

    settings.is_durable = what != ORDERED;
    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    return writer;
}

static void start_and_stop(void)
{
    int saved = silence_log();

    audit_writer_close(open_one(), 0);
    restore_log(saved);
}

static void append(struct spool *spool, uint64_t number, unsigned round, unsigned worker)
{
    struct audit_record record = sample_record(number);

    if (spool_append(spool, &record) == SPOOL_RECORDED) {
        atomic_fetch_add(&shared->recorded[round][worker], 1);
    } else {
        atomic_store(&shared->has_gap[round][worker], 1);
        pause_us(100);
    }
    atomic_store(&shared->answered[round][worker],
                 what == ORDERED ? atomic_load(&shared->recorded[round][worker])
                                 : spool_settled(spool));
}

/* As much in flight as many requests would have, so that a write is of some lines. */
static void wait_for_answers(const struct spool *spool)
{
    while (spool_sequence(spool) - spool_settled(spool) > UNSETTLED_MAX) {
        sched_yield();
    }
}

/* Starts like an agent, then appends until it is killed. Sequences are as many as were recorded. */
static void run_child(unsigned round)
{
    struct audit_writer *writer = open_one();
    struct spool *spools[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        spools[i] = open_spool(&fixture, round + 1, i);
        ck_assert_int_eq(audit_writer_add(writer, spools[i]), ERR_OK);
    }
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    for (uint64_t number = 0;; number++) {
        unsigned worker = number % WORKERS;

        append(spools[worker], number, round, worker);
        if (round % 10 != 9 && next_random(BURST_MAX) == 0) {
            audit_writer_wake(writer);
            wait_for_answers(spools[worker]);
        }
    }
}

/* Gives the child, which dies by SIGKILL: of the faults, or of the caller. */
static pid_t start_child(unsigned round, const struct faults *plan)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        silence_log();
        faults_note_synced(&shared->synced);
        faults_set(plan);
        run_child(round);
    }
    return child;
}

static void cut_to_what_was_synced(const char *path)
{
    struct stat st;
    uint64_t size = 0;

    ck_assert_int_eq(stat(path, &st), 0);
    for (size_t i = 0; i < shared->synced.count; i++) {
        if (shared->synced.files[i].inode == st.st_ino) {
            size = shared->synced.files[i].size;
        }
    }
    ck_assert_uint_le(size, (uint64_t)st.st_size);
    ck_assert_int_eq(truncate(path, (off_t)size), 0);
}

/* The audit's files; the spools are in memory, and gone. */
static void lose_power(void)
{
    char path[512];
    struct dirent *entry;
    DIR *dir = opendir(fixture.root);

    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir))) {
        if (strncmp(entry->d_name, "audit.jsonl", 11) == 0) {
            snprintf(path, sizeof(path), "%s/%s", fixture.root, entry->d_name);
            cut_to_what_was_synced(path);
        }
    }
    closedir(dir);
    dir = opendir(fixture.spool_dir);
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", fixture.spool_dir, entry->d_name);
        if (strstr(entry->d_name, ".spool")) {
            ck_assert_int_eq(unlink(path), 0);
        }
    }
    closedir(dir);
}

static void wait_for(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %x", status);
    if (what == POWER_LOSS) {
        lose_power();
    }
}

/* A record may stand there although its append did not return, but then it is the last; and one
 * that tells of a full spool, which the next start writes. */
static uint64_t assert_recorded(const struct line_tally *tally, unsigned round)
{
    uint64_t recorded = atomic_load(&shared->recorded[round][tally->worker]);
    uint64_t least = atomic_load(&shared->answered[round][tally->worker]);
    uint64_t most = recorded + 1 + atomic_load(&shared->has_gap[round][tally->worker]);

    ck_assert_msg(tally->highest >= least && tally->highest <= most,
                  "boot %u: %llu answered, %llu recorded, %llu there", tally->boot,
                  (unsigned long long)least, (unsigned long long)recorded,
                  (unsigned long long)tally->highest);
    ck_assert(what == POWER_LOSS || tally->highest >= recorded);
    assert_exactly_once(tally, 1, tally->highest);
    ck_assert_uint_eq(tally->redelivered_count, 0);
    return least;
}

static void assert_all_recorded(unsigned rounds)
{
    static struct line_tally tallies[ROUNDS_MAX * WORKERS];
    uint64_t total = 0;

    for (unsigned i = 0; i < rounds * WORKERS; i++) {
        line_tally_init(&tallies[i], i / WORKERS + 1, i % WORKERS);
    }
    line_tally_read_all(tallies, (size_t)rounds * WORKERS, &fixture);
    for (unsigned i = 0; i < rounds * WORKERS; i++) {
        total += assert_recorded(&tallies[i], i / WORKERS);
        line_tally_fini(&tallies[i]);
    }
    ck_assert_uint_gt(total, 10 * rounds);
}

static void wait_until_recorded(unsigned round, uint64_t count)
{
    while (atomic_load(&shared->recorded[round][0]) + atomic_load(&shared->recorded[round][1]) <
           count) {
        pause_us(50);
    }
}

/* Nothing that died or was begun anew broke the chain. */
static void assert_sound(void)
{
    static struct told told;

    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_gt(told.counts.blocks, 0);
}

/* Every third time perhaps while it starts. */
START_TEST(at_a_random_instant)
{
    static const struct faults none;
    unsigned rounds = is_long_run() ? 50 : 6;

    what = _i;
    for (unsigned round = 0; round < rounds; round++) {
        pid_t child = start_child(round, &none);

        if (round % 3 > 0) {
            wait_until_recorded(round, next_random(KILL_AT_MAX));
        }
        pause_us(next_random(KILL_AFTER_US_MAX));
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        wait_for(child);
    }
    start_and_stop();
    assert_all_recorded(rounds);
    assert_sound();
}
END_TEST

/* At the n-th write, after some bytes of it, or after all of it but before its end is noted. */
START_TEST(in_the_middle_of_a_write)
{
    unsigned rounds = is_long_run() ? 300 : 9;

    what = _i;
    for (unsigned round = 0; round < rounds; round++) {
        int nth = is_long_run() ? (int)round + 1 : 1 + (int)next_random(12);
        struct faults plan = {.kill_countdown = nth,
                              .kill_bytes = round % 3 == 0 ? SIZE_MAX : next_random(3000)};

        wait_for(start_child(round, &plan));
    }
    start_and_stop();
    assert_all_recorded(rounds);
    assert_sound();
}
END_TEST

Suite *kill_suite(void)
{
    Suite *suite = suite_create("kill");
    TCase *tcase = tcase_create("kill");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 600 : 60);
    tcase_add_loop_test(tcase, at_a_random_instant, 0, CASES);
    tcase_add_loop_test(tcase, in_the_middle_of_a_write, 0, CASES);
    suite_add_tcase(suite, tcase);
    return suite;
}
