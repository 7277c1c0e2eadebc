/* Requests that wait for the store: order, deadlines, outages, changes on the way, bounds. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/scenario/box.h"

static struct box box;

static void setup(void)
{
    box_open(
        &box,
        "gate \"*\" { accept = {apikey} }\n"
        "deadline = \"150ms\"\nstore_timeout = \"100ms\"\nmax_age = \"1s\" max_stale = \"1s\"\n"
        "max_in_flight = 8\nmax_in_flight_connection = 5");
}

static void teardown(void)
{
    box_close(&box);
}

static void warm_up(void)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask_through(&box, 0, &question);

    box_expect(&box, 0, id, "allow", 200, "ok");
}

static unsigned acks(unsigned peer, uint64_t id)
{
    struct spop_frame ack;

    return box_acks(&box, peer, id, &ack);
}

START_TEST(a_request_waits_for_its_records_and_is_answered_once)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);

    ck_assert_uint_eq(acks(0, id), 0);
    for (int i = 0; i < 3; i++) { /* key, user, role */
        ck_assert_uint_eq(acks(0, id), 0);
        ck_assert_uint_eq(box_step(&box), 1);
    }
    box_expect(&box, 0, id, "allow", 200, "ok");
    ck_assert_uint_gt(box.output_calls, 0);
}
END_TEST

START_TEST(a_known_user_is_answered_without_the_store)
{
    struct spop_question question = box_question(&box);

    warm_up();
    size_t requests = box.fake->request_count;
    uint64_t id = box_ask(&box, 1, &question);
    box_expect(&box, 1, id, "allow", 200, "ok");
    ck_assert_uint_eq(box.fake->request_count, requests);
}
END_TEST

START_TEST(many_that_wait_for_one_record_cost_one_fetch)
{
    struct spop_question question = box_question(&box);
    uint64_t ids[5];

    for (int i = 0; i < 5; i++) {
        ids[i] = box_ask(&box, 0, &question);
    }
    ck_assert_uint_eq(box.fake->request_count, 1);
    for (int i = 0; i < 3; i++) {
        box_step(&box);
    }
    ck_assert_uint_eq(box.fake->request_count, 3);
    for (int i = 0; i < 5; i++) {
        box_expect(&box, 0, ids[i], "allow", 200, "ok");
    }
}
END_TEST

START_TEST(a_silent_store_ends_in_a_deny_at_the_deadline)
{
    struct spop_question question = box_question(&box);

    fake_store_set_mode(box.fake, FAKE_STORE_HANG);
    uint64_t id = box_ask(&box, 0, &question);
    box_advance(&box, 149999);
    ck_assert_uint_eq(acks(0, id), 0);
    box_advance(&box, 1);
    box_expect(&box, 0, id, "deny", 503, "deadline");
}
END_TEST

START_TEST(case_88_a_reply_after_the_deadline_changes_nothing)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);

    box_advance(&box, 150000);
    box_expect(&box, 0, id, "deny", 503, "deadline");
    for (int i = 0; i < 4; i++) {
        box_step(&box);
    }
    box_expect(&box, 0, id, "deny", 503, "deadline");
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(a_store_that_is_away_denies_at_once)
{
    struct spop_question question = box_question(&box);

    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    uint64_t id = box_ask(&box, 0, &question);
    box_step(&box);
    box_expect(&box, 0, id, "deny", 503, "store_down");
}
END_TEST

START_TEST(a_store_lost_on_the_way_denies)
{
    for (int steps = 0; steps < 3; steps++) {
        struct spop_question question = box_question(&box);
        box_advance(&box, 5000000);
        uint64_t id = box_ask(&box, 0, &question);
        for (int i = 0; i < steps; i++) {
            box_step(&box);
        }
        fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
        fake_store_drop(box.fake);
        box_advance(&box, 0);
        box_expect(&box, 0, id, "deny", 503, "store_down");
        fake_store_set_mode(box.fake, FAKE_STORE_UP);
    }
}
END_TEST

START_TEST(known_users_are_served_up_to_max_stale_without_the_store_then_denied)
{
    struct spop_question question = box_question(&box);

    warm_up();
    fake_store_set_mode(box.fake, FAKE_STORE_DOWN);
    box_advance(&box, 900000);
    uint64_t id = box_ask(&box, 0, &question);
    box_step(&box);
    box_expect(&box, 0, id, "allow", 200, "ok");
    box_advance(&box, 200000);
    id = box_ask(&box, 0, &question);
    box_step(&box);
    box_expect(&box, 0, id, "deny", 503, "store_down");
    fake_store_set_mode(box.fake, FAKE_STORE_UP);
    box_advance(&box, 1000000);
    id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "ok");
}
END_TEST

START_TEST(a_change_is_seen_within_max_age)
{
    struct spop_question question = box_question(&box);
    char key[64];

    warm_up();
    snprintf(key, sizeof(key), "reeve:key:%s", box.keyid);
    fake_store_set(box.fake, key, "state", "disabled");
    box_advance(&box, 1000001);
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 401, "revoked");
}
END_TEST

START_TEST(a_change_while_parked_counts)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);

    box_step(&box);
    box_step(&box);
    fake_store_set(box.fake, "reeve:role:reader", "rule:10", "allow GET * /v2");
    box_step(&box);
    box_expect(&box, 0, id, "deny", 403, "no_rule");
}
END_TEST

