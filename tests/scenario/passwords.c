/* Basic credentials, from Authorization to the verdict. Hashes are made when a test says so. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/phc.h"
#include "agent/serve/parked.h"
#include "tests/scenario/box.h"

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, basic} }\n"                                                   \
    "gate \"basic\" { accept = {basic} }\n"                                                        \
    "gate \"keys\" { accept = {apikey} }\n"                                                        \
    "gate \"open\" { accept = {basic} anonymous = \"guest\" }\n"                                   \
    "gate \"watch\" { accept = {basic} mode = \"observe\" }\n"                                     \
    "deadline = \"150ms\" store_timeout = \"100ms\" deadline_slow = \"800ms\" max_age = \"1s\"\n"  \
    "max_in_flight = 100 max_in_flight_connection = 8\n"                                           \
    "max_failures = 1000 max_source_failures = 1000\n"

#define ALICE "reeve:user:{alice}"
#define BOB   "reeve:user:{bob}"

static const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};

static struct box box;

static const char *hash_of(const char *password)
{
    static char text[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, str_from_c(password), text), ERR_OK);
    return text;
}

static void open_with(const char *conf)
{
    box_open(&box, conf);
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    fake_store_set(box.fake, BOB, "state", "active");
    fake_store_set(box.fake, BOB, "roles", "reader");
    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /v1/orders/**");
}

static void setup(void)
{
    open_with(CONF);
}

static void teardown(void)
{
    box_close(&box);
}

static uint64_t ask_bytes(const char *frontend, struct str pair)
{
    struct spop_question question = box_question(&box);

    question.frontend = frontend;
    question.apikey = NULL;
    question.authorization = box_basic(pair);
    return box_ask(&box, 0, &question);
}

static uint64_t ask(const char *pair)
{
    return ask_bytes("fe", str_from_c(pair));
}

static unsigned acks(uint64_t id)
{
    struct spop_frame ack;

    return box_acks(&box, 0, id, &ack);
}

/* Turns until there is an answer, or all that could be done was. */
static void run_on(uint64_t id)
{
    for (int i = 0; i < 16 && acks(id) == 0; i++) {
        box_step(&box);
        if (box.work_count > 0) {
            box_hash(&box, true);
        }
    }
}

static uint64_t ask_through(const char *pair)
{
    uint64_t id = ask(pair);

    run_on(id);
    return id;
}

/* Hashes that were begun so far. */
static uint64_t hashes(void)
{
    struct passwords_counters counters;

    passwords_counters(box.passwords, &counters);
    return counters.hashes;
}

/* One that waits for its hash. */
static uint64_t ask_and_fetch(const char *pair)
{
    uint64_t id = ask(pair);

    for (int i = 0; i < 4 && box.work_count == 0; i++) {
        box_step(&box);
    }
    ck_assert_uint_eq(acks(id), 0);
    return id;
}

static void expect_refused(uint64_t id)
{
    box_expect(&box, 0, id, "deny", 401, "bad_credential");
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), "");
}

static void expect_allowed(uint64_t id)
{
    box_expect(&box, 0, id, "allow", 200, "ok");
}

/* ---- right and wrong ---- */

START_TEST(a_password_stands_for_its_user)
{
    uint64_t id = ask_through("alice:secret");

    expect_allowed(id);
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "alice");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), "password");
    ck_assert_str_eq(box_var(&box, 0, id, "rule"), "reader/10");
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(its_rules_hold_for_who_comes_with_a_password)
{
    struct spop_question question = box_question(&box);

    question.apikey = NULL;
    question.path = "/admin";
    question.authorization = box_basic(STR("alice:secret"));
    uint64_t id = box_ask(&box, 0, &question);
    run_on(id);
    box_expect(&box, 0, id, "deny", 403, "no_rule");
}
END_TEST

START_TEST(a_password_costs_its_hash_once)
{
    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 3; i++) {
        box_advance(&box, 200000);
        uint64_t id = ask("alice:secret");
        expect_allowed(id);
    }
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(refuses_what_is_not_the_password)
{
    static const char *const wrong[] = {
        "alice:Secret", "alice:secre",   "alice:secrets", "alice: secret", "alice:secret ",
        "Alice:secret", "alice::secret", "bob:secret",    "carol:secret",  "alice:secret:",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_refused(ask_through(wrong[i]));
    }
    expect_allowed(ask_through("alice:secret"));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        expect_refused(ask_through(wrong[i]));
    }
}
END_TEST

