/* Peers of every kind: byte at a time, too fast, too slow, broken, health checks; and the audit's
 * spool when it has no room. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/decide/foresee.h"
#include "tests/scenario/box.h"
#include "tests/support/quiet.h"

#define MANY 3000

static struct box box;

#define CONF                                                                                       \
    "gate \"*\" { accept = {apikey} }\n"                                                           \
    "gate \"watch\" { accept = {apikey} mode = \"observe\" }\n"                                    \
    "max_age = \"60s\"\n"

static void open_with(const char *conf)
{
    box_open(&box, conf);
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask_through(&box, 0, &question);
    box_expect(&box, 0, id, "allow", 200, "ok");
}

static void setup(void)
{
    open_with(CONF);
}

static void setup_small_spool(void)
{
    open_with(CONF "spool_size = \"64KiB\"");
}

static void teardown(void)
{
    box_close(&box);
}

START_TEST(a_frame_may_come_byte_by_byte)
{
    struct spop_question question = box_question(&box);
    uint8_t memory[2048];
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    spop_put_question(&out, 77, 77, &question);
    for (size_t i = 0; i < out.length; i++) {
        struct spop_frame ack;
        ck_assert_uint_eq(box_acks(&box, 0, 77, &ack), 0);
        box_send(&box, 0, out.data + i, 1);
    }
    box_expect(&box, 0, 77, "allow", 200, "ok");
    ck_assert_ptr_null(box.peers[0].in);
}
END_TEST

START_TEST(a_frame_may_be_cut_anywhere)
{
    struct spop_question question = box_question(&box);
    uint8_t memory[2048];

    for (size_t cut = 1;; cut++) {
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        spop_put_question(&out, 1000 + cut, 1000 + cut, &question);
        if (cut >= out.length) {
            break;
        }
        box_send(&box, 0, out.data, cut);
        box_send(&box, 0, out.data + cut, out.length - cut);
        box_expect(&box, 0, 1000 + cut, "allow", 200, "ok");
        box.answers[0].length = 0;
    }
}
END_TEST

START_TEST(an_idle_peer_holds_no_buffers)
{
    box_collect(&box, 0);
    ck_assert_ptr_null(box.peers[0].in);
    ck_assert_ptr_null(box.peers[0].out_first);
    ck_assert_ptr_null(box.peers[0].out_last);
}
END_TEST

/* Nothing is sent on: the output backs up, input waits, and nothing is lost when it drains. */
START_TEST(case_98_a_peer_that_takes_no_replies_is_not_read_and_loses_nothing)
{
    struct spop_question question = box_question(&box);
    uint8_t memory[2048];
    uint64_t asked = 0;

    while (peer_wants_input(&box.peers[0])) {
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        asked++;
        ck_assert_uint_lt(asked, MANY);
        spop_put_question(&out, asked, asked, &question);
        box_send(&box, 0, out.data, out.length);
    }
    uint8_t *room;
    size_t length;
    ck_assert(!peer_room(&box.peers[0], &room, &length));
    for (uint64_t id = 2; id <= asked; id++) {
        box_expect(&box, 0, id, "allow", 200, "ok");
    }
    ck_assert(peer_wants_input(&box.peers[0]));
}
END_TEST

START_TEST(whole_frames_wait_for_the_output_and_go_on)
{
    struct spop_question question = box_question(&box);
    uint8_t *room;
    size_t length;

    /* Fill the output to the brim, then hand in one read that holds many frames. */
    while (box.peers[0].out_first == NULL || buffer_room(box.peers[0].out_last) > 6000) {
        uint8_t memory[2048];
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        spop_put_question(&out, 1, 1, &question);
        box_send(&box, 0, out.data, out.length);
    }
    ck_assert(peer_room(&box.peers[0], &room, &length));
    struct spop_out out = spop_out_over(room, length);
    uint64_t last = 100;
    while (out.capacity - out.length > 1024) {
        spop_put_question(&out, last, last, &question);
        last++;
    }
    peer_received(&box.peers[0], out.length);
    ck_assert(box.peers[0].is_stalled);
    for (uint64_t id = 100; id < last; id++) {
        box_expect(&box, 0, id, "allow", 200, "ok");
    }
}
END_TEST

static void expect_disconnect(unsigned peer, uint64_t status)
{
    struct spop_frame frame;
    struct spop_value value;
    size_t used;

    box_collect(&box, peer);
    ck_assert_int_eq(
        spop_get_frame(box.answers[peer].data, box.answers[peer].length, &frame, &used),
        SPOP_WHOLE);
    ck_assert_uint_eq(frame.type, SPOP_AGENT_DISCONNECT);
    ck_assert(spop_get_pair(frame.payload, "status-code", &value));
    ck_assert_uint_eq(value.number, status);
    ck_assert_int_eq(box.peers[peer].state, PEER_CLOSING);
}

