#include "agent/audit/spool.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/audit/batch.h"
#include "agent/audit/spool_inside.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/json.h"
#include "tests/unit/audit/suites.h"

#define SECOND_US 1000000

/* Instructions between two looks at what a death would leave. */
#define STRIDE      199
#define LONG_STRIDE 3

/* With a sanitizer's own instructions it takes minutes, and tells nothing more. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_STEPPED 0
#else
#define COUNT_STEPPED 1
#endif

static struct fixture fixture;
static struct spool *spool;

static void setup(void)
{
    fixture_init(&fixture);
    spool = open_spool(&fixture, 1, 0);
}

static void teardown(void)
{
    spool_close(spool);
    fixture_fini(&fixture);
}

static struct spool_counters counters(void)
{
    struct spool_counters now;

    spool_counters(spool, &now);
    return now;
}

/* Fills up to the first record that does not stay at or below `share` eighths. */
static void fill_to(size_t eighths)
{
    struct audit_record record = sample_record(1);

    while (counters().used_bytes <= counters().capacity_bytes * eighths / 8) {
        ck_assert_int_eq(spool_append(spool, &record), SPOOL_RECORDED);
    }
}

static void fill(void)
{
    struct audit_record record = sample_record(1);

    while (spool_append(spool, &record) == SPOOL_RECORDED) {
    }
}

/* The lines of everything in the ring, which is empty then. The caller frees. */
static char *drain(void)
{
    struct audit_batch batch;
    char *text = calloc(1, 1);
    size_t length = 0;

    ck_assert_int_eq(audit_batch_init(&batch), ERR_OK);
    ck_assert_int_eq(audit_batch_add(&batch, spool, false), ERR_OK);
    for (audit_batch_fill(&batch); !audit_batch_is_empty(&batch); audit_batch_fill(&batch)) {
        size_t made = batch.length - batch.start;

        text = realloc(text, length + made + 1);
        ck_assert_ptr_nonnull(text);
        memcpy(text + length, batch.data + batch.start, made);
        length += made;
    }
    text[length] = '\0';
    audit_ring_settle(spool_ring(spool), batch.sources[0].read_position,
                      batch.sources[0].read_sequence);
    audit_batch_fini(&batch);
    return text;
}

/* Sums `count` over the lines of a type, whose member must have the value (NULL: any). */
static uint64_t sum_counts(const char *text, const char *type, const char *name, const char *want)
{
    uint64_t sum = 0;

    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        size_t length = (size_t)(strchr(line, '\n') - line);
        char value[128];

        ck_assert_msg(json_is_object(line, length), "%.*s", (int)length, line);
        ck_assert(json_member(line, length, "type", value, sizeof(value)));
        if (strcmp(value, type) != 0 ||
            (name && (!json_member(line, length, name, value, sizeof(value)) ||
                      strcmp(value, want) != 0))) {
            continue;
        }
        ck_assert(json_member(line, length, "count", value, sizeof(value)));
        sum += strtoull(value, NULL, 10);
    }
    return sum;
}

START_TEST(records_denials_of_strangers_below_half)
{
    struct audit_record record = stranger_record(1);

    while (counters().used_bytes <= counters().capacity_bytes / 2) {
        ck_assert_int_eq(spool_append(spool, &record), SPOOL_RECORDED);
    }
    ck_assert_int_eq(spool_append(spool, &record), SPOOL_COALESCED);
}
END_TEST

START_TEST(coalesces_only_denials_of_strangers)
{
    struct audit_record allow = sample_record(1), denied_user = sample_record(2);
    struct audit_record anonymous = stranger_record(3), throttled = stranger_record(4);

    denied_user.verdict = STR("deny");
    anonymous.verdict = STR("allow");
    throttled.verdict = STR("throttle");
    fill_to(4);
    ck_assert_int_eq(spool_append(spool, &allow), SPOOL_RECORDED);
    ck_assert_int_eq(spool_append(spool, &denied_user), SPOOL_RECORDED);
    ck_assert_int_eq(spool_append(spool, &anonymous), SPOOL_RECORDED);
    ck_assert_int_eq(spool_append(spool, &throttled), SPOOL_COALESCED);
    ck_assert_uint_eq(counters().coalesced, 1);
}
END_TEST