START_TEST(a_password_may_hold_colons_and_all_of_unicode)
{
    fake_store_set(box.fake, ALICE, "password", hash_of("a:b:\xf0\x9f\x94\x91 \xc3\xbc"));
    expect_allowed(ask_through("alice:a:b:\xf0\x9f\x94\x91 \xc3\xbc"));
    expect_refused(ask_through("alice:a"));
}
END_TEST

static char long_password[8 + 600];

START_TEST(what_can_be_no_password_costs_nothing)
{
    const struct str pairs[] = {
        STR("alice:sec\0ret"),
        STR("alice:secret\0"),
        STR("alice:"),
        STR(":secret"),
        STR(":"),
        STR("alice:se\xff"),
        STR("alice:\xc0\x80"),
        STR("al\xffice:secret"),
        STR("al\0ice:secret"),
        STR("alice\0:secret"),
        STR("al\nice:x"),
        STR("alice:se\ncret"),
        STR("alice:\x7f"),
        STR("alice:\xc2\x85"),
        str_make(long_password, 6 + 513),
        str_make(long_password + 6, 256 + 2),
    };

    memset(long_password, 'a', sizeof(long_password));
    memcpy(long_password, "alice:", 6);
    long_password[6 + 256] = ':';
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t requests = box.fake->request_count;
        uint64_t id = ask_bytes("fe", pairs[i]);
        expect_refused(id);
        ck_assert_uint_eq(box.fake->request_count, requests);
    }
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

START_TEST(the_longest_name_and_password_are_taken)
{
    char password[PHC_PASSWORD_BYTES_MAX + 1] = {0}, key[300], pair[256 + 513];

    memset(password, 'p', PHC_PASSWORD_BYTES_MAX);
    snprintf(key, sizeof(key), "reeve:user:{%0255d}", 0);
    snprintf(pair, sizeof(pair), "%0255d:%s", 0, password);
    fake_store_set(box.fake, key, "state", "active");
    fake_store_set(box.fake, key, "roles", "reader");
    fake_store_set(box.fake, key, "password", hash_of(password));
    uint64_t id = ask_through(pair);
    box_expect(&box, 0, id, "allow", 200, "ok");
}
END_TEST

