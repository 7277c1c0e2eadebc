#include "tests/scenario/box.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"

#define ANSWER_BYTES (4u << 20)
#define FRAME_BYTES  (64u << 10)
#define START_US     1800000000000000

static void write_conf(struct box *box, const char *conf)
{
    struct config_override none = {0};
    char path[96];

    snprintf(path, sizeof(path), "%s/reeve.conf", box->dir);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "audit_file = \"%s/audit.jsonl\"\nspool_dir = \"%s\"\n%s%s\n", box->dir, box->dir,
            strstr(conf, "spool_size") ? "" : "spool_size = \"4MiB\"\n", conf);
    fclose(file);
    ck_assert_int_eq(config_load(path, &none, 0, stderr, &box->config), ERR_OK);
    unlink(path);
}

static void count_output_cb(void *context, struct peer *peer)
{
    struct box *box = context;

    (void)peer;
    box->output_calls++;
}

static void fill_store(struct box *box)
{
    char hash[APIKEY_HASH_TEXT_MAX];
    char key[64];

    ck_assert_int_eq(apikey_make(box->key), ERR_OK);
    box->key[APIKEY_LENGTH] = '\0';
    memcpy(box->keyid, box->key + 3, APIKEY_ID_LENGTH);
    ck_assert_int_eq(apikey_hash_text(NULL, str_from_c(box->key), hash), ERR_OK);
    snprintf(key, sizeof(key), "reeve:key:%s", box->keyid);
    fake_store_set(box->fake, key, "user", "alice");
    fake_store_set(box->fake, key, "state", "active");
    fake_store_set(box->fake, key, "hash", hash);
    fake_store_set(box->fake, "reeve:user:{alice}", "state", "active");
    fake_store_set(box->fake, "reeve:user:{alice}", "roles", "reader");
    fake_store_set(box->fake, "reeve:role:reader", "rule:10", "allow GET * /v1/orders/**");
}

static void run_script(void *context, const struct store_call *call,
                       struct fake_store_answer *answer)
{
    struct box *box = context;
    size_t used = strlen(box->notes);

    if (fake_failures_knows(call)) {
        fake_failures_script(&box->failures, call, answer);
    } else if (str_equal(str_from_c(call->script->name), STR("note"))) {
        ensure(used + call->key.len + 64 < sizeof(box->notes));
        snprintf(box->notes + used, sizeof(box->notes) - used, "%.*s %.*s %.*s\n",
                 STR_ARG(call->key), STR_ARG(call->arguments[0]), STR_ARG(call->arguments[1]));
    } else {
        fake_counter_script(&box->counters, call, answer);
    }
}

static enum err submit_cb(void *context, struct password_work *work,
                          const struct password_place *place)
{
    struct box *box = context;

    if (box->work_count >= box->work_capacity) {
        return ERR_FULL;
    }
    box->works[box->work_count] = work;
    box->places[box->work_count++] = *place;
    return ERR_OK;
}

void box_see(struct box *box)
{
    box->seen_board = seen_board_new();
    ck_assert_ptr_nonnull(box->seen_board);
    const struct seen_settings settings = {.prefix = STR("reeve:"),
                                           .agent_id = STR("box"),
                                           .interval_us = 60000000,
                                           .ttl_us = 86400000000,
                                           .board = box->seen_board};
    ck_assert_int_eq(seen_start(), ERR_OK);
    box->seen = seen_new(&box->fake->store, &settings);
    ck_assert_ptr_nonnull(box->seen);
    box->engine.decide.seen = box->seen;
}

