/* audit_mode = durable: an allow waits until its record is settled, a denial does not. */
#include <stdlib.h>

#include "agent/audit/entry.h"
#include "agent/audit/spool_inside.h"
#include "agent/base/phc.h"
#include "agent/serve/parked.h"
#include "agent/serve/peer.h"
#include "tests/scenario/box.h"

static struct box box;

static void open_box(const char *mode)
{
    char conf[512];

    snprintf(conf, sizeof(conf),
             "gate \"*\" { accept = {apikey, basic} mode = \"%s\" }\naudit_mode = durable\n"
             "deadline = \"150ms\"\ndeadline_slow = \"800ms\"\nstore_timeout = \"100ms\"\nmax_age "
             "= \"10s\"\n"
             "max_in_flight = 8\nmax_in_flight_connection = 5",
             mode);
    box_open(&box, conf);
}

static void settle_all(void)
{
    spool_note_settled(box.spool, spool_sequence(box.spool));
    engine_release(&box.engine, box.engine.now);
    box_collect(&box, 0);
}

static void setup(void)
{
    open_box("enforce");
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask_through(&box, 0, &question);
    settle_all();
    box_expect(&box, 0, id, "allow", 200, "ok");
}

static void teardown(void)
{
    box_close(&box);
}

static unsigned acks(unsigned peer, uint64_t id)
{
    struct spop_frame ack;

    return box_acks(&box, peer, id, &ack);
}

/* The last record: its type, and what it takes back. */
static void last_record(char type[32], int64_t *supersedes)
{
    struct audit_ring *ring = spool_ring(box.spool);
    struct audit_ring_record record = {0}, next;
    struct audit_entry_reader reader;
    struct audit_value value;

    *supersedes = 0;
    while (audit_ring_next(ring, record.end, record.sequence, &next)) {
        record = next;
    }
    audit_entry_read(record.data, record.length, &reader);
    for (int i = 0; i < AUDIT_FIELD_COUNT; i++) {
        bool is_there = audit_entry_next(&reader, (enum audit_field)i, &value);

        if (is_there && i == AUDIT_FIELD_TYPE) {
            snprintf(type, 32, "%.*s", STR_ARG(value.bytes));
        }
        if (is_there && i == AUDIT_FIELD_SUPERSEDES) {
            *supersedes = value.integer;
        }
    }
}

START_TEST(an_allow_waits_until_its_record_is_settled)
{
    struct spop_question question = box_question(&box);
    uint64_t first = box_ask(&box, 0, &question), second = box_ask(&box, 0, &question);
    uint64_t sequence = spool_sequence(box.spool);

    ck_assert(box.engine.has_held);
    ck_assert(engine_holds(&box.engine, sequence - 1));
    ck_assert_uint_eq(acks(0, first), 0);
    spool_note_settled(box.spool, sequence - 1);
    engine_release(&box.engine, box.engine.now);
    box_collect(&box, 0);
    ck_assert_uint_eq(acks(0, second), 0);
    ck_assert(!engine_holds(&box.engine, sequence - 1));
    ck_assert(engine_holds(&box.engine, sequence));
    box_expect(&box, 0, first, "allow", 200, "ok");
    settle_all();
    box_expect(&box, 0, second, "allow", 200, "ok");
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(a_denial_does_not_wait)
{
    struct spop_question question = box_question(&box);

    question.path = "/nowhere";
    box_expect(&box, 0, box_ask(&box, 0, &question), "deny", 403, "no_rule");
}
END_TEST

START_TEST(at_the_deadline_it_is_a_deny_and_the_record_is_superseded)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);
    uint64_t allowed = spool_sequence(box.spool);
    int64_t supersedes;
    char type[32];

    box_advance(&box, 149999);
    ck_assert_uint_eq(acks(0, id), 0);
    box_advance(&box, 1);
    box_expect(&box, 0, id, "deny", 503, "deadline");
    last_record(type, &supersedes);
    ck_assert_str_eq(type, "superseded");
    ck_assert_int_eq(supersedes, (int64_t)allowed);
    settle_all();
    ck_assert_uint_eq(acks(0, id), 1);
}
END_TEST

START_TEST(above_the_bound_it_is_overload_and_never_an_allow)
{
    struct spop_question question = box_question(&box);
    uint64_t ids[6];

    for (int i = 0; i < 6; i++) {
        ids[i] = box_ask(&box, 0, &question);
    }
    box_expect(&box, 0, ids[5], "deny", 503, "overload");
    settle_all();
    for (int i = 0; i < 5; i++) {
        box_expect(&box, 0, ids[i], "allow", 200, "ok");
    }
}
END_TEST

START_TEST(a_peer_that_leaves_takes_its_answers_along)
{
    struct spop_question question = box_question(&box);

    for (int i = 0; i < 3; i++) {
        box_ask(&box, 0, &question);
    }
    uint64_t other = box_ask(&box, 1, &question);
    peer_disconnect(&box.peers[0], SPOE_STATUS_NORMAL);
    ck_assert_uint_eq(box.engine.parked_count, 1);
    settle_all();
    box_collect(&box, 1);
    box_expect(&box, 1, other, "allow", 200, "ok");
}
END_TEST

/* Its arrival was long ago when it is decided: an allow has the patience of what it waited for. */
START_TEST(an_allow_after_slow_work_is_held_until_the_slow_deadline)
{
    const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};
    struct spop_question question = box_question(&box);
    char hash[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, STR("secret"), hash), ERR_OK);
    fake_store_set(box.fake, "reeve:user:{bob}", "state", "active");
    fake_store_set(box.fake, "reeve:user:{bob}", "roles", "reader");
    fake_store_set(box.fake, "reeve:user:{bob}", "password", hash);
    question.apikey = NULL;
    question.authorization = box_basic(STR("bob:secret"));
    uint64_t id = box_ask(&box, 0, &question);
    box_step(&box);
    box_advance(&box, 300000);
    box_hash(&box, true);
    box_step(&box);
    ck_assert_uint_eq(acks(0, id), 0);
    ck_assert_uint_eq(box.engine.queues[PARKED_SLOW].count, 1);
    box_advance(&box, 400000);
    settle_all();
    box_expect(&box, 0, id, "allow", 200, "ok");
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(an_observing_gate_lets_go_at_the_deadline)
{
    box_close(&box);
    open_box("observe");
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask_through(&box, 0, &question);

    ck_assert_uint_eq(acks(0, id), 0);
    box_advance(&box, 150000);
    box_expect(&box, 0, id, "allow", 200, "deadline");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:deadline");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("durable");
    TCase *tcase = tcase_create("durable");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_allow_waits_until_its_record_is_settled);
    tcase_add_test(tcase, a_denial_does_not_wait);
    tcase_add_test(tcase, at_the_deadline_it_is_a_deny_and_the_record_is_superseded);
    tcase_add_test(tcase, above_the_bound_it_is_overload_and_never_an_allow);
    tcase_add_test(tcase, a_peer_that_leaves_takes_its_answers_along);
    tcase_add_test(tcase, an_allow_after_slow_work_is_held_until_the_slow_deadline);
    tcase_add_test(tcase, an_observing_gate_lets_go_at_the_deadline);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