START_TEST(a_poisoned_record_is_bad_and_costs_no_hash)
{
    static const char *const poisons[] = {
        "secret",
        "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$i=4000000000$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA",
    };

    for (size_t i = 0; i < sizeof(poisons) / sizeof(poisons[0]); i++) {
        fake_store_set(box.fake, ALICE, "password", poisons[i]);
        box_advance(&box, 5000000);
        uint64_t id = ask_through("alice:secret");
        box_expect(&box, 0, id, "deny", 503, "bad_record");
    }
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

/* ---- nobody ---- */

/* The bytes of the answer, but for the frame's own numbers. */
static struct str answer(uint64_t id)
{
    struct spop_frame ack;

    ck_assert_uint_eq(box_acks(&box, 0, id, &ack), 1);
    return str_make((const char *)ack.payload.data, ack.payload.length);
}

START_TEST(nobody_is_answered_as_a_wrong_password_is)
{
    uint64_t wrong = ask_through("alice:wrong");
    uint64_t unknown = ask_through("carol:wrong");
    uint64_t without = ask_through("bob:wrong");

    expect_refused(wrong);
    ck_assert(str_equal(answer(wrong), answer(unknown)));
    ck_assert(str_equal(answer(wrong), answer(without)));
    ck_assert_uint_eq(hashes(), 3);
    uint64_t again[] = {ask("alice:wrong"), ask("carol:wrong"), ask("bob:wrong")};
    for (int i = 0; i < 3; i++) {
        ck_assert(str_equal(answer(wrong), answer(again[i])));
    }
    ck_assert_uint_eq(hashes(), 3);
}
END_TEST

START_TEST(a_disabled_user_is_told_only_with_the_right_password)
{
    fake_store_set(box.fake, ALICE, "state", "disabled");
    uint64_t wrong = ask_through("alice:wrong"), unknown = ask_through("carol:wrong");
    ck_assert(str_equal(answer(wrong), answer(unknown)));
    uint64_t right = ask_through("alice:secret");
    box_expect(&box, 0, right, "deny", 403, "user_disabled");
    ck_assert_uint_eq(hashes(), 3);
}
END_TEST

START_TEST(the_challenge_lists_what_the_gate_takes)
{
    static const char *const cases[][2] = {
        {"fe", "Bearer realm=\"reeve\", Basic realm=\"reeve\", charset=\"UTF-8\""},
        {"basic", "Basic realm=\"reeve\", charset=\"UTF-8\""},
        {"keys", "Bearer realm=\"reeve\""},
    };

    for (size_t i = 0; i < 3; i++) {
        struct spop_question question = box_question(&box);
        question.frontend = cases[i][0];
        question.apikey = NULL;
        uint64_t id = box_ask(&box, 0, &question);
        box_expect(&box, 0, id, "deny", 401, "no_credential");
        ck_assert_str_eq(box_var(&box, 0, id, "challenge"), cases[i][1]);
    }
}
END_TEST

/* ---- gates ---- */

START_TEST(a_gate_that_does_not_list_passwords_ignores_them)
{
    uint64_t id = ask_bytes("keys", STR("alice:secret"));

    box_expect(&box, 0, id, "deny", 401, "no_credential");
    ck_assert_uint_eq(box.fake->request_count, 0);
}
END_TEST

START_TEST(a_wrong_password_is_never_anonymous)
{
    uint64_t id = ask_bytes("open", STR("alice:wrong"));

    run_on(id);
    expect_refused(id);
}
END_TEST

START_TEST(a_key_and_a_password_are_one_too_many)
{
    struct spop_question question = box_question(&box);

    question.authorization = box_basic(STR("alice:secret"));
    uint64_t id = box_ask(&box, 0, &question);
    box_expect(&box, 0, id, "deny", 400, "bad_request");
}
END_TEST

START_TEST(a_key_for_the_password_is_a_key)
{
    char pair[80];

    snprintf(pair, sizeof(pair), "x:%s", box.key);
    uint64_t id = ask_through(pair);
    expect_allowed(id);
    ck_assert_uint_eq(hashes(), 0);
}
END_TEST

START_TEST(a_gate_that_observes_says_what_it_would_have_been)
{
    uint64_t id = ask_bytes("watch", STR("alice:wrong"));

    run_on(id);
    ck_assert_str_eq(box_var(&box, 0, id, "verdict"), "allow");
    ck_assert_str_eq(box_var(&box, 0, id, "shadow"), "deny:bad_credential");
}
END_TEST

/* ---- one hash for all ---- */

START_TEST(many_with_one_password_cost_one_hash)
{
    uint64_t ids[4];

    for (int i = 0; i < 4; i++) {
        ids[i] = ask("alice:secret");
    }
    box_step(&box);
    ck_assert_uint_eq(box.work_count, 1);
    box_hash(&box, true);
    box_step(&box); /* the role */
    for (int i = 0; i < 4; i++) {
        expect_allowed(ids[i]);
    }
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(a_wrong_password_is_hashed_again_after_a_while)
{
    expect_refused(ask_through("alice:wrong"));
    box_advance(&box, PASSWORDS_WRONG_US - 1);
    expect_refused(ask_through("alice:wrong"));
    ck_assert_uint_eq(hashes(), 1);
    box_advance(&box, 1);
    expect_refused(ask_through("alice:wrong"));
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(guessing_pushes_no_right_password_out)
{
    char pair[64];

    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 200; i++) {
        snprintf(pair, sizeof(pair), "alice:guess %d", i);
        expect_refused(ask_through(pair));
        box.answers[0].length = 0;
    }
    uint64_t count = hashes();
    expect_allowed(ask_through("alice:secret"));
    ck_assert_uint_eq(hashes(), count);
}
END_TEST

START_TEST(the_oldest_right_ones_make_room)
{
    char key[64], pair[64];

    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "reeve:user:{u%d}", i);
        fake_store_set(box.fake, key, "state", "active");
        fake_store_set(box.fake, key, "roles", "reader");
        fake_store_set(box.fake, key, "password", hash_of("secret"));
        snprintf(pair, sizeof(pair), "u%d:secret", i);
        expect_allowed(ask_through(pair));
        box.answers[0].length = 0;
    }
    ck_assert_uint_eq(hashes(), 200);
    expect_allowed(ask_through("u199:secret"));
    ck_assert_uint_eq(hashes(), 200);
    expect_allowed(ask_through("u0:secret"));
    ck_assert_uint_le(hashes(), 201);
}
END_TEST

/* Nor does what is remembered tell a guess that it is right. */
START_TEST(who_guesses_too_often_waits_before_anything_is_looked_at)
{
    char pair[64];

    box_close(&box);
    open_with("gate \"fe\" { accept = {basic} }\nmax_failures = 10");
    expect_allowed(ask_through("alice:secret"));
    for (int i = 0; i < 10; i++) {
        snprintf(pair, sizeof(pair), "alice:guess %d", i);
        expect_refused(ask_through(pair));
    }
    uint64_t count = hashes();
    uint64_t right = ask_through("alice:secret"), wrong = ask_through("alice:guess");
    box_expect(&box, 0, wrong, "throttle", 429, "too_many_failures");
    ck_assert(str_equal(answer(right), answer(wrong)));
    ck_assert_uint_eq(hashes(), count);
    struct spop_question question = box_question(&box);
    question.apikey = NULL;
    question.source = "192.0.2.8";
    question.authorization = box_basic(STR("alice:secret"));
    expect_allowed(box_ask_through(&box, 0, &question));
}
END_TEST

