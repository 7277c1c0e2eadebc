/* audit_mode = durable: an allow waits until its record is settled, a denial does not. */
#include <stdlib.h>

#include "agent/audit/entry.h"
#include "agent/audit/spool_inside.h"
#include "agent/base/phc.h"
#include "agent/serve/parked.h"
#include "agent/serve/peer.h"
#include "tests/scenario/box.h"
#include "tests/support/quiet.h"

static struct box box;

static void open_box_with(const char *mode, unsigned places, unsigned places_one, const char *more)
{
    char conf[512];

    snprintf(conf, sizeof(conf),
             "gate \"*\" { accept = {apikey, basic} mode = \"%s\" }\naudit_mode = durable\n"
             "deadline = \"150ms\"\ndeadline_slow = \"800ms\"\nstore_timeout = \"100ms\"\nmax_age "
             "= \"10s\"\n"
             "max_in_flight = %u\nmax_in_flight_connection = %u\n%s",
             mode, places, places_one, more);
    box_open(&box, conf);
}

static void open_box(const char *mode)
{
    open_box_with(mode, 8, 5, "");
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

START_TEST(an_allow_is_told_and_counted_once_it_is_sent)
{
    struct spop_question question = box_question(&box);
    const uint64_t *allowed = &box.engine.counters.verdicts[VERDICT_ALLOW];
    uint64_t before = *allowed;

    box_ask(&box, 0, &question);
    box.output_calls = 0;
    ck_assert_uint_eq(*allowed, before);
    settle_all();
    ck_assert_uint_eq(box.output_calls, 1);
    ck_assert_uint_eq(*allowed, before + 1);
    box_ask(&box, 0, &question);
    box_advance(&box, 150000);
    ck_assert_uint_eq(box.output_calls, 2);
    ck_assert_uint_eq(*allowed, before + 1);
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

static uint64_t ask_and_step(void)
{
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);

    for (int i = 0; i < 4; i++) {
        box_step(&box);
    }
    return id;
}

START_TEST(who_finds_no_place_has_spent_nothing)
{
    box_close(&box);
    open_box("enforce");
    fake_store_set(box.fake, "reeve:limit:few", "quota", "6");
    fake_store_set(box.fake, "reeve:limit:few", "per", "day");
    fake_store_set(box.fake, "reeve:user:{alice}", "limits", "few");
    for (int i = 0; i < 5; i++) {
        ask_and_step();
    }
    box_expect(&box, 0, ask_and_step(), "deny", 503, "overload");
    settle_all();
    uint64_t last = ask_and_step(), beyond = ask_and_step();
    box_expect(&box, 0, beyond, "throttle", 429, "quota");
    settle_all();
    box_expect(&box, 0, last, "allow", 200, "ok");
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

/* By his password, which is slow to check. */
static struct spop_question bobs_question(void)
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
    return question;
}

START_TEST(what_the_spool_does_not_take_is_a_deny_and_never_held)
{
    int saved = silence_log();
    unsigned count = 0;

    box_close(&box);
    open_box_with("enforce", 2000, 2000, "spool_size = \"64KiB\"");
    struct spop_question question = box_question(&box);
    box_ask_through(&box, 0, &question);
    settle_all();
    uint64_t id = box_ask(&box, 0, &question);
    for (; acks(0, id) == 0 && count < 2000; count++) {
        id = box_ask(&box, 0, &question);
    }
    box_expect(&box, 0, id, "deny", 503, "audit_blocked");
    ck_assert_uint_eq(box.engine.parked_count, count);
    settle_all();
    ck_assert_uint_eq(acks(0, id), 1);
    box_expect(&box, 0, id - 1, "allow", 200, "ok");
    ck_assert_uint_eq(box.engine.parked_count, 0);
    restore_log(saved);
}
END_TEST

/* Its arrival was long ago when it is decided: an allow has the patience of what it waited for. */
START_TEST(an_allow_after_slow_work_is_held_until_the_slow_deadline)
{
    struct spop_question question = bobs_question();
    uint64_t id = box_ask(&box, 0, &question);
    box_step(&box);
    box_advance(&box, 300000);
    box_hash(&box, true);
    box_step(&box);
    ck_assert_uint_eq(acks(0, id), 0);
    ck_assert_uint_eq(box.engine.slow_count, 1);
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
    uint64_t allowed = spool_sequence(box.spool);
    int64_t supersedes;
    char type[32];

    ck_assert_uint_eq(acks(0, id), 0);
    box_advance(&box, 150000);
    box_expect(&box, 0, id, "allow", 200, "deadline");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:deadline");
    last_record(type, &supersedes);
    ck_assert_int_eq(supersedes, (int64_t)allowed);
    ck_assert_uint_eq(spool_sequence(box.spool), allowed + 1);
}
END_TEST

/* Its allow is made at the deadline, so there is no time left to hold it. */
START_TEST(an_observing_gate_lets_go_of_who_waited_for_the_store_too)
{
    box_close(&box);
    open_box("observe");
    struct spop_question question = box_question(&box);
    uint64_t id = box_ask(&box, 0, &question);

    ck_assert_uint_eq(box.engine.parked_count, 1);
    box_advance(&box, 150000);
    box_expect(&box, 0, id, "allow", 200, "deadline");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:deadline");
    ck_assert_uint_eq(box.engine.parked_count, 0);
}
END_TEST

/* Behind one that has the patience of slow work. */
START_TEST(who_came_later_may_be_late_first)
{
    struct spop_question slow = bobs_question(), fast = box_question(&box);

    uint64_t first = box_ask(&box, 0, &slow);
    box_step(&box);
    box_hash(&box, true);
    box_step(&box);
    uint64_t second = box_ask(&box, 0, &fast);
    box_advance(&box, 150000);
    box_expect(&box, 0, second, "deny", 503, "deadline");
    ck_assert_uint_eq(acks(0, first), 0);
    ck_assert_uint_eq(box.engine.parked_count, 1);
    settle_all();
    box_expect(&box, 0, first, "allow", 200, "ok");
    ck_assert_uint_eq(acks(0, second), 1);
}
END_TEST

/* --- what is held, against a model of it --- */

#define ASKS_MAX   160
#define ROUNDS     10
#define LONGEST    3000 /* so that few fit a block */
#define PLACES     24
#define PLACES_ONE 16

enum fate { HELD, ALLOWED, LATE, REFUSED, GONE };

struct asked {
    unsigned peer;
    uint64_t id;
    uint64_t sequence;
    int64_t deadline_us;
    enum fate fate;
};

struct model {
    struct asked asks[ASKS_MAX];
    size_t count;
    bool has_left; /* peer 1 */
    uint64_t random;
};

static uint64_t next_random(struct model *model, uint64_t below)
{
    model->random = model->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (model->random >> 33) % below;
}

static unsigned count_held(const struct model *model, int peer)
{
    unsigned count = 0;

    for (size_t i = 0; i < model->count; i++) {
        const struct asked *asked = &model->asks[i];
        count += asked->fate == HELD && (peer < 0 || asked->peer == (unsigned)peer);
    }
    return count;
}

static void ask_one(struct model *model)
{
    unsigned peer = model->has_left ? 0 : (unsigned)next_random(model, 2);
    bool has_place = count_held(model, -1) < PLACES && count_held(model, (int)peer) < PLACES_ONE;
    struct spop_question question = box_question(&box);
    char path[LONGEST + 32];
    int length = (int)next_random(model, LONGEST);

    snprintf(path, sizeof(path), "/v1/orders/%0*d", length + 1, 7);
    question.path = path;
    struct asked *asked = &model->asks[model->count++];
    *asked = (struct asked){.peer = peer,
                            .id = box_ask(&box, peer, &question),
                            .sequence = spool_sequence(box.spool),
                            .deadline_us = box.engine.now.mono_us + 150000,
                            .fate = has_place ? HELD : REFUSED};
}

static void settle_some(struct model *model)
{
    uint64_t settled = spool_settled(box.spool), last = spool_sequence(box.spool);

    settled += next_random(model, last - settled + 1);
    spool_note_settled(box.spool, settled);
    engine_release(&box.engine, box.engine.now);
    for (size_t i = 0; i < model->count; i++) {
        struct asked *asked = &model->asks[i];
        if (asked->fate == HELD && asked->sequence <= settled) {
            asked->fate = ALLOWED;
        }
    }
}

static void pass_time(struct model *model)
{
    box_advance(&box, (int64_t)next_random(model, 60000));
    for (size_t i = 0; i < model->count; i++) {
        struct asked *asked = &model->asks[i];
        if (asked->fate == HELD && asked->deadline_us <= box.engine.now.mono_us) {
            asked->fate = LATE;
        }
    }
}

static void leave(struct model *model)
{
    if (model->has_left || model->count < ASKS_MAX / 2) {
        return;
    }
    box_collect(&box, 1);
    peer_disconnect(&box.peers[1], SPOE_STATUS_NORMAL);
    model->has_left = true;
    for (size_t i = 0; i < model->count; i++) {
        struct asked *asked = &model->asks[i];
        if (asked->fate == HELD && asked->peer == 1) {
            asked->fate = GONE;
        }
    }
}

static void assert_holds(const struct model *model)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = model->count; i-- > 0;) {
        first = model->asks[i].fate == HELD ? model->asks[i].sequence : first;
    }
    ck_assert_uint_eq(box.engine.parked_count, count_held(model, -1));
    ck_assert_uint_eq(box.peers[0].parked_count, count_held(model, 0));
    ck_assert_uint_eq(box.peers[1].parked_count, count_held(model, 1));
    ck_assert(first == UINT64_MAX || engine_holds(&box.engine, first));
    ck_assert(!engine_holds(&box.engine, first - 1));
}