START_TEST(case_84_replies_out_of_order_reach_the_right_requests)
{
    struct spop_question question = box_question(&box);
    char other[APIKEY_LENGTH + 1] = {0};

    ck_assert_int_eq(apikey_make(other), ERR_OK);
    uint64_t good = box_ask(&box, 0, &question);
    question.apikey = other;
    uint64_t bad = box_ask(&box, 0, &question);
    ck_assert(fake_store_step_last(box.fake));
    box_advance(&box, 0);
    box_expect(&box, 0, bad, "deny", 401, "bad_credential");
    ck_assert_uint_eq(acks(0, good), 0);
    for (int i = 0; i < 3; i++) {
        box_step(&box);
    }
    box_expect(&box, 0, good, "allow", 200, "ok");
}
END_TEST

START_TEST(a_peer_that_leaves_takes_its_requests_along)
{
    struct spop_question question = box_question(&box);

    uint64_t left = box_ask(&box, 0, &question);
    uint64_t stays = box_ask(&box, 1, &question);
    peer_fini(&box.peers[0]);
    for (int i = 0; i < 3; i++) {
        box_step(&box);
    }
    box_expect(&box, 1, stays, "allow", 200, "ok");
    ck_assert_uint_eq(acks(0, left), 0);
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

START_TEST(case_85_above_the_bound_of_a_connection_the_answer_is_overload)
{
    struct spop_question question = box_question(&box);
    uint64_t ids[6];

    for (int i = 0; i < 6; i++) {
        ids[i] = box_ask(&box, 0, &question);
    }
    box_expect(&box, 0, ids[5], "deny", 503, "overload");
    for (int i = 0; i < 3; i++) {
        box_step(&box);
    }
    for (int i = 0; i < 5; i++) {
        box_expect(&box, 0, ids[i], "allow", 200, "ok");
    }
}
END_TEST

START_TEST(above_the_bound_of_a_worker_the_answer_is_overload)
{
    struct spop_question question = box_question(&box);
    uint64_t id = 0;

    for (int i = 0; i < 9; i++) {
        id = box_ask(&box, i < 4 ? 0 : 1, &question);
    }
    box_expect(&box, 1, id, "deny", 503, "overload");
    ck_assert_uint_eq(box.engine.parked_count, 8);
}
END_TEST

START_TEST(what_is_local_is_answered_above_the_bounds_too)
{
    struct spop_question question = box_question(&box);
    struct spop_question unknown = box_question(&box);
    char other[5][APIKEY_LENGTH + 1];

    warm_up();
    fake_store_set_mode(box.fake, FAKE_STORE_HANG);
    memset(other, 0, sizeof(other));
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(apikey_make(other[i]), ERR_OK);
        unknown.apikey = other[i];
        box_ask(&box, 0, &unknown);
    }
    uint64_t id = box_ask(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "ok");
}
END_TEST

/* Who has one address of an IPv6 network has all of it. */
START_TEST(unknown_keys_from_one_network_share_a_bound)
{
    static const char *const sources[] = {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2",
                                          "2001:db8:0:1::3", "2001:db8:0:2::1"};
    uint64_t ids[4];

    box_close(&box);
    box_open(&box, "gate \"*\" { accept = {apikey} }\ndirectory_max_source_misses = 2");
    for (int i = 0; i < 4; i++) {
        char other[APIKEY_LENGTH + 1] = {0};
        struct spop_question question = box_question(&box);

        ck_assert_int_eq(apikey_make(other), ERR_OK);
        question.apikey = other;
        question.source = sources[i];
        ids[i] = box_ask(&box, 0, &question);
    }
    box_expect(&box, 0, ids[2], "deny", 503, "overload");
    box_step(&box);
    box_expect(&box, 0, ids[0], "deny", 401, "bad_credential");
    box_expect(&box, 0, ids[1], "deny", 401, "bad_credential");
    box_expect(&box, 0, ids[3], "deny", 401, "bad_credential");
}
END_TEST

START_TEST(a_long_request_can_wait_too)
{
    struct spop_question question = box_question(&box);
    static char path[6001];

    memset(path, 'a', sizeof(path) - 1);
    memcpy(path, "/v1/orders/", 11);
    question.path = path;
    uint64_t id = box_ask_through(&box, 0, &question);
    ck_assert_uint_eq(acks(0, id), 1);
    struct spop_frame ack;
    struct spop_value value;
    box_acks(&box, 0, id, &ack);
    ck_assert(spop_get_var(&ack, "path", &value));
    ck_assert_uint_eq(value.bytes.length, 6000);
    ck_assert(spop_get_var(&ack, "verdict", &value) && spop_is_text(value.bytes, "allow"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *tcase = tcase_create("waiting");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_request_waits_for_its_records_and_is_answered_once);
    tcase_add_test(tcase, a_known_user_is_answered_without_the_store);
    tcase_add_test(tcase, many_that_wait_for_one_record_cost_one_fetch);
    tcase_add_test(tcase, a_silent_store_ends_in_a_deny_at_the_deadline);
    tcase_add_test(tcase, case_88_a_reply_after_the_deadline_changes_nothing);
    tcase_add_test(tcase, a_store_that_is_away_denies_at_once);
    tcase_add_test(tcase, a_store_lost_on_the_way_denies);
    tcase_add_test(tcase, known_users_are_served_up_to_max_stale_without_the_store_then_denied);
    tcase_add_test(tcase, a_change_is_seen_within_max_age);
    tcase_add_test(tcase, a_change_while_parked_counts);
    tcase_add_test(tcase, case_84_replies_out_of_order_reach_the_right_requests);
    tcase_add_test(tcase, a_peer_that_leaves_takes_its_requests_along);
    tcase_add_test(tcase, case_85_above_the_bound_of_a_connection_the_answer_is_overload);
    tcase_add_test(tcase, above_the_bound_of_a_worker_the_answer_is_overload);
    tcase_add_test(tcase, what_is_local_is_answered_above_the_bounds_too);
    tcase_add_test(tcase, unknown_keys_from_one_network_share_a_bound);
    tcase_add_test(tcase, a_long_request_can_wait_too);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