START_TEST(the_right_password_ends_the_count_of_wrong_ones)
{
    char pair[64];

    box_close(&box);
    open_with("gate \"fe\" { accept = {basic} }\nmax_failures = 10");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 9; i++) {
            snprintf(pair, sizeof(pair), "alice:guess %d %d", round, i);
            expect_refused(ask_through(pair));
        }
        expect_allowed(ask_through("alice:secret"));
    }
}
END_TEST

static uint64_t nobody_us(void)
{
    struct passwords_counters counters;

    passwords_counters(box.passwords, &counters);
    return counters.nobody_us;
}

static void ask_at_cost(const char *parameters)
{
    char text[PHC_TEXT_MAX];

    snprintf(text, sizeof(text), "$%s$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA", parameters);
    fake_store_set(box.fake, ALICE, "password", text);
    directory_invalidate(box.directory, RECORD_USER, STR("alice"));
    uint64_t id = ask_and_fetch("alice:wrong");
    box_hash(&box, false);
    box.work_capacity = 0;
    box_hash(&box, false); /* it was tried again */
    box.work_capacity = BOX_WORKS_MAX;
    box_expect(&box, 0, id, "deny", 503, "overload");
}

START_TEST(nobody_costs_as_much_as_the_dearest_that_was_met)
{
    struct phc_cost cost;

    ck_assert_uint_eq(nobody_us(), phc_cost_us(&phc_cost_default));
    ask_at_cost("pbkdf2-sha256$i=100000");
    ck_assert_uint_eq(nobody_us(), 31800);
    ask_at_cost("pbkdf2-sha256$i=200000");
    ck_assert_uint_eq(nobody_us(), 63600);
    ask_at_cost("pbkdf2-sha256$i=100000");
    ck_assert_uint_eq(nobody_us(), 63600);
    ask_at_cost("scrypt$ln=14,r=8,p=5");
    ck_assert_ptr_null(phc_parse_cost(PHC_SCRYPT, STR("ln=14,r=8,p=5"), &cost));
    ck_assert_uint_eq(nobody_us(), phc_cost_us(&cost));
    /* Nor does one record make all unknown users cost seconds. */
    ask_at_cost("pbkdf2-sha256$i=10000000");
    ck_assert_uint_eq(nobody_us(), phc_cost_us(&cost));
}
END_TEST

/* ---- changes: C7 ---- */

static void forget_alice(void)
{
    directory_invalidate(box.directory, RECORD_USER, STR("alice"));
}

START_TEST(a_new_password_counts_at_once_and_the_old_one_no_more)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_set(box.fake, ALICE, "password", hash_of("other"));
    forget_alice();
    expect_refused(ask_through("alice:secret"));
    expect_allowed(ask_through("alice:other"));
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    forget_alice();
    expect_refused(ask_through("alice:other"));
    expect_allowed(ask_through("alice:secret"));
}
END_TEST

/* The same password under another salt is another hash to be right against. */
START_TEST(a_hash_that_changed_is_verified_again)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    forget_alice();
    expect_allowed(ask_through("alice:secret"));
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(a_password_that_was_wrong_counts_once_it_is_set)
{
    expect_refused(ask_through("bob:new"));
    expect_refused(ask_through("carol:new"));
    fake_store_set(box.fake, BOB, "password", hash_of("new"));
    fake_store_set(box.fake, "reeve:user:{carol}", "state", "active");
    fake_store_set(box.fake, "reeve:user:{carol}", "roles", "reader");
    fake_store_set(box.fake, "reeve:user:{carol}", "password", hash_of("new"));
    directory_invalidate_all(box.directory);
    expect_allowed(ask_through("bob:new"));
    expect_allowed(ask_through("carol:new"));
}
END_TEST

START_TEST(a_deleted_user_has_no_password_any_more)
{
    expect_allowed(ask_through("alice:secret"));
    fake_store_delete(box.fake, ALICE);
    forget_alice();
    expect_refused(ask_through("alice:secret"));
}
END_TEST