START_TEST(refuses_at_seven_eighths)
{
    struct audit_record record = sample_record(1);
    enum spool_result result;
    size_t before, size = 0;

    do {
        before = counters().used_bytes;
        result = spool_append(spool, &record);
        size = size ? size : counters().used_bytes;
    } while (result == SPOOL_RECORDED);
    ck_assert_int_eq(result, SPOOL_FULL);
    ck_assert_uint_eq(counters().used_bytes, before);
    ck_assert_uint_le(before, counters().capacity_bytes * 7 / 8);
    ck_assert_uint_gt(before + size, counters().capacity_bytes * 7 / 8);
    ck_assert_uint_eq(counters().refused, 1);
}
END_TEST

START_TEST(counts_strangers_even_when_full)
{
    struct audit_record record = stranger_record(1);

    fill();
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(spool_append(spool, &record), SPOOL_COALESCED);
    }
}
END_TEST

START_TEST(records_counts_after_a_second_of_pressure)
{
    struct audit_record record = stranger_record(5);
    struct now now = {.mono_us = 10 * SECOND_US};

    fill();
    for (int i = 0; i < 7; i++) {
        spool_append(spool, &record);
    }
    size_t used = counters().used_bytes;
    spool_tick(spool, now);
    now.mono_us += SECOND_US - 1;
    spool_tick(spool, now);
    ck_assert_uint_eq(counters().used_bytes, used);
    now.mono_us += 1;
    spool_tick(spool, now);
    ck_assert_uint_gt(counters().used_bytes, used);

    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "count", "src", "10.0.5.0/24"), 7);
    ck_assert_uint_eq(sum_counts(text, "count", "reason", "bad_credential"), 7);
    ck_assert_uint_eq(sum_counts(text, "count", "gate", "public-api"), 7);
    ck_assert_uint_eq(sum_counts(text, "count", "verdict", "deny"), 7);
    ck_assert_uint_eq(sum_counts(text, "count", "status", "401"), 7);
    ck_assert_uint_eq(sum_counts(text, "count", "first", "2023-11-14T22:13:20.123461Z"), 7);
    free(text);
}
END_TEST

START_TEST(records_counts_at_once_when_the_pressure_ends)
{
    struct audit_record record = stranger_record(1);
    struct now now = {.mono_us = 1};

    fill();
    spool_append(spool, &record);
    spool_tick(spool, now);
    free(drain());
    spool_tick(spool, now);
    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "count", NULL, NULL), 1);
    free(text);
    spool_tick(spool, now);
    ck_assert_uint_eq(counters().used_bytes, 0);
}
END_TEST

START_TEST(records_the_gap_as_soon_as_there_is_room)
{
    struct audit_record record = sample_record(1);
    struct now now = {.mono_us = 1};

    fill();
    for (int i = 0; i < 41; i++) {
        ck_assert_int_eq(spool_append(spool, &record), SPOOL_FULL);
    }
    ck_assert_uint_eq(counters().refused, 42);
    free(drain());
    spool_tick(spool, now);
    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "audit_gap", "reason", "audit_blocked"), 42);
    ck_assert_uint_eq(sum_counts(text, "audit_gap", "status", "503"), 42);
    free(text);
}
END_TEST

START_TEST(tells_apart_reason_gate_prefix_and_family)
{
    struct audit_record one = stranger_record(1), other = stranger_record(1);
    struct now now = {.mono_us = 1};

    fill();
    spool_append(spool, &one);
    other.source.bytes[3] = 200; /* the same /24 */
    spool_append(spool, &other);
    other.gate = STR("admin");
    spool_append(spool, &other);
    other.reason = REASON_EXPIRED;
    spool_append(spool, &other);
    other.source = (struct ip){16, {0x20, 0x01, 0x0d, 0xb8, 0, 1, 0xff, 0xff}};
    spool_append(spool, &other);
    other.source = (struct ip){0};
    spool_append(spool, &other);
    free(drain());
    spool_tick(spool, now);
    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "count", "src", "10.0.1.0/24"), 4);
    ck_assert_uint_eq(sum_counts(text, "count", "gate", "public-api"), 2);
    ck_assert_uint_eq(sum_counts(text, "count", "reason", "expired"), 3);
    ck_assert_uint_eq(sum_counts(text, "count", "src", "2001:db8:1::/48"), 1);
    ck_assert_uint_eq(sum_counts(text, "count", NULL, NULL), 6);
    free(text);
}
END_TEST

