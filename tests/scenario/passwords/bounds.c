/* Who waits for a hash: for how long, in how many places, and what is told to who hashes. */
#include <stdio.h>

#include "agent/serve/parked.h"
#include "tests/scenario/passwords/desk.h"
#include "tests/scenario/passwords/suites.h"

START_TEST(above_the_queue_the_answer_is_overload_at_once_whoever_asks)
{
    uint64_t others[3];

    box.work_capacity = 0;
    others[0] = ask_through("alice:secret");
    others[1] = ask_through("bob:x");
    others[2] = ask_through("carol:x");
    for (int i = 0; i < 3; i++) {
        box_expect(&box, 0, others[i], "deny", 503, "overload");
        ck_assert(str_equal(answer(others[0]), answer(others[i])));
    }
    ck_assert_uint_eq(box.engine.parked_count, 0);
    box.work_capacity = 4;
    expect_allowed(ask_through("alice:secret"));
}
END_TEST

START_TEST(who_waits_too_long_is_refused_and_what_comes_late_is_remembered)
{
    uint64_t id = ask_and_fetch("alice:secret");

    box_advance(&box, 799999);
    ck_assert_uint_eq(acks(id), 0);
    box_advance(&box, 1);
    box_expect(&box, 0, id, "deny", 503, "deadline");
    box_hash(&box, true);
    box_expect(&box, 0, id, "deny", 503, "deadline");
    expect_allowed(ask_through("alice:secret"));
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

/* A record that comes late does not cost the time that the hash has. */
START_TEST(a_request_that_waited_for_its_record_has_the_longer_deadline)
{
    uint64_t id = ask("alice:secret");

    box_advance(&box, 100000);
    box_step(&box);
    ck_assert_uint_eq(box.work_count, 1);
    ck_assert_int_eq(box.places[0].late_us, box.engine.now.mono_us + 800000);
    box_advance(&box, 100000);
    ck_assert_uint_eq(acks(id), 0);
    run_on(id);
    expect_allowed(id);
}
END_TEST

START_TEST(what_is_handed_back_undone_is_tried_again_while_somebody_waits)
{
    uint64_t id = ask_and_fetch("alice:secret");

    box_hash(&box, false);
    ck_assert_uint_eq(acks(id), 0);
    ck_assert_uint_eq(box.work_count, 1);
    box.work_capacity = 0;
    box_hash(&box, false);
    box_expect(&box, 0, id, "deny", 503, "overload");
}
END_TEST

START_TEST(a_peer_that_leaves_takes_its_requests_along)
{
    uint64_t id = ask_and_fetch("alice:secret");

    peer_fini(&box.peers[0]);
    box_hash(&box, true);
    ck_assert_uint_eq(acks(id), 0);
    ck_assert_uint_eq(box.engine.parked_count, 0);
    ck_assert_uint_eq(box.engine.slow_count, 0);
}
END_TEST

/* Of the eight places of a connection. */
START_TEST(passwords_that_wait_leave_half_of_the_places)
{
    struct spop_question keyed = box_question(&box);
    uint64_t waiting[4];

    for (int i = 0; i < 4; i++) {
        waiting[i] = ask_and_fetch("alice:secret");
    }
    uint64_t refused = ask("alice:secret");
    box_expect(&box, 0, refused, "deny", 503, "overload");
    uint64_t id = box_ask_through(&box, 0, &keyed);
    expect_allowed(id);
    for (int i = 0; i < 4; i++) {
        run_on(waiting[i]);
        expect_allowed(waiting[i]);
    }
}
END_TEST

/* They were let in to wait for the record; for the hash there are fewer places. */
START_TEST(who_finds_no_place_after_its_record_came_is_refused)
{
    uint64_t ids[8];
    unsigned refused = 0;

    for (int i = 0; i < 8; i++) {
        ids[i] = ask("alice:secret");
    }
    box_step(&box);
    for (int i = 0; i < 8; i++) {
        refused += acks(ids[i]);
    }
    ck_assert_uint_eq(refused, 4);
    for (int i = 0; i < 4; i++) {
        run_on(ids[i]);
        expect_allowed(ids[i]);
    }
    box_expect(&box, 0, ids[7], "deny", 503, "overload");
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(source_and_user_are_told_to_who_hashes)
{
    static const char *const sources[] = {"2001:db8::1", "2001:db8::2", "192.0.2.7"};

    for (int i = 0; i < 3; i++) {
        struct spop_question question = box_question(&box);
        char pair[32];
        question.apikey = NULL;
        question.source = sources[i];
        snprintf(pair, sizeof(pair), "alice:guess %d", i);
        question.authorization = box_basic(str_from_c(pair));
        box_ask(&box, 0, &question);
        box_step(&box);
    }
    ck_assert_uint_eq(box.work_count, 3);
    ck_assert_uint_eq(box.places[0].source, box.places[1].source);
    ck_assert_uint_ne(box.places[0].source, box.places[2].source);
    ck_assert_uint_eq(box.places[0].user, box.places[2].user);
}
END_TEST

Suite *bounds_suite(void)
{
    Suite *suite = suite_create("bounds");
    TCase *cases = tcase_create("bounds");

    tcase_add_checked_fixture(cases, passwords_setup, passwords_teardown);
    tcase_add_test(cases, above_the_queue_the_answer_is_overload_at_once_whoever_asks);
    tcase_add_test(cases, who_waits_too_long_is_refused_and_what_comes_late_is_remembered);
    tcase_add_test(cases, a_request_that_waited_for_its_record_has_the_longer_deadline);
    tcase_add_test(cases, what_is_handed_back_undone_is_tried_again_while_somebody_waits);
    tcase_add_test(cases, a_peer_that_leaves_takes_its_requests_along);
    tcase_add_test(cases, passwords_that_wait_leave_half_of_the_places);
    tcase_add_test(cases, who_finds_no_place_after_its_record_came_is_refused);
    tcase_add_test(cases, source_and_user_are_told_to_who_hashes);
    suite_add_tcase(suite, cases);
    return suite;
}