static void assert_told(const struct asked *asked)
{
    switch (asked->fate) {
    case ALLOWED:
        box_expect(&box, asked->peer, asked->id, "allow", 200, "ok");
        break;
    case LATE:
        box_expect(&box, asked->peer, asked->id, "deny", 503, "deadline");
        break;
    case REFUSED:
        box_expect(&box, asked->peer, asked->id, "deny", 503, "overload");
        break;
    case HELD:
    case GONE:
        ck_assert_uint_eq(acks(asked->peer, asked->id), 0);
        break;
    }
}

START_TEST(histories_end_as_the_model_says)
{
    static struct model model;

    box_close(&box);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        open_box_with("enforce", PLACES, PLACES_ONE, "");
        struct spop_question question = box_question(&box);
        box_ask_through(&box, 0, &question);
        settle_all();
        model = (struct model){.random = round * 2 + 1};
        while (model.count < ASKS_MAX) {
            uint64_t dice = next_random(&model, 20);
            if (dice < 15) {
                ask_one(&model);
            } else if (dice < 17) {
                settle_some(&model);
            } else if (dice < 19) {
                pass_time(&model);
            } else {
                leave(&model);
            }
            box_collect(&box, 0);
            box_collect(&box, 1);
            assert_holds(&model);
        }
        for (size_t i = 0; i < model.count; i++) {
            assert_told(&model.asks[i]);
        }
        if (round + 1 < ROUNDS) {
            box_close(&box);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("durable");
    TCase *tcase = tcase_create("durable");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_allow_waits_until_its_record_is_settled);
    tcase_add_test(tcase, an_allow_is_told_and_counted_once_it_is_sent);
    tcase_add_test(tcase, a_denial_does_not_wait);
    tcase_add_test(tcase, at_the_deadline_it_is_a_deny_and_the_record_is_superseded);
    tcase_add_test(tcase, above_the_bound_it_is_overload_and_never_an_allow);
    tcase_add_test(tcase, who_finds_no_place_has_spent_nothing);
    tcase_add_test(tcase, a_peer_that_leaves_takes_its_answers_along);
    tcase_add_test(tcase, what_the_spool_does_not_take_is_a_deny_and_never_held);
    tcase_add_test(tcase, an_allow_after_slow_work_is_held_until_the_slow_deadline);
    tcase_add_test(tcase, an_observing_gate_lets_go_at_the_deadline);
    tcase_add_test(tcase, an_observing_gate_lets_go_of_who_waited_for_the_store_too);
    tcase_add_test(tcase, who_came_later_may_be_late_first);
    tcase_add_test(tcase, histories_end_as_the_model_says);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
