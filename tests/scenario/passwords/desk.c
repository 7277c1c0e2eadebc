#include "tests/scenario/passwords/desk.h"

#include "agent/base/phc.h"

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, basic} }\n"                                                   \
    "gate \"basic\" { accept = {basic} }\n"                                                        \
    "gate \"keys\" { accept = {apikey} }\n"                                                        \
    "gate \"open\" { accept = {basic} anonymous = \"guest\" }\n"                                   \
    "gate \"watch\" { accept = {basic} mode = \"observe\" }\n"                                     \
    "deadline = \"150ms\" store_timeout = \"100ms\" deadline_slow = \"800ms\" max_age = \"1s\"\n"  \
    "max_in_flight = 100 max_in_flight_connection = 8\n"                                           \
    "max_failures = 1000 max_source_failures = 1000\n"

static const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};

struct box box;

const char *hash_of(const char *password)
{
    static char text[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, str_from_c(password), text), ERR_OK);
    return text;
}

void open_with(const char *conf)
{
    box_open(&box, conf);
    fake_store_set(box.fake, ALICE, "password", hash_of("secret"));
    fake_store_set(box.fake, BOB, "state", "active");
    fake_store_set(box.fake, BOB, "roles", "reader");
    fake_store_set(box.fake, "reeve:role:guest", "rule:10", "allow GET * /v1/orders/**");
}

void passwords_setup(void)
{
    open_with(CONF);
}

void passwords_teardown(void)
{
    box_close(&box);
}

uint64_t ask_bytes(const char *frontend, struct str pair)
{
    struct spop_question question = box_question(&box);

    question.frontend = frontend;
    question.apikey = NULL;
    question.authorization = box_basic(pair);
    return box_ask(&box, 0, &question);
}

uint64_t ask(const char *pair)
{
    return ask_bytes("fe", str_from_c(pair));
}

unsigned acks(uint64_t id)
{
    struct spop_frame ack;

    return box_acks(&box, 0, id, &ack);
}

void run_on(uint64_t id)
{
    for (int i = 0; i < 16 && acks(id) == 0; i++) {
        box_step(&box);
        if (box.work_count > 0) {
            box_hash(&box, true);
        }
    }
}

uint64_t ask_through(const char *pair)
{
    uint64_t id = ask(pair);

    run_on(id);
    return id;
}

uint64_t hashes(void)
{
    struct passwords_counters counters;

    passwords_counters(box.passwords, &counters);
    return counters.hashes;
}

uint64_t ask_and_fetch(const char *pair)
{
    uint64_t id = ask(pair);

    for (int i = 0; i < 4 && box.work_count == 0; i++) {
        box_step(&box);
    }
    ck_assert_uint_eq(acks(id), 0);
    return id;
}

void expect_refused(uint64_t id)
{
    box_expect(&box, 0, id, "deny", 401, "bad_credential");
    ck_assert_str_eq(box_var(&box, 0, id, "user"), "");
    ck_assert_str_eq(box_var(&box, 0, id, "credential"), "");
}

void expect_allowed(uint64_t id)
{
    box_expect(&box, 0, id, "allow", 200, "ok");
}

struct str answer(uint64_t id)
{
    struct spop_frame ack;

    ck_assert_uint_eq(box_acks(&box, 0, id, &ack), 1);
    return str_make((const char *)ack.payload.data, ack.payload.length);
}

void forget_alice(void)
{
    directory_invalidate(box.directory, RECORD_USER, STR("alice"));
}