START_TEST(a_notify_that_breaks_the_grammar_ends_the_connection)
{
    uint8_t memory[256];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 5, 1);

    spop_put_message(&out, "reeve-check", 200);
    spop_put_int(&out, "v", 1);
    spop_frame_end(&out, begin);
    box_send(&box, 1, out.data, out.length);
    expect_disconnect(1, 4);
}
END_TEST

#define IN_ONE_READ (2 * FORESEE_MAX + 3)

/* The id of the n-th frame that was answered; its type. */
static uint64_t nth_answer(unsigned peer, size_t n, unsigned *type)
{
    struct spop_frame frame = {0};
    size_t at = 0, used;

    box_collect(&box, peer);
    for (size_t i = 0; i <= n; i++) {
        ck_assert_int_eq(spop_get_frame(box.answers[peer].data + at, box.answers[peer].length - at,
                                        &frame, &used),
                         SPOP_WHOLE);
        at += used;
    }
    *type = frame.type;
    return frame.frame_id;
}

/* Of callers who are known, unknown, malformed, and of others' messages: more than one batch. */
static void put_any_question(struct spop_out *out, uint64_t id)
{
    static const char *const keys[] = {NULL, "rv_bad", "", "rv_0123456789_0123456789012345"};
    char bearer[APIKEY_LENGTH + 8];
    struct spop_question question = box_question(&box);

    if (id % 7 == 0) {
        size_t begin = spop_frame_begin(out, SPOP_NOTIFY, SPOP_FIN, id, id);
        spop_put_message(out, "other", 0);
        spop_frame_end(out, begin);
        return;
    }
    if (id % 3 == 0) {
        snprintf(bearer, sizeof(bearer), "Bearer %s", box.key);
        question.authorization = bearer;
        question.apikey = NULL;
    } else if (id % 2 == 0) {
        question.apikey = keys[id / 2 % 4];
    }
    spop_put_question(out, id, id, &question);
}

START_TEST(what_comes_in_one_read_is_answered_in_order)
{
    uint8_t *room;
    unsigned type;
    size_t length;

    ck_assert(peer_room(&box.peers[1], &room, &length));
    struct spop_out out = spop_out_over(room, length);
    for (uint64_t id = 1; id <= IN_ONE_READ; id++) {
        put_any_question(&out, id);
    }
    spop_put_disconnect(&out, 0, "normal");
    put_any_question(&out, IN_ONE_READ + 1);
    peer_received(&box.peers[1], out.length);
    for (uint64_t id = 1; id <= IN_ONE_READ; id++) {
        ck_assert_uint_eq(nth_answer(1, id - 1, &type), id);
        ck_assert_uint_eq(type, SPOP_ACK);
        if (id % 7 != 0 && (id % 3 == 0 || id % 2 == 1)) {
            box_expect(&box, 1, id, "allow", 200, "ok");
        } else if (id % 7 != 0) {
            ck_assert_str_eq(box_var(&box, 1, id, "verdict"), "deny");
        }
    }
    (void)nth_answer(1, IN_ONE_READ, &type);
    ck_assert_uint_eq(type, SPOP_AGENT_DISCONNECT);
    ck_assert_int_eq(box.peers[1].state, PEER_CLOSING);
}
END_TEST

START_TEST(nothing_is_answered_behind_a_notify_that_breaks_the_grammar)
{
    struct spop_frame ack;
    unsigned type;
    uint8_t memory[4096];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct spop_question question = box_question(&box);

    spop_put_question(&out, 1, 1, &question);
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 2, 2);
    spop_put_message(&out, "reeve-check", 200);
    spop_frame_end(&out, begin);
    spop_put_question(&out, 3, 3, &question);
    box_send(&box, 1, out.data, out.length);
    box_expect(&box, 1, 1, "allow", 200, "ok");
    ck_assert_uint_eq(box_acks(&box, 1, 2, &ack), 0);
    ck_assert_uint_eq(box_acks(&box, 1, 3, &ack), 0);
    (void)nth_answer(1, 1, &type);
    ck_assert_uint_eq(type, SPOP_AGENT_DISCONNECT);
    ck_assert_int_eq(box.peers[1].state, PEER_CLOSING);
}
END_TEST

