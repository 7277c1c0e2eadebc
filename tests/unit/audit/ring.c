#include "agent/audit/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/audit/fixture.h"
#include "tests/unit/audit/suites.h"

static struct fixture fixture;
static char path[128];
static struct audit_ring ring;

static void create(size_t data_bytes)
{
    struct audit_ring_birth birth = {.boot = "ab", .agent = "gw1"};
    struct diag diag = {0};

    ck_assert_msg(audit_ring_create(path, &birth, data_bytes, &ring, &diag) == ERR_OK, "%s",
                  diag.text);
}

static void setup(void)
{
    fixture_init(&fixture);
    snprintf(path, sizeof(path), "%s/ring", fixture.root);
}

static void teardown(void)
{
    audit_ring_close(&ring);
    fixture_fini(&fixture);
}

static bool append(size_t length, uint8_t fill)
{
    size_t room;
    uint8_t *out = audit_ring_reserve(&ring, 0, &room);

    if (room < length) {
        return false;
    }
    memset(out, fill, length);
    audit_ring_commit(&ring, length);
    return true;
}

/* What follows the last settled record, which must have this sequence and content. */
static void take(uint64_t sequence, size_t length, uint8_t fill)
{
    struct audit_ring_record record;

    ck_assert(audit_ring_next(&ring, ring.ledger.tail, ring.ledger.delivered, &record));
    ck_assert_uint_eq(record.sequence, sequence);
    ck_assert_uint_eq(record.length, length);
    for (size_t i = 0; i < length; i++) {
        if (record.data[i] != fill) {
            ck_abort_msg("byte %zu of %zu is %u", i, length, record.data[i]);
        }
    }
    audit_ring_settle(&ring, record.end, record.sequence);
}

static void reopen(void)
{
    struct diag diag = {0};

    audit_ring_close(&ring);
    ck_assert_msg(audit_ring_open(path, &ring, &diag) == ERR_OK, "%s", diag.text);
}

START_TEST(refuses_a_size_out_of_range)
{
    struct audit_ring_birth birth = {.boot = "ab"};

    ck_assert_int_eq(audit_ring_create(path, &birth, RING_BYTES - 1, &ring, NULL), ERR_RANGE);
    ck_assert_int_eq(audit_ring_create(path, &birth, (size_t)AUDIT_RING_BYTES_MAX + 1, &ring, NULL),
                     ERR_RANGE);
    ck_assert_uint_eq(count_files(fixture.root, "ring"), 0);
}
END_TEST

START_TEST(refuses_a_boot_that_is_not_hex)
{
    struct audit_ring_birth birth = {.boot = "a\"b"};

    ck_assert_int_eq(audit_ring_create(path, &birth, RING_BYTES, &ring, NULL), ERR_RANGE);
}
END_TEST

START_TEST(leaves_nothing_where_it_can_not_be_made)
{
    struct audit_ring_birth birth = {.boot = "ab"};
    struct diag diag = {0};

    snprintf(path, sizeof(path), "%s/missing/ring", fixture.root);
    ck_assert_int_eq(audit_ring_create(path, &birth, RING_BYTES, &ring, &diag), ERR_IO);
    ck_assert_ptr_nonnull(strstr(diag.text, "No such file"));
}
END_TEST

START_TEST(rounds_up_to_whole_pages)
{
    create(RING_BYTES + 1);
    ck_assert_uint_gt(ring.data_bytes, RING_BYTES);
    ck_assert_uint_eq(ring.data_bytes % (size_t)sysconf(_SC_PAGESIZE), 0);
}
END_TEST

START_TEST(hands_records_over_in_order_around_the_end)
{
    create(RING_BYTES);
    /* Lengths that meet the ring's end at many offsets, several laps. */
    uint64_t sequence = 0;
    for (size_t round = 0; round < 400; round++) {
        for (size_t i = 0; i < 3; i++) {
            ck_assert(append(1 + (round * 131 + i * 977) % 3000, (uint8_t)(round + i)));
        }
        for (size_t i = 0; i < 3; i++) {
            take(++sequence, 1 + (round * 131 + i * 977) % 3000, (uint8_t)(round + i));
        }
    }
    ck_assert(audit_ring_is_empty(&ring));
}
END_TEST

START_TEST(is_full_to_the_last_byte_and_no_further)
{
    size_t taken = 0;

    create(RING_BYTES);
    while (append(1000, 1)) {
        taken += 1024; /* 16 of head, padded to 16 */
    }
    ck_assert_uint_eq(taken, ring.data_bytes);
    ck_assert(!append(1, 1));
    take(1, 1000, 1);
    ck_assert(append(1000 - 16 - 16, 2)); /* and 32 bytes are left: the smallest record */
    ck_assert(!append(17, 3));
    ck_assert(append(16, 3));
    ck_assert(!append(1, 4));
}
END_TEST

