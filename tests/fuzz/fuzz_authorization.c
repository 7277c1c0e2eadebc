/*
 * Aims at offer_find(), step_password(), passwords_verify() and what they use: from the value of
 * Authorization to the verdict. F9.
 *
 * Input: the value. The gate takes passwords only, and one user has one. Whatever comes, it is allowed
 * exactly where a slow reference finds that user's name and password; else it is 401, or 400 where
 * HAProxy would not have counted it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/base/phc.h"
#include "agent/decide/decide.h"
#include "tests/fuzz/offer_reference.h"
#include "tests/support/fake_store.h"

#define PAIR      "alice:a:b \xc3\xbc"
#define INPUT_MAX 4096
#define TURNS_MAX 16
#define WORKS_MAX 4

static struct {
    struct gate gate;
    struct config config;
    struct fake_store *fake;
    struct decide_context context;
    struct password_work *works[WORKS_MAX];
    size_t work_count;
    struct now now;
    struct arena arena;
    char block[DECIDE_ARENA_BYTES];
} world;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err submit_cb(void *context, struct password_work *work,
                          const struct password_place *place)
{
    (void)context;
    (void)place;
    ensure(world.work_count < WORKS_MAX);
    world.works[world.work_count++] = work;
    return ERR_OK;
}

static void fill_store(void)
{
    static const struct phc_cost cost = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};
    char hash[PHC_TEXT_MAX];

    ensure(phc_make(&cost, str_skip(STR(PAIR), strlen("alice:")), hash) == ERR_OK);
    world.fake = fake_store_new();
    fake_store_set(world.fake, "reeve:user:{alice}", "state", "active");
    fake_store_set(world.fake, "reeve:user:{alice}", "roles", "reader");
    fake_store_set(world.fake, "reeve:user:{alice}", "password", hash);
    fake_store_set(world.fake, "reeve:role:reader", "rule:10", "allow * * /**");
}

static void open_world(void)
{
    const struct directory_settings directory_settings = {.prefix = STR("reeve:"),
                                                          .max_age_us = 1000000,
                                                          .max_records = 64,
                                                          .max_absent = 64,
                                                          .max_source_misses = 64,
                                                          .max_misses = 64};
    const struct passwords_settings settings = {.max_remembered = 16, .submit_cb = submit_cb};

    ensure(crypto_start() == ERR_OK);
    fill_store();
    world.gate = (struct gate){.name = STR("*"), .accept = CREDENTIAL_BASIC, .anonymous = STR("")};
    world.config = (struct config){.gates = &world.gate, .gate_count = 1};
    world.now = (struct now){.mono_us = 1000000, .wall_us = 1800000000000000};
    world.context =
        (struct decide_context){.config = &world.config,
                                .directory = directory_new(&world.fake->store, &directory_settings),
                                .passwords = passwords_new(&settings)};
    ensure(world.context.directory && world.context.passwords);
    arena_init(&world.arena, world.block, sizeof(world.block));
}

static void wake_cb(struct waiter *waiter, struct now now)
{
    (void)waiter;
    (void)now;
}

/* What waits is answered, and what is to be hashed is. */
static void turn(void)
{
    while (world.work_count > 0) {
        struct password_work *work = world.works[--world.work_count];
        password_work_do(work);
        passwords_done(world.context.passwords, work, true);
    }
    fake_store_step(world.fake);
    passwords_tick(world.context.passwords, world.now);
    directory_tick(world.context.directory, world.now);
}

/* It must end. */
static void decide(const struct request *request, struct decision *out)
{
    struct waiter waiter = {.wake_cb = wake_cb};

    for (int i = 0;; i++) {
        ensure(i < TURNS_MAX);
        arena_reset(&world.arena);
        if (decide_run(&world.context, request, &world.arena, world.now, &waiter, out) ==
            DECIDE_DONE) {
            return;
        }
        turn();
    }
}

static void check(const struct request *request)
{
    struct offer_reference want = offer_reference(request, CREDENTIAL_BASIC);
    bool is_good = want.reason == REASON_OK && want.kind == CREDENTIAL_BASIC &&
                   str_equal(want.text, STR(PAIR));
    bool is_nothing = want.reason == REASON_OK && want.kind == CREDENTIAL_NONE;
    struct decision decision;

    decide(request, &decision);
    ensure((decision.verdict.kind == VERDICT_ALLOW) == is_good);
    if (is_good) {
        ensure(str_equal(decision.verdict.user, STR("alice")));
    } else {
        ensure(decision.verdict.reason == (is_nothing                 ? REASON_NO_CREDENTIAL
                                           : want.reason != REASON_OK ? want.reason
                                                                      : REASON_BAD_CREDENTIAL));
        ensure(decision.verdict.user.len == 0 && decision.verdict.credential.len == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_open;

    if (size > INPUT_MAX) {
        return 0;
    }
    if (!is_open) {
        open_world();
        is_open = true;
    }
    /* To the byte, so that a sanitizer sees what is read behind it. */
    char *text = malloc(size + 1);
    ensure(text);
    memcpy(text, data, size);
    struct request request = {.fault = REASON_OK,
                              .source = {.bytes = {192, 0, 2, 7}, .length = 4},
                              .method = STR("GET"),
                              .path = STR("/"),
                              .frontend = STR("fe"),
                              .authorization = str_make(text, size),
                              .authorization_count = 1,
                              .host_count = -1};
    check(&request);
    world.now.mono_us += 10000;
    world.now.wall_us += 10000;
    free(text);
    return 0;
}
