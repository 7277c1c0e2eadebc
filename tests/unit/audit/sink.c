/* A sink with an outlet that does as told: what is sent again, what is kept, what is told. */
#include "agent/audit/sink.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/audit/follow.h"
#include "agent/audit/segment.h"
#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

#define HEADER     "{\"v\":1,\"type\":\"segment\",\"agent\":\"gw1\",\"segment\":%u}\n"
#define LINE       "{\"v\":1,\"type\":\"decision\",\"n\":%u}\n"
#define TIMEOUT_US 200000
#define WAIT_US    10000000
#define LINES_MAX  4096

struct fake {
    struct outlet base;
    _Atomic bool refuses, breaks, has_no_room;
    _Atomic uint64_t put, settled; /* of this connection; settles no more than `settled` */
    _Atomic unsigned opened, refused, turns, line_count;
    unsigned lines[LINES_MAX]; /* by their n; 0: a header */
};

static struct fixture fixture;
static struct fake fake;
static struct journal *journal;
static struct sink *sink;
static int saved_log;

static enum err fake_open(struct outlet *outlet, int64_t timeout_us, int wake_fd, struct diag *diag)
{
    (void)timeout_us;
    (void)wake_fd;
    if (fake.refuses) {
        fake.refused++;
        diag_set(diag, "refused");
        return ERR_IO;
    }
    outlet->fd = eventfd(0, EFD_CLOEXEC);
    fake.put = 0;
    fake.opened++;
    return ERR_OK;
}

static void fake_close(struct outlet *outlet)
{
    close(outlet->fd);
    outlet->fd = -1;
}

static bool fake_has_room(const struct outlet *outlet)
{
    (void)outlet;
    return !fake.has_no_room;
}

static void fake_put(struct outlet *outlet, const struct audit_read_line *line)
{
    uint64_t n = 0;

    (void)outlet;
    audit_read_number(line->text, "n", &n);
    ck_assert_uint_lt(fake.line_count, LINES_MAX);
    fake.lines[fake.line_count] = (unsigned)n;
    fake.line_count++;
    fake.put++;
}

static enum err fake_move(struct outlet *outlet, struct diag *diag)
{
    (void)outlet;
    if (fake.breaks) {
        fake.breaks = false;
        diag_set(diag, "broken");
        return ERR_IO;
    }
    return ERR_OK;
}

static uint64_t fake_put_count(const struct outlet *outlet)
{
    (void)outlet;
    return fake.put;
}

/* The last that is asked in a turn. */
static uint64_t fake_settled_count(const struct outlet *outlet)
{
    (void)outlet;
    fake.turns++;
    return fake.put < fake.settled ? fake.put : fake.settled;
}

static bool fake_is_blocked(const struct outlet *outlet)
{
    (void)outlet;
    return false;
}

static void fake_free(struct outlet *outlet)
{
    (void)outlet;
}

static const struct outlet_type fake_type = {
    .open = fake_open,
    .close = fake_close,
    .has_room = fake_has_room,
    .put = fake_put,
    .move = fake_move,
    .put_count = fake_put_count,
    .settled_count = fake_settled_count,
    .is_blocked = fake_is_blocked,
    .free = fake_free,
};

static void open_sink(void)
{
    const struct sink_settings settings = {.name = "one",
                                           .audit_file = fixture.file,
                                           .timeout_us = TIMEOUT_US,
                                           .hold_count = 2,
                                           .journal = &journal};
    struct diag diag = {0};

    ck_assert_msg(sink_new(&settings, &fake.base, &sink, &diag) == ERR_OK, "%s", diag.text);
}

static void close_sink(int64_t patience_us)
{
    int64_t give_up_us = clock_read().mono_us + patience_us;

    sink_stop(sink, give_up_us);
    sink_free(sink, give_up_us);
    sink = NULL;
}

static void setup(void)
{
    struct diag diag = {0};

    fixture_init(&fixture);
    saved_log = silence_log();
    memset(&fake, 0, sizeof(fake));
    fake.base = (struct outlet){.type = &fake_type, .fd = -1};
    fake.settled = UINT64_MAX;
    ck_assert_int_eq(journal_create(fixture.spool_dir, "gw1", "0123456789abcdef0123456789abcdef",
                                    &journal, &diag),
                     ERR_OK);
    open_sink();
}