/* Either would let a record be overwritten, or read for ever. */
START_TEST(a_record_beyond_its_room_is_a_bug)
{
    size_t room;

    create(RING_BYTES);
    while (append(1000, 1)) {
    }
    silence_log();
    audit_ring_reserve(&ring, 0, &room);
    audit_ring_commit(&ring, _i == 0 ? room + 1 : 0);
}
END_TEST

START_TEST(keeps_room_when_asked)
{
    size_t room;

    create(RING_BYTES);
    while (append(1000, 1)) {
    }
    take(1, 1000, 1);
    audit_ring_reserve(&ring, 1024, &room);
    ck_assert_uint_eq(room, 0);
    audit_ring_reserve(&ring, 512, &room);
    ck_assert_uint_ge(room, 496);
}
END_TEST

START_TEST(finds_its_records_again)
{
    create(RING_BYTES);
    for (uint8_t i = 1; i <= 30; i++) {
        ck_assert(append(i * 10u, i));
    }
    for (uint8_t i = 1; i <= 10; i++) {
        take(i, i * 10u, i);
    }
    reopen();
    ck_assert(!ring.is_damaged);
    ck_assert_uint_eq(ring.next_sequence, 31);
    ck_assert(append(5, 99));
    for (uint8_t i = 11; i <= 30; i++) {
        take(i, i * 10u, i);
    }
    take(31, 5, 99);
    ck_assert(audit_ring_is_empty(&ring));
}
END_TEST

/* Nor what stands beside it, or that only. */
START_TEST(finds_a_record_whose_head_had_not_moved)
{
    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t head = ring.head;
    ck_assert(append(200, 2));
    ring.control->head = head;
    if (_i == 0) {
        ring.control->next_sequence = 2;
    }
    reopen();
    ck_assert(!ring.is_damaged);
    take(1, 100, 1);
    take(2, 200, 2);
    ck_assert_uint_eq(ring.next_sequence, 3);
}
END_TEST

START_TEST(drops_a_record_that_was_not_finished)
{
    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t head = ring.head;
    ck_assert(append(200, 2));
    ring.control->head = head;
    ring.control->next_sequence = 2;
    ring.data[head + 16 + 199] ^= 1;
    reopen();
    ck_assert(!ring.is_damaged);
    take(1, 100, 1);
    ck_assert(audit_ring_is_empty(&ring));
    ck_assert_uint_eq(ring.next_sequence, 2);
}
END_TEST

/* Whether or not the head tells of it. */
START_TEST(leaves_a_gap_for_a_damaged_record_at_the_end)
{
    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t second = ring.head;
    ck_assert(append(200, 2));
    ring.control->head = _i == 0 ? second : ring.head;
    ring.data[second + 16 + 199] ^= 1;
    reopen();
    ck_assert(ring.is_damaged);
    ck_assert(append(300, 3));
    take(1, 100, 1);
    take(3, 300, 3);
    reopen();
    ck_assert_uint_eq(ring.next_sequence, 4);
}
END_TEST

START_TEST(does_not_take_an_earlier_laps_record)
{
    create(RING_BYTES);
    /* Every lap ends at the same offsets, so old records lie exactly where new ones would. */
    for (uint64_t i = 1; i <= 64 * 3; i++) {
        ck_assert(append(1008, (uint8_t)i));
        take(i, 1008, (uint8_t)i);
    }
    reopen();
    ck_assert(!ring.is_damaged);
    ck_assert(audit_ring_is_empty(&ring));
    ck_assert_uint_eq(ring.next_sequence, 64 * 3 + 1);
}
END_TEST

START_TEST(steps_over_a_damaged_record)
{
    struct audit_ring_record record;

    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t second = ring.head;
    ck_assert(append(100, 2));
    ck_assert(append(100, 3));
    ring.data[second] ^= 0xff;
    reopen();
    ck_assert(ring.is_damaged);
    take(1, 100, 1);
    ck_assert(audit_ring_next(&ring, ring.ledger.tail, 1, &record));
    ck_assert_uint_eq(record.sequence, 3);
    ck_assert_uint_eq(record.data[0], 3);
}
END_TEST