static void open_parts(struct box *box)
{
    struct spool_identity identity = {.agent = "box", .boot = "00112233445566778899aabbccddeeff"};
    struct directory_settings settings = {
        .prefix = STR("reeve:"),
        .max_age_us = box->config->max_age_us,
        .max_stale_us = box->config->max_stale_us,
        .max_records = box->config->directory_max_records,
        .max_absent = box->config->directory_max_absent,
        .max_source_misses = box->config->directory_max_source_misses,
        .max_misses = box->config->max_in_flight,
    };
    struct diag diag = {0};

    box->fake = fake_store_new();
    box->fake->script_cb = run_script;
    box->fake->script_context = box;
    box->counters.now_us = START_US;
    box->failures.now_us = START_US;
    box->directory = directory_new(&box->fake->store, &settings);
    box->apikeys = apikey_verifier_new(&box->config->peppers, box->config->accept_unpeppered);
    const struct passwords_settings password_settings = {
        .max_remembered = 64, .submit_cb = submit_cb, .context = box};
    box->work_capacity = BOX_WORKS_MAX;
    box->passwords = passwords_new(&password_settings);
    box->tokens = tokens_new(box->config);
    ck_assert_msg(spool_create(box->dir, &identity, box->config->spool_bytes, &box->spool, &diag) ==
                      ERR_OK,
                  "%s", diag.text);
    const struct quota_settings quota_settings = {.prefix = STR("reeve:"),
                                                  .holder = STR("box.0.00112233"),
                                                  .max_leases = box->config->max_leases,
                                                  .worker_count = 1};
    ck_assert_int_eq(quota_start(), ERR_OK);
    box->quota = quota_new(&box->fake->store, &quota_settings);
    ck_assert_int_eq(shield_start(), ERR_OK);
    box->shield = shield_new(box->config, &box->fake->store);
    ck_assert(box->shield && box->fake && box->directory && box->apikeys && box->passwords &&
              box->tokens && box->quota);
    shield_tick(box->shield, (struct now){.mono_us = 1000000, .wall_us = START_US});
    fake_store_step(box->fake); /* its salt */
    box->fake->request_count = 0;
}

static void open_peers(struct box *box)
{
    uint8_t memory[512];

    for (unsigned i = 0; i < BOX_PEERS; i++) {
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        box->answers[i] = spop_out_over(malloc(ANSWER_BYTES), ANSWER_BYTES);
        box->next_id[i] = 1;
        peer_init(&box->peers[i], &box->engine, "test");
        spop_put_hello(&out, &spop_hello_haproxy);
        box_send(box, i, out.data, out.length);
        box_collect(box, i);
        ck_assert_uint_gt(box->answers[i].length, 0);
        box->answers[i].length = 0;
    }
}

void box_open(struct box *box, const char *conf)
{
    *box = (struct box){.dir = "/tmp/reeve-box-XXXXXX"};
    ck_assert_int_eq(crypto_start(), ERR_OK);
    ck_assert_ptr_nonnull(mkdtemp(box->dir));
    log_set_level(LOG_ERROR);
    write_conf(box, conf);
    open_parts(box);
    struct engine_settings settings = {
        .decide = {.config = box->config,
                   .directory = box->directory,
                   .apikeys = box->apikeys,
                   .passwords = box->passwords,
                   .tokens = box->tokens,
                   .quota = box->quota,
                   .shield = box->shield},
        .spool = box->spool,
        .is_durable = box->config->audit_mode == CONFIG_AUDIT_DURABLE,
        .output_cb = count_output_cb,
        .output_context = box,
    };
    ck_assert_int_eq(engine_init(&box->engine, &settings), ERR_OK);
    box->engine.now = (struct now){.mono_us = 1000000, .wall_us = START_US};
    box->engine.is_ready = true;
    fill_store(box);
    open_peers(box);
}

void box_close(struct box *box)
{
    char command[96];

    for (unsigned i = 0; i < BOX_PEERS; i++) {
        peer_fini(&box->peers[i]);
        free(box->answers[i].data);
    }
    engine_fini(&box->engine);
    directory_free(box->directory);
    quota_free(box->quota);
    shield_free(box->shield);
    seen_free(box->seen);
    store_free(&box->fake->store);
    apikey_verifier_free(box->apikeys);
    while (box->work_count > 0) {
        passwords_done(box->passwords, box->works[--box->work_count], false);
    }
    passwords_free(box->passwords);
    tokens_free(box->tokens);
    seen_board_free(box->seen_board);
    spool_close(box->spool);
    config_unref(box->config);
    crypto_stop();
    snprintf(command, sizeof(command), "rm -r %s", box->dir);
    ck_assert_int_eq(system(command), 0);
}

void box_advance(struct box *box, int64_t us)
{
    box->engine.now.mono_us += us;
    box->engine.now.wall_us += us;
    box->counters.now_us += us;
    box->failures.now_us += us;
    engine_expire(&box->engine, box->engine.now);
    directory_tick(box->directory, box->engine.now);
    quota_tick(box->quota, box->engine.now);
    passwords_tick(box->passwords, box->engine.now);
    shield_tick(box->shield, box->engine.now);
    if (box->seen) {
        seen_tick(box->seen, box->engine.now);
    }
    spool_tick(box->spool, box->engine.now);
}

size_t box_step(struct box *box)
{
    size_t count = fake_store_step(box->fake);

    box_advance(box, 0);
    return count;
}