/* 65,536 prefixes into 256 slots, with the ring full and nobody draining: nothing is lost. */
START_TEST(keeps_every_count_when_all_slots_and_the_ring_are_full)
{
    struct now now = {.mono_us = 1};
    uint64_t total = 0;

    fill();
    for (uint64_t i = 0; i < 65536; i++) {
        struct audit_record record = stranger_record(i);

        if (spool_append(spool, &record) != SPOOL_COALESCED) {
            ck_abort_msg("%llu is not counted", (unsigned long long)i);
        }
        if (i % 1000 == 0) {
            now.mono_us += SECOND_US;
            spool_tick(spool, now);
        }
    }
    for (int i = 0; i < 10; i++) {
        char *text = drain();

        total += sum_counts(text, "count", NULL, NULL);
        free(text);
        spool_tick(spool, now);
    }
    ck_assert_uint_eq(total, 65536);
}
END_TEST

static void adopt(void)
{
    char path[256];
    struct diag diag = {0};

    snprintf(path, sizeof(path), "%s", spool_path(spool));
    spool_close(spool);
    ck_assert_msg(spool_adopt(path, &spool, &diag) == ERR_OK, "%s", diag.text);
}

START_TEST(counts_survive_the_process)
{
    struct audit_record record = stranger_record(1), known = sample_record(1);

    fill();
    spool_append(spool, &record);
    spool_append(spool, &record);
    spool_append(spool, &known);
    adopt();
    free(drain());
    ck_assert(!spool_is_done(spool));
    spool_flush(spool);
    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "count", NULL, NULL), 2);
    ck_assert_uint_eq(sum_counts(text, "audit_gap", NULL, NULL), 2);
    free(text);
    ck_assert(spool_is_done(spool));
}
END_TEST

START_TEST(a_count_is_not_recorded_twice_by_a_death_in_between)
{
    struct audit_record record = stranger_record(1);
    static uint8_t scratch[AUDIT_RING_SCRATCH_BYTES];
    struct audit_ring *ring = spool_ring(spool);

    fill();
    spool_append(spool, &record);
    memcpy(scratch, audit_ring_scratch(ring), sizeof(scratch));
    spool_flush(spool);
    /* The slot as it was between the record and the slot's end: only its sequence was noted. */
    uint8_t *after = audit_ring_scratch(ring);
    for (size_t i = 0; i + 8 <= sizeof(scratch); i += 8) {
        uint64_t was, is;

        memcpy(&was, scratch + i, 8);
        memcpy(&is, after + i, 8);
        if (was != 0 && is == 0) {
            memcpy(after + i, &was, 8);
        }
    }
    adopt();
    spool_flush(spool);
    char *text = drain();
    ck_assert_uint_eq(sum_counts(text, "count", NULL, NULL), 1);
    free(text);
}
END_TEST

/* What a process does to the spool before it dies, one instruction after the other. The numbers
 * are those of appends that have returned. */
static _Noreturn void run_traced(_Atomic unsigned *returned)
{
    struct audit_record known = sample_record(1),
                        strangers[] = {stranger_record(1), stranger_record(2)};

    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (int i = 0; i < 2; i++) {
        spool_append(spool, &known);
        atomic_fetch_add(returned, 1);
        for (int j = 0; j < 3; j++) {
            spool_append(spool, &strangers[j % 2]);
            atomic_fetch_add(returned, 1);
        }
        spool_flush(spool);
    }
    _exit(0);
}

/* How many requests a start would find in the file as it is now. */
static uint64_t count_requests(void)
{
    struct spool *traced = spool;
    struct diag diag = {0};
    char copy[128];
    size_t length;
    uint64_t count = 0;

    snprintf(copy, sizeof(copy), "%s/copy.spool", fixture.root);
    char *bytes = read_text(spool_path(traced), &length);
    write_text(copy, bytes, length);
    free(bytes);
    if (spool_adopt(copy, &spool, &diag) != ERR_OK || spool_ring(spool)->is_damaged) {
        ck_abort_msg("damaged: %s", diag.text);
    }
    spool_flush(spool);
    char *text = drain();
    for (const char *at = text; (at = strstr(at, "\"type\":\"decision\"")); at++) {
        count++;
    }
    count += sum_counts(text, "count", NULL, NULL);
    free(text);
    spool_close(spool);
    spool = traced;
    return count;
}