/* A batch that fails and is written again in parts, of which the first fails too. */
START_TEST(doubts_what_it_doubted_before)
{
    struct audit_place place = {.device = 5, .inode = 6, .offset = 7};

    create(RING_BYTES);
    for (uint8_t i = 1; i <= 3; i++) {
        ck_assert(append(100, i));
    }
    audit_ring_mark(&ring, &place, 3);
    audit_ring_doubt_batch(&ring);
    audit_ring_mark(&ring, &place, 2);
    audit_ring_doubt_batch(&ring);
    ck_assert_uint_eq(ring.ledger.doubtful_end, 3);
    reopen();
    ck_assert_uint_eq(ring.ledger.doubtful_end, 3);
}
END_TEST

START_TEST(remembers_where_the_batch_began)
{
    struct audit_place place = {.device = 5, .inode = 6, .offset = 7};

    create(RING_BYTES);
    ck_assert(append(100, 1));
    ck_assert(append(100, 2));
    audit_ring_mark(&ring, &place, 2);
    take(1, 100, 1);
    /* Either copy is enough. */
    ring.control->ledger[_i].tail ^= 16;
    reopen();
    ck_assert_uint_eq(ring.ledger.delivered, 1);
    ck_assert_uint_eq(ring.ledger.batch_end, 2);
    ck_assert_uint_eq(ring.ledger.place.offset, 7);
    take(2, 100, 2);
}
END_TEST

START_TEST(takes_the_newer_ledger_when_the_second_was_not_written)
{
    create(RING_BYTES);
    ck_assert(append(100, 1));
    ck_assert(append(100, 2));
    struct audit_ring_ledger before = ring.ledger;
    take(1, 100, 1);
    ring.control->ledger[1] = before;
    reopen();
    ck_assert_uint_eq(ring.ledger.delivered, 1);
    take(2, 100, 2);
}
END_TEST

/* A hole would be a SIGBUS where it is written to while the disk is full. */
START_TEST(fills_holes_before_it_is_used)
{
    struct stat st;

    create(RING_BYTES);
    ck_assert(append(100, 1));
    audit_ring_close(&ring);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536 + 4096, 32768),
                     0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_lt(st.st_blocks * 512, st.st_size);
    reopen();
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_ge(st.st_blocks * 512, st.st_size);
    close(fd);
    take(1, 100, 1);
}
END_TEST

/* What was handed over may stand in the audit file, though it can not be read here any more. */
START_TEST(gives_no_sequence_of_the_last_batch_again)
{
    struct audit_place place = {.offset = 7};

    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t second = ring.head;
    ck_assert(append(100, 2));
    audit_ring_mark(&ring, &place, 2);
    ring.data[second + 16] ^= 0xff;
    reopen();
    ck_assert(ring.is_damaged);
    ck_assert_uint_eq(ring.next_sequence, 3);
    take(1, 100, 1);
    ck_assert(append(100, 3));
    take(3, 100, 3);
}
END_TEST

/* Then the head tells how many there may have been: 16 of head and 208 of record are 7 at most. */
START_TEST(leaves_a_gap_where_the_next_sequence_is_damaged_too)
{
    static const uint64_t told[] = {0, 1, 2, UINT64_C(1) << 40};

    create(RING_BYTES);
    ck_assert(append(100, 1));
    uint64_t second = ring.head;
    ck_assert(append(200, 2));
    ring.control->next_sequence = told[_i];
    ring.data[second + 16] ^= 1;
    reopen();
    ck_assert(ring.is_damaged);
    ck_assert_uint_eq(ring.next_sequence, 2 + 7);
    ck_assert(append(300, 3));
    take(1, 100, 1);
    take(2 + 7, 300, 3);
}
END_TEST

/* What stands beside the head, and the batch's end: a record that far on could not be read. */
START_TEST(does_not_believe_a_sequence_the_ring_can_not_hold)
{
    struct audit_place place = {.offset = 7};
    uint64_t too_far = 3 + RING_BYTES / 16;

    create(RING_BYTES);
    ck_assert(append(100, 1));
    if (_i == 0) {
        ring.control->next_sequence = too_far;
    } else {
        audit_ring_mark(&ring, &place, too_far);
    }
    reopen();
    ck_assert(ring.is_damaged);
    ck_assert_uint_eq(ring.next_sequence, 2);
    ck_assert(append(200, 2));
    take(1, 100, 1);
    take(2, 200, 2);
    ck_assert(audit_ring_is_empty(&ring));
}
END_TEST

static const uint64_t nonsense[] = {UINT64_MAX, UINT64_C(1) << 40, 0};

/* Somebody else writes into the control page of a ring in use. */
START_TEST(does_not_believe_a_head_that_can_not_be)
{
    struct audit_ring_record record;

    create(RING_BYTES);
    ck_assert(append(100, 1));
    take(1, 100, 1);
    ring.control->head = nonsense[_i];
    ck_assert(!audit_ring_next(&ring, ring.ledger.tail, ring.ledger.delivered, &record));
    ck_assert(append(100, 2));
    take(2, 100, 2);
    ck_assert(audit_ring_is_empty(&ring));
}
END_TEST