static void teardown(void)
{
    if (sink) {
        close_sink(0);
    }
    journal_close(journal);
    restore_log(saved_log);
    fixture_fini(&fixture);
}

static void add(bool is_header, unsigned number)
{
    FILE *file = fopen(fixture.file, "a");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(fprintf(file, is_header ? HEADER : LINE, number), 0);
    fclose(file);
}

static void add_segment(unsigned number, unsigned first, unsigned last)
{
    add(true, number);
    for (unsigned n = first; n <= last; n++) {
        add(false, n);
    }
}

static void close_segment(unsigned number)
{
    ck_assert_int_eq(audit_segment_close(fixture.file, number), ERR_OK);
}

#define WAIT_FOR(condition)                                                                        \
    for (int64_t left_us = WAIT_US; !(condition); left_us -= 1000) {                               \
        ck_assert_msg(left_us > 0, "waited in vain for " #condition);                              \
        usleep(1000);                                                                              \
    }

static void wait_for_lines(unsigned count)
{
    WAIT_FOR(fake.line_count >= count);
    ck_assert_uint_eq(fake.line_count, count);
}

/* What it has put is settled, as far as the other side lets it. */
static void wait_for_a_turn(void)
{
    unsigned before = fake.turns;

    WAIT_FOR(fake.turns >= before + 2);
}

/* The journal was told so much. */
static void wait_for_told(uint64_t count)
{
    struct spool_counters counters;

    do {
        usleep(1000);
        spool_counters(journal_spool(journal), &counters);
    } while (counters.recorded < count);
}

static void expect_lines(unsigned at, const unsigned *wanted, unsigned count)
{
    ck_assert_uint_eq(fake.line_count, at + count);
    for (unsigned i = 0; i < count; i++) {
        ck_assert_uint_eq(fake.lines[at + i], wanted[i]);
    }
}

/* What the journal was told: its records, as a writer that finds its spool prints them. */
static unsigned count_told(const char *what)
{
    struct audit_writer *writer = open_writer(&fixture);
    size_t length;
    unsigned count = 0;

    audit_writer_close(writer, WAIT_US);
    char *text = read_text(fixture.file, &length);
    for (const char *at = text; (at = strstr(at, what)); at++) {
        count++;
    }
    free(text);
    return count;
}

START_TEST(goes_on_where_it_was)
{
    const unsigned all[] = {0, 1, 2, 3, 4, 5, 0, 6};

    add_segment(1, 1, 3);
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(4);
    close_sink(WAIT_US);
    add(false, 4);
    open_sink();
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(5);
    add(false, 5);
    close_segment(1);
    add_segment(2, 6, 6);
    close_sink(WAIT_US); /* sends what there is */
    expect_lines(0, all, COUNT(all));
}
END_TEST

START_TEST(sends_again_what_was_not_settled)
{
    const unsigned again[] = {2, 3, 4};

    add_segment(1, 1, 1);
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(2);
    wait_for_a_turn(); /* the next mark is another one */
    fake.settled = 2;
    add(false, 2);
    wait_for_lines(3);
    add(false, 3);
    add(false, 4);
    wait_for_lines(5);
    fake.breaks = true;
    WAIT_FOR(fake.opened >= 2);
    wait_for_lines(8);
    expect_lines(5, again, COUNT(again));
}
END_TEST

START_TEST(tells_once_that_it_fails_and_that_it_is_over)
{
    add_segment(1, 1, 3);
    fake.refuses = true;
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    WAIT_FOR(fake.refused >= 4);
    fake.refuses = false;
    wait_for_lines(4);
    wait_for_told(2);
    close_sink(WAIT_US);
    ck_assert_uint_eq(count_told("\"fault\":\"one: refused\""), 1);
    ck_assert_uint_eq(count_told("\"event\":\"failing\""), 1);
    ck_assert_uint_eq(count_told("\"event\":\"recovered\""), 1);
}
END_TEST

START_TEST(opens_an_idle_connection_anew_without_a_word)
{
    add_segment(1, 1, 3);
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(4);
    usleep(1100000);
    fake.breaks = true;
    WAIT_FOR(fake.opened >= 2);
    add(false, 4);
    wait_for_lines(5);
    close_sink(WAIT_US);
    ck_assert_uint_eq(count_told("\"type\":\"sink\""), 0);
}
END_TEST

/* It stays connected: a new connection would have room for what may never be read. */
START_TEST(tells_of_an_other_side_that_takes_nothing)
{
    add_segment(1, 1, 3);
    fake.settled = 0;
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(4);
    wait_for_told(1);
    usleep(3 * TIMEOUT_US); /* it is not told again, and the connection stays */
    ck_assert_uint_eq(fake.opened, 1);
    fake.settled = UINT64_MAX;
    wait_for_told(2);
    close_sink(WAIT_US);
    ck_assert_uint_eq(count_told("\"fault\":\"one: the other side takes nothing\""), 1);
    ck_assert_uint_eq(count_told("\"event\":\"recovered\""), 1);
}
END_TEST

static bool held(void *context, uint64_t number, size_t newer_count)
{
    (void)context;
    return sink_holds(sink, number, newer_count);
}

static bool has_segment(unsigned number)
{
    char path[160];

    ck_assert(audit_segment_name(fixture.file, number, path, sizeof(path)));
    return access(path, F_OK) == 0;
}

START_TEST(old_segments_wait_for_it_up_to_a_bound)
{
    struct audit_retention retention = {.keep_count = 1, .is_held_cb = held};
    const unsigned rest[] = {0, 4, 0, 5, 0, 6, 0, 7};
    uint64_t last = 0;

    add_segment(1, 1, 1);
    ck_assert_int_eq(sink_start(sink), ERR_OK);
    wait_for_lines(2);
    fake.has_no_room = true;
    wait_for_a_turn();
    for (unsigned number = 1; number <= 6; number++) {
        close_segment(number);
        add_segment(number + 1, number + 1, number + 1);
    }
    /* 1 to 6 are closed: 6 is kept anyway, 5 and 4 for the sink. */
    ck_assert_uint_eq(audit_segment_remove_old(fixture.file, &retention, 0, &last), 3);
    ck_assert_uint_eq(last, 3);
    ck_assert(has_segment(4) && has_segment(5) && has_segment(6) && !has_segment(3));
    fake.has_no_room = false;
    wait_for_lines(10);
    expect_lines(2, rest, COUNT(rest));
    wait_for_a_turn();
    ck_assert_uint_eq(audit_segment_remove_old(fixture.file, &retention, 0, &last), 2);
    ck_assert(!has_segment(5) && has_segment(6));
    close_sink(WAIT_US);
    ck_assert_uint_eq(count_told("\"fault\":\"one: segments 2 to 3\""), 1);
}
END_TEST

START_TEST(a_position_that_is_none_is_told_and_one_that_can_not_be_read_refused)
{
    const struct sink_settings settings = {
        .name = "two", .audit_file = fixture.file, .journal = &journal};
    char path[160];
    struct sink *other;
    struct diag diag = {0};

    snprintf(path, sizeof(path), "%s/two.audit.jsonl.position", fixture.root);
    write_text(path, "x\n", 2);
    ck_assert_int_eq(sink_new(&settings, &fake.base, &other, &diag), ERR_OK);
    sink_free(other, 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink(fixture.root, path), 0);
    ck_assert_int_eq(sink_new(&settings, &fake.base, &other, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, path));
}
END_TEST

Suite *sink_suite(void)
{
    Suite *suite = suite_create("audit/sink");
    TCase *tcase = tcase_create("sink");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, goes_on_where_it_was);
    tcase_add_test(tcase, sends_again_what_was_not_settled);
    tcase_add_test(tcase, tells_once_that_it_fails_and_that_it_is_over);
    tcase_add_test(tcase, opens_an_idle_connection_anew_without_a_word);
    tcase_add_test(tcase, tells_of_an_other_side_that_takes_nothing);
    tcase_add_test(tcase, old_segments_wait_for_it_up_to_a_bound);
    tcase_add_test(tcase, a_position_that_is_none_is_told_and_one_that_can_not_be_read_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