void box_hash(struct box *box, bool is_done)
{
    struct password_work *work = box->works[0];

    ck_assert_uint_gt(box->work_count, 0);
    box->work_count--;
    memmove(box->works, box->works + 1, box->work_count * sizeof(box->works[0]));
    memmove(box->places, box->places + 1, box->work_count * sizeof(box->places[0]));
    if (is_done) {
        password_work_do(work);
    }
    passwords_done(box->passwords, work, is_done);
    box_advance(box, 0);
}

const char *box_basic(struct str pair)
{
    static char text[8 + ENC_BASE64_MAX(2048)];

    ck_assert_uint_le(pair.len, 2048);
    memcpy(text, "Basic ", 6);
    size_t end = 6 + enc_base64_bare((const uint8_t *)pair.ptr, pair.len, text + 6);
    while ((end - 6) % 4 != 0) {
        text[end++] = '=';
    }
    text[end] = '\0';
    return text;
}

struct spop_question box_question(const struct box *box)
{
    return (struct spop_question){.rid = "r-1",
                                  .frontend = "fe",
                                  .source = "192.0.2.7",
                                  .method = "GET",
                                  .path = "/v1/orders/1",
                                  .host = "api.example.com",
                                  .apikey = box->key};
}

void box_send(struct box *box, unsigned peer, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    while (length > 0) {
        uint8_t *room;
        size_t part;
        ensure(peer_room(&box->peers[peer], &room, &part)); /* ck_assert() allocates */
        part = part < length ? part : length;
        memcpy(room, at, part);
        peer_received(&box->peers[peer], part);
        at += part;
        length -= part;
    }
}

uint64_t box_ask(struct box *box, unsigned peer, const struct spop_question *question)
{
    static uint8_t memory[FRAME_BYTES];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    uint64_t id = box->next_id[peer]++;

    spop_put_question(&out, id, id, question);
    box_send(box, peer, out.data, out.length);
    return id;
}

uint64_t box_ask_through(struct box *box, unsigned peer, const struct spop_question *question)
{
    uint64_t id = box_ask(box, peer, question);
    struct spop_frame ack;

    for (int i = 0; i < 16 && box_acks(box, peer, id, &ack) == 0; i++) {
        box_step(box);
    }
    return id;
}

void box_collect(struct box *box, unsigned peer)
{
    const uint8_t *bytes;
    size_t length;

    do {
        while (peer_output(&box->peers[peer], &bytes, &length)) {
            spop_put_raw(&box->answers[peer], bytes, length);
            peer_sent(&box->peers[peer], length);
        }
        if (box->peers[peer].is_stalled) {
            peer_received(&box->peers[peer], 0);
        }
    } while (peer_output(&box->peers[peer], &bytes, &length));
}

unsigned box_acks(struct box *box, unsigned peer, uint64_t id, struct spop_frame *ack)
{
    struct spop_frame frame;
    unsigned count = 0;
    size_t at = 0;
    size_t used;

    box_collect(box, peer);
    while (at < box->answers[peer].length) {
        enum spop_result result = spop_get_frame(box->answers[peer].data + at,
                                                 box->answers[peer].length - at, &frame, &used);
        ck_assert_int_eq(result, SPOP_WHOLE);
        if (frame.type == SPOP_ACK && frame.frame_id == id) {
            count++;
            *ack = frame;
        }
        at += used;
    }
    return count;
}

static struct spop_value variable(struct box *box, unsigned peer, uint64_t id, const char *name)
{
    struct spop_value value = {0};
    struct spop_frame ack;

    ck_assert_msg(box_acks(box, peer, id, &ack) == 1, "frame %llu has no single ACK",
                  (unsigned long long)id);
    (void)spop_get_var(&ack, name, &value);
    return value;
}

int64_t box_number(struct box *box, unsigned peer, uint64_t id, const char *name)
{
    return (int64_t)variable(box, peer, id, name).number;
}

const char *box_var(struct box *box, unsigned peer, uint64_t id, const char *name)
{
    static char text[512];
    struct spop_value value = variable(box, peer, id, name);

    ck_assert_uint_lt(value.bytes.length, sizeof(text));
    if (value.bytes.length > 0) {
        memcpy(text, value.bytes.data, value.bytes.length);
    }
    text[value.bytes.length] = '\0';
    return text;
}

void box_expect(struct box *box, unsigned peer, uint64_t id, const char *verdict, int status,
                const char *reason)
{
    ck_assert_str_eq(box_var(box, peer, id, "reason"), reason);
    ck_assert_str_eq(box_var(box, peer, id, "verdict"), verdict);
    ck_assert_int_eq((int)variable(box, peer, id, "status").number, status);
}