START_TEST(state_and_expiry_count_at_each_use)
{
    char until[24];

    expect_allowed(ask_through("alice:secret"));
    snprintf(until, sizeof(until), "%lld", (long long)(box.engine.now.wall_us / 1000000 + 10));
    fake_store_set(box.fake, ALICE, "expires", until);
    forget_alice();
    expect_allowed(ask_through("alice:secret"));
    box_advance(&box, 10000000);
    uint64_t id = ask_through("alice:secret");
    box_expect(&box, 0, id, "deny", 403, "user_disabled");
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "alice");
    ck_assert_uint_eq(hashes(), 1);
}
END_TEST

START_TEST(a_change_while_it_is_hashed_counts)
{
    uint64_t id = ask_and_fetch("alice:secret");

    fake_store_set(box.fake, ALICE, "password", hash_of("other"));
    forget_alice();
    run_on(id);
    expect_refused(id);
    ck_assert_uint_eq(hashes(), 2);
}
END_TEST

START_TEST(a_user_disabled_while_it_is_hashed_is_refused)
{
    uint64_t id = ask_and_fetch("alice:secret");

    fake_store_set(box.fake, ALICE, "state", "disabled");
    forget_alice();
    run_on(id);
    box_expect(&box, 0, id, "deny", 403, "user_disabled");
}
END_TEST

/* ---- bounds ---- */

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
    ck_assert_uint_eq(box.engine.queues[PARKED_SLOW].count, 0);
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

static void add_tests(TCase *cases)
{
    tcase_add_test(cases, a_password_stands_for_its_user);
    tcase_add_test(cases, its_rules_hold_for_who_comes_with_a_password);
    tcase_add_test(cases, a_password_costs_its_hash_once);
    tcase_add_test(cases, refuses_what_is_not_the_password);
    tcase_add_test(cases, a_password_may_hold_colons_and_all_of_unicode);
    tcase_add_test(cases, what_can_be_no_password_costs_nothing);
    tcase_add_test(cases, the_longest_name_and_password_are_taken);
    tcase_add_test(cases, a_poisoned_record_is_bad_and_costs_no_hash);
    tcase_add_test(cases, nobody_is_answered_as_a_wrong_password_is);
    tcase_add_test(cases, a_disabled_user_is_told_only_with_the_right_password);
    tcase_add_test(cases, the_challenge_lists_what_the_gate_takes);
    tcase_add_test(cases, a_gate_that_does_not_list_passwords_ignores_them);
    tcase_add_test(cases, a_wrong_password_is_never_anonymous);
    tcase_add_test(cases, a_key_and_a_password_are_one_too_many);
    tcase_add_test(cases, a_key_for_the_password_is_a_key);
    tcase_add_test(cases, a_gate_that_observes_says_what_it_would_have_been);
    tcase_add_test(cases, many_with_one_password_cost_one_hash);
    tcase_add_test(cases, a_wrong_password_is_hashed_again_after_a_while);
    tcase_add_test(cases, guessing_pushes_no_right_password_out);
    tcase_add_test(cases, the_oldest_right_ones_make_room);
    tcase_add_test(cases, who_guesses_too_often_waits_before_anything_is_looked_at);
    tcase_add_test(cases, the_right_password_ends_the_count_of_wrong_ones);
    tcase_add_test(cases, nobody_costs_as_much_as_the_dearest_that_was_met);
    tcase_add_test(cases, a_new_password_counts_at_once_and_the_old_one_no_more);
    tcase_add_test(cases, a_hash_that_changed_is_verified_again);
    tcase_add_test(cases, a_password_that_was_wrong_counts_once_it_is_set);
    tcase_add_test(cases, a_deleted_user_has_no_password_any_more);
    tcase_add_test(cases, state_and_expiry_count_at_each_use);
    tcase_add_test(cases, a_change_while_it_is_hashed_counts);
    tcase_add_test(cases, a_user_disabled_while_it_is_hashed_is_refused);
    tcase_add_test(cases, above_the_queue_the_answer_is_overload_at_once_whoever_asks);
    tcase_add_test(cases, who_waits_too_long_is_refused_and_what_comes_late_is_remembered);
    tcase_add_test(cases, a_request_that_waited_for_its_record_has_the_longer_deadline);
    tcase_add_test(cases, what_is_handed_back_undone_is_tried_again_while_somebody_waits);
    tcase_add_test(cases, a_peer_that_leaves_takes_its_requests_along);
    tcase_add_test(cases, passwords_that_wait_leave_half_of_the_places);
    tcase_add_test(cases, who_finds_no_place_after_its_record_came_is_refused);
    tcase_add_test(cases, source_and_user_are_told_to_who_hashes);
}

int main(void)
{
    Suite *suite = suite_create("passwords");
    TCase *cases = tcase_create("passwords");

    tcase_add_checked_fixture(cases, setup, teardown);
    add_tests(cases);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