START_TEST(another_peers_message_is_acknowledged_without_actions)
{
    uint8_t memory[256];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 5, 9);
    struct spop_frame ack;

    spop_put_message(&out, "other", 0);
    spop_frame_end(&out, begin);
    begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, 5, 10);
    spop_frame_end(&out, begin);
    box_send(&box, 1, out.data, out.length);
    ck_assert_uint_eq(box_acks(&box, 1, 9, &ack), 1);
    ck_assert_uint_eq(ack.payload.length, 0);
    ck_assert_uint_eq(box_acks(&box, 1, 10, &ack), 1);
    ck_assert_uint_eq(ack.payload.length, 0);
}
END_TEST

START_TEST(case_96_a_disconnect_is_answered_and_cancels_what_waits)
{
    struct spop_question question = box_question(&box);
    char other[APIKEY_LENGTH + 1] = {0};
    uint8_t memory[256];
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    ck_assert_int_eq(apikey_make(other), ERR_OK);
    question.apikey = other;
    box_ask(&box, 1, &question);
    ck_assert_uint_eq(box.engine.parked_count, 1);
    spop_put_disconnect(&out, 0, "normal");
    box_send(&box, 1, out.data, out.length);
    ck_assert_uint_eq(box.engine.parked_count, 0);
    expect_disconnect(1, 0);
    box_step(&box);
    expect_disconnect(1, 0);
}
END_TEST

static void check_health(bool is_ready)
{
    uint8_t memory[256];
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    box.engine.is_ready = is_ready;
    peer_fini(&box.peers[1]);
    peer_init(&box.peers[1], &box.engine, "check");
    box.answers[1].length = 0;
    spop_put_check(&out);
    box_send(&box, 1, out.data, out.length);
    box_collect(&box, 1);
    ck_assert_int_eq(box.peers[1].state, PEER_CLOSING);
}

START_TEST(a_health_check_is_answered_and_closed)
{
    struct spop_frame frame;
    struct spop_value value;
    size_t used;

    check_health(true);
    ck_assert_int_eq(spop_get_frame(box.answers[1].data, box.answers[1].length, &frame, &used),
                     SPOP_WHOLE);
    ck_assert_uint_eq(frame.type, SPOP_AGENT_HELLO);
    ck_assert(spop_get_pair(frame.payload, "max-frame-size", &value) && value.number == 256);
}
END_TEST

START_TEST(a_health_check_fails_while_not_ready)
{
    check_health(false);
    expect_disconnect(1, 13);
}
END_TEST

START_TEST(a_full_spool_never_allows)
{
    struct spop_question question = box_question(&box);
    struct spool_counters counters;
    uint64_t allowed = 1;
    uint64_t id = 0;
    int saved = silence_log();

    for (int i = 0; i < MANY; i++) {
        id = box_ask(&box, 0, &question);
        if (strcmp(box_var(&box, 0, id, "verdict"), "allow") != 0) {
            break;
        }
        allowed++;
        box.answers[0].length = 0;
    }
    box_expect(&box, 0, id, "deny", 503, "audit_blocked");
    spool_counters(box.spool, &counters);
    ck_assert_uint_eq(counters.recorded, allowed);
    box.answers[0].length = 0;
    question.frontend = "watch";
    id = box_ask(&box, 0, &question);
    ck_assert_str_eq(box_var(&box, 0, id, "verdict"), "allow");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:audit_blocked");
    restore_log(saved);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peers");
    TCase *tcase = tcase_create("peers");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_frame_may_come_byte_by_byte);
    tcase_add_test(tcase, a_frame_may_be_cut_anywhere);
    tcase_add_test(tcase, an_idle_peer_holds_no_buffers);
    tcase_add_test(tcase, case_98_a_peer_that_takes_no_replies_is_not_read_and_loses_nothing);
    tcase_add_test(tcase, whole_frames_wait_for_the_output_and_go_on);
    tcase_add_test(tcase, a_notify_that_breaks_the_grammar_ends_the_connection);
    tcase_add_test(tcase, what_comes_in_one_read_is_answered_in_order);
    tcase_add_test(tcase, nothing_is_answered_behind_a_notify_that_breaks_the_grammar);
    tcase_add_test(tcase, another_peers_message_is_acknowledged_without_actions);
    tcase_add_test(tcase, case_96_a_disconnect_is_answered_and_cancels_what_waits);
    tcase_add_test(tcase, a_health_check_is_answered_and_closed);
    tcase_add_test(tcase, a_health_check_fails_while_not_ready);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("small spool");
    tcase_add_checked_fixture(tcase, setup_small_spool, teardown);
    tcase_add_test(tcase, a_full_spool_never_allows);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