static bool step(pid_t child, int *status)
{
    return ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 &&
           waitpid(child, status, 0) == child && WIFSTOPPED(*status);
}

START_TEST(loses_and_doubles_nothing_by_a_death_after_any_instruction)
{
    static char path[2000];
    struct audit_record record = sample_record(1);
    size_t at = 0, next = 1;
    int status;

    memset(path, 'p', sizeof(path));
    record.path = str_make(path, sizeof(path));
    while (counters().used_bytes <= counters().capacity_bytes / 2) {
        ck_assert_int_eq(spool_append(spool, &record), SPOOL_RECORDED);
    }
    _Atomic unsigned *returned =
        mmap(NULL, sizeof(*returned), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne((void *)returned, MAP_FAILED);
    uint64_t before = count_requests();
    pid_t child = fork();
    if (child == 0) {
        run_traced(returned);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    for (; step(child, &status); at++) {
        if (at < next) {
            continue;
        }
        unsigned least = atomic_load(returned);
        uint64_t found = count_requests() - before;
        if (found < least || found > least + 1) {
            ck_abort_msg("instruction %zu: %u recorded, %llu there", at, least,
                         (unsigned long long)found);
        }
        next = at + (is_long_run() ? LONG_STRIDE : STRIDE);
    }
    ck_assert_msg(WIFEXITED(status), "status %x", status);
    ck_assert_uint_eq(atomic_load(returned), 8);
    ck_assert_uint_gt(at, 1000);
    munmap((void *)returned, sizeof(*returned));
}
END_TEST

START_TEST(removes_its_file_only_when_all_is_delivered)
{
    append_records(spool, 1, 3);
    spool_close(spool);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 1);
    spool = open_spool(&fixture, 2, 0);
    append_records(spool, 1, 3);
    free(drain());
    spool_close(spool);
    ck_assert_uint_eq(count_files(fixture.spool_dir, ".spool"), 1);
    spool = NULL;
}
END_TEST

START_TEST(refuses_a_second_spool_of_one_name)
{
    struct spool_identity who = identity(1, 0);
    struct diag diag = {0};
    struct spool *second;

    append_records(spool, 1, 3);
    ck_assert_int_eq(spool_create(fixture.spool_dir, &who, RING_BYTES, &second, &diag), ERR_IO);
    char *text = drain();
    ck_assert_ptr_nonnull(strstr(text, "\"seq\":3,"));
    free(text);
}
END_TEST

START_TEST(refuses_an_agents_name_that_is_too_long)
{
    char agent[130];
    struct spool_identity who = identity(2, 0);
    struct diag diag = {0};
    struct spool *second;

    memset(agent, 'a', sizeof(agent));
    agent[129] = '\0';
    who.agent = agent;
    ck_assert_int_eq(spool_create(fixture.spool_dir, &who, RING_BYTES, &second, &diag), ERR_RANGE);
}
END_TEST

Suite *spool_suite(void)
{
    Suite *suite = suite_create("spool");
    TCase *tcase = tcase_create("spool");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, is_long_run() ? 1200 : 60);
    tcase_add_test(tcase, refuses_at_seven_eighths);
    tcase_add_test(tcase, refuses_a_second_spool_of_one_name);
    tcase_add_test(tcase, refuses_an_agents_name_that_is_too_long);
    tcase_add_test(tcase, records_denials_of_strangers_below_half);
    tcase_add_test(tcase, coalesces_only_denials_of_strangers);
    tcase_add_test(tcase, counts_strangers_even_when_full);
    tcase_add_test(tcase, records_counts_after_a_second_of_pressure);
    tcase_add_test(tcase, records_counts_at_once_when_the_pressure_ends);
    tcase_add_test(tcase, records_the_gap_as_soon_as_there_is_room);
    tcase_add_test(tcase, tells_apart_reason_gate_prefix_and_family);
    tcase_add_test(tcase, keeps_every_count_when_all_slots_and_the_ring_are_full);
    tcase_add_test(tcase, counts_survive_the_process);
    tcase_add_test(tcase, a_count_is_not_recorded_twice_by_a_death_in_between);
    tcase_add_loop_test(tcase, loses_and_doubles_nothing_by_a_death_after_any_instruction, 0,
                        COUNT_STEPPED);
    tcase_add_test(tcase, removes_its_file_only_when_all_is_delivered);
    suite_add_tcase(suite, tcase);
    return suite;
}