START_TEST(does_not_believe_a_tail_that_can_not_be)
{
    create(RING_BYTES);
    for (uint64_t i = 1; i <= 32; i++) {
        ck_assert(append(1000, (uint8_t)i));
        take(i, 1000, (uint8_t)i);
    }
    ring.control->tail = nonsense[_i];
    uint64_t last = 32;
    while (last < 200 && append(1000, (uint8_t)(last + 1))) {
        last++;
    }
    ck_assert_uint_le(last, 32 + 64);
    for (uint64_t i = 33; i <= last; i++) {
        take(i, 1000, (uint8_t)i);
    }
    ck_assert(append(1000, 1));
}
END_TEST

static void assert_no_ring(const char *why)
{
    struct audit_ring opened;
    struct diag diag = {0};

    ck_assert_msg(audit_ring_open(path, &opened, &diag) == ERR_SYNTAX, "%s", why);
}

START_TEST(refuses_what_is_no_ring)
{
    static char zeros[3 * RING_BYTES];

    write_text(path, "", 0);
    assert_no_ring("empty");
    write_text(path, zeros, sizeof(zeros));
    assert_no_ring("zeros");
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_no_ring("a FIFO");
}
END_TEST

START_TEST(refuses_a_file_of_another_length)
{
    create(RING_BYTES);
    ck_assert_int_eq(truncate(path, (off_t)(RING_BYTES * 2 - 1)), 0);
    assert_no_ring("shorter");
    ck_assert_int_eq(truncate(path, (off_t)(RING_BYTES * 3)), 0);
    assert_no_ring("longer");
}
END_TEST

START_TEST(refuses_a_file_without_a_whole_ledger)
{
    create(RING_BYTES);
    ring.control->ledger[0].tail ^= 16;
    ring.control->ledger[1].checksum ^= 1;
    assert_no_ring("both ledgers damaged");
}
END_TEST

Suite *ring_suite(void)
{
    Suite *suite = suite_create("ring");
    TCase *tcase = tcase_create("ring");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, refuses_a_size_out_of_range);
    tcase_add_test(tcase, refuses_a_boot_that_is_not_hex);
    tcase_add_test(tcase, leaves_nothing_where_it_can_not_be_made);
    tcase_add_test(tcase, refuses_what_is_no_ring);
    tcase_add_test(tcase, refuses_a_file_of_another_length);
    tcase_add_test(tcase, refuses_a_file_without_a_whole_ledger);
    tcase_add_test(tcase, drops_a_record_that_was_not_finished);
    tcase_add_loop_test(tcase, leaves_a_gap_for_a_damaged_record_at_the_end, 0, 2);
    tcase_add_loop_test(tcase, leaves_a_gap_where_the_next_sequence_is_damaged_too, 0, 4);
    tcase_add_test(tcase, does_not_take_an_earlier_laps_record);
    tcase_add_test(tcase, steps_over_a_damaged_record);
    tcase_add_test(tcase, is_full_to_the_last_byte_and_no_further);
    tcase_add_loop_test_raise_signal(tcase, a_record_beyond_its_room_is_a_bug, SIGABRT, 0, 2);
    tcase_add_loop_test(tcase, does_not_believe_a_head_that_can_not_be, 0, COUNT(nonsense));
    tcase_add_loop_test(tcase, does_not_believe_a_tail_that_can_not_be, 0, COUNT(nonsense));
    tcase_add_test(tcase, fills_holes_before_it_is_used);
    tcase_add_test(tcase, gives_no_sequence_of_the_last_batch_again);
    tcase_add_loop_test(tcase, does_not_believe_a_sequence_the_ring_can_not_hold, 0, 2);
    tcase_add_test(tcase, keeps_room_when_asked);
    tcase_add_test(tcase, rounds_up_to_whole_pages);
    tcase_add_test(tcase, hands_records_over_in_order_around_the_end);
    tcase_add_test(tcase, finds_its_records_again);
    tcase_add_loop_test(tcase, finds_a_record_whose_head_had_not_moved, 0, 2);
    tcase_add_test(tcase, doubts_what_it_doubted_before);
    tcase_add_loop_test(tcase, remembers_where_the_batch_began, 0, 2);
    tcase_add_test(tcase, takes_the_newer_ledger_when_the_second_was_not_written);
    suite_add_tcase(suite, tcase);
    return suite;
}
