/*
 * Aims at request_parse(), host_normalise(), decide_run(), reply_write(), decide_record(),
 * spool_append(), peer_*(), engine_expire(), directory_get().
 *
 * Input: a byte that says what state the world is in, then the payload of a NOTIFY. The agent gets
 * it twice, first with everything to be fetched, then with everything at hand. Whatever comes:
 *  - every NOTIFY gets exactly one ACK with its ids, or the connection one DISCONNECT, which it
 * gets only for a payload that breaks SPOP;
 *  - the verdict is the first action, and allow only where notify_reference.c allows;
 *  - where the world is well, deny only where it does not allow, and twice the same answer;
 *  - with the store or the audit in trouble nobody is allowed;
 *  - no ACK of ours without one audit record that says the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/entry.h"
#include "agent/audit/spool_inside.h"
#include "agent/base/ensure.h"
#include "agent/decide/reply.h"
#include "agent/serve/engine.h"
#include "agent/serve/peer.h"
#include "tests/fuzz/notify_reference.h"
#include "tests/fuzz/notify_world.h"
#include "tests/support/spop_peer.h"

#define STATE_STORE      0x03u /* enum fake_store_mode */
#define STATE_AUDIT_FULL 0x04u
#define STATE_PEER_GONE  0x08u /* while its request waits */

#define INPUT_MAX    8192
#define MONO_US      1000000
#define TURNS        5 /* key, user, team, role, and one in which nothing waits */
#define STREAM_ID    300
#define SPOOL_FOLDER "/tmp/reeve-fuzz-XXXXXX"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    struct config *config;
    struct fake_store *fake;
    struct spool *spool;
    struct spool *full_spool;
    struct engine engine;
} world;

/* What came back for one NOTIFY. */
struct answer {
    uint8_t bytes[3 * INPUT_MAX];
    struct spop_frame frame;
};

/* ---- the world ---- */

static void load_config(const char *folder)
{
    struct config_override none = {0};
    char path[64];

    snprintf(path, sizeof(path), "%s/reeve.conf", folder);
    FILE *file = fopen(path, "w");
    ensure(file);
    fprintf(file, "audit_file = \"%s/audit\"\nspool_dir = \"%s\"\n" WORLD_GATES, folder, folder);
    fclose(file);
    ensure(config_load(path, &none, 0, stderr, &world.config) == ERR_OK);
    unlink(path);
}

/* Mapped, so it needs no name any more. */
static struct spool *open_spool(const char *folder, unsigned worker)
{
    struct spool_identity identity = {.agent = "fuzz", .boot = "1", .worker = worker};
    struct diag diag = {0};
    struct spool *spool;

    ensure(spool_create(folder, &identity, SPOOL_BYTES_MIN, &spool, &diag) == ERR_OK);
    unlink(spool_path(spool));
    return spool;
}

static void fill_spool(struct spool *spool)
{
    const struct audit_record record = {.user = STR("alice"), .verdict = STR("allow")};

    while (spool_append(spool, &record) == SPOOL_RECORDED) {
    }
}

static void output_cb(void *context, struct peer *peer)
{
    (void)context;
    (void)peer;
}

static void open_world(void)
{
    char folder[] = SPOOL_FOLDER;

    ensure(crypto_start() == ERR_OK && mkdtemp(folder));
    load_config(folder);
    world.spool = open_spool(folder, 0);
    world.full_spool = open_spool(folder, 1);
    fill_spool(world.full_spool);
    rmdir(folder);
    world.fake = fake_store_new();
    world_fill(world.fake);
    struct engine_settings settings = {
        .decide = {.config = world.config,
                   .apikeys = apikey_verifier_new(&world.config->peppers, false)},
        .spool = world.spool,
        .output_cb = output_cb,
    };
    ensure(settings.decide.apikeys && engine_init(&world.engine, &settings) == ERR_OK);
}

static void begin_run(unsigned state)
{
    struct directory_settings settings = {.prefix = STR("reeve:"),
                                          .max_age_us = world.config->max_age_us,
                                          .max_records = 64,
                                          .max_absent = 64,
                                          .max_source_misses = 64,
                                          .max_misses = 64};

    fake_store_set_mode(world.fake, (enum fake_store_mode)(state & STATE_STORE));
    world.engine.decide.directory = directory_new(&world.fake->store, &settings);
    world.engine.decide.shield = shield_new(world.config, &world.fake->store);
    world.engine.spool = state & STATE_AUDIT_FULL ? world.full_spool : world.spool;
    world.engine.now = (struct now){.mono_us = MONO_US, .wall_us = WORLD_WALL_US};
    ensure(world.engine.decide.directory && world.engine.decide.shield);
}

static void end_run(void)
{
    directory_free(world.engine.decide.directory);
    shield_free(world.engine.decide.shield);
    fake_store_drop(world.fake);
    ensure(world.engine.parked_count == 0 && world.fake->pending_count == 0);
}

static void advance(int64_t us)
{
    world.engine.now.mono_us += us;
    world.engine.now.wall_us += us;
    engine_expire(&world.engine, world.engine.now);
    directory_tick(world.engine.decide.directory, world.engine.now);
}

/* ---- one NOTIFY ---- */

static void send_bytes(struct peer *peer, const struct spop_out *out)
{
    uint8_t *room;
    size_t length;

    ensure(peer_room(peer, &room, &length) && length >= out->length);
    memcpy(room, out->data, out->length);
    peer_received(peer, out->length);
}

static size_t collect(struct peer *peer, struct answer *answer)
{
    const uint8_t *bytes;
    size_t length, total = 0;

    while (peer_output(peer, &bytes, &length)) {
        ensure(length <= sizeof(answer->bytes) - total);
        memcpy(answer->bytes + total, bytes, length);
        total += length;
        peer_sent(peer, length);
    }
    return total;
}

static void read_one_frame(struct peer *peer, struct answer *answer)
{
    size_t length = collect(peer, answer), used;

    ensure(spop_get_frame(answer->bytes, length, &answer->frame, &used) == SPOP_WHOLE);
    ensure(used == length && answer->frame.flags == SPOP_FIN);
}

static void greet(struct peer *peer, struct answer *answer)
{
    uint8_t memory[512];
    struct spop_out out = spop_out_over(memory, sizeof(memory));

    peer_init(peer, &world.engine, "fuzz");
    spop_put_hello(&out, &spop_hello_haproxy);
    send_bytes(peer, &out);
    read_one_frame(peer, answer);
    ensure(answer->frame.type == SPOP_AGENT_HELLO);
}

static void send_notify(struct peer *peer, struct spop_bytes payload, uint64_t frame_id)
{
    static uint8_t memory[INPUT_MAX + 64];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    size_t begin = spop_frame_begin(&out, SPOP_NOTIFY, SPOP_FIN, STREAM_ID, frame_id);

    spop_put_raw(&out, payload.data, payload.length);
    spop_frame_end(&out, begin);
    send_bytes(peer, &out);
}

static void wait_for_answer(void)
{
    for (int turn = 0; turn < TURNS; turn++) {
        fake_store_step(world.fake);
        advance(0);
    }
    advance(world.config->deadline_us);
    ensure(world.engine.parked_count == 0);
}

static void ask(struct peer *peer, struct spop_bytes payload, uint64_t frame_id,
                struct answer *answer)
{
    send_notify(peer, payload, frame_id);
    wait_for_answer();
    read_one_frame(peer, answer);
    if (answer->frame.type == SPOP_ACK) {
        ensure(answer->frame.stream_id == STREAM_ID && answer->frame.frame_id == frame_id);
    }
}

/* ---- what must hold ---- */

static bool is_well(unsigned state)
{
    return (state & STATE_STORE) == FAKE_STORE_UP && !(state & STATE_AUDIT_FULL);
}

static void check_disconnect(const struct answer *answer)
{
    struct spop_value status;

    ensure(answer->frame.type == SPOP_AGENT_DISCONNECT);
    ensure(spop_get_pair(answer->frame.payload, "status-code", &status));
    ensure((status.number >= 2 && status.number <= 13) || status.number == 99);
}

static struct spop_bytes variable(const struct answer *answer, const char *name)
{
    struct spop_value value = {0};

    (void)spop_get_var(&answer->frame, name, &value);
    return value.bytes;
}

static bool is_bytes(struct spop_bytes bytes, const char *data, size_t length)
{
    return bytes.length == length && (length == 0 || memcmp(bytes.data, data, length) == 0);
}

/* Every action is whole and sets something; the first one is the verdict, which is given. */
static struct spop_bytes first_verdict(const struct answer *answer)
{
    struct spop_bytes rest = answer->frame.payload;
    struct spop_action first, action;
    enum spop_result result;

    ensure(answer->frame.type == SPOP_ACK);
    ensure(spop_get_action(&rest, &first) == SPOP_WHOLE);
    ensure(first.type == 1 && first.scope == 2 && spop_is_text(first.name, "verdict"));
    while ((result = spop_get_action(&rest, &action)) == SPOP_WHOLE) {
        ensure(action.type == 1 && action.scope == 2 && !spop_is_text(action.name, "verdict"));
    }
    ensure(result == SPOP_MORE);
    return first.value.bytes;
}

static void check_allow(const struct answer *answer, const struct notify_reference *reference)
{
    struct spop_value status;

    ensure(reference->answer == NOTIFY_ALLOW || reference->answer == NOTIFY_EITHER);
    ensure(spop_get_var(&answer->frame, "status", &status) && status.number == 200);
    ensure(spop_is_text(variable(answer, "reason"), "ok"));
    ensure(is_bytes(variable(answer, "user"), reference->user, strlen(reference->user)));
    ensure(is_bytes(variable(answer, "path"), reference->path, reference->path_length));
}

static void check_deny(const struct answer *answer, const struct notify_reference *reference,
                       unsigned state)
{
    struct spop_value status;

    ensure(reference->answer != NOTIFY_ALLOW || !is_well(state));
    ensure(spop_get_var(&answer->frame, "status", &status) && status.number >= 400);
    ensure(variable(answer, "reason").length > 0);
    ensure(!spop_is_text(variable(answer, "reason"), "ok"));
}

static bool is_recorded_verdict(const struct audit_ring_record *record, struct spop_bytes verdict)
{
    struct audit_entry_reader reader;
    struct audit_value value;
    bool is_same = false;

    audit_entry_read(record->data, record->length, &reader);
    for (int field = 0; field < AUDIT_FIELD_COUNT; field++) {
        if (audit_entry_next(&reader, (enum audit_field)field, &value) &&
            field == AUDIT_FIELD_VERDICT) {
            is_same = is_bytes(verdict, value.bytes.ptr, value.bytes.len);
        }
    }
    return is_same && audit_entry_is_whole(&reader);
}

/* One record, which is taken out. */
static void check_record(struct spop_bytes verdict)
{
    struct audit_ring *ring = spool_ring(world.spool);
    struct audit_ring_record record;

    ensure(audit_ring_next(ring, ring->ledger.tail, ring->ledger.delivered, &record));
    ensure(is_recorded_verdict(&record, verdict));
    audit_ring_settle(ring, record.end, record.sequence);
    ensure(audit_ring_is_empty(ring));
}

static void drop_records(void)
{
    struct audit_ring *ring = spool_ring(world.spool);
    struct audit_ring_record record;

    while (audit_ring_next(ring, ring->ledger.tail, ring->ledger.delivered, &record)) {
        audit_ring_settle(ring, record.end, record.sequence);
    }
}

static void check_answer(const struct answer *answer, const struct notify_reference *reference,
                         unsigned state)
{
    if (reference->answer == NOTIFY_UNKNOWN) {
        ensure(answer->frame.type == SPOP_ACK && answer->frame.payload.length == 0);
        return;
    }
    struct spop_bytes verdict = first_verdict(answer);
    if (spop_is_text(verdict, "allow")) {
        ensure(is_well(state));
        check_allow(answer, reference);
    } else {
        ensure(spop_is_text(verdict, "deny"));
        check_deny(answer, reference, state);
    }
    if (!(state & STATE_AUDIT_FULL)) {
        check_record(verdict);
    }
}

static void check_twice(struct peer *peer, struct spop_bytes payload, unsigned state)
{
    static struct notify_reference reference;
    static struct answer first, second;

    notify_reference(payload, &reference);
    ask(peer, payload, 1, &first);
    if (reference.answer == NOTIFY_MALFORMED) {
        check_disconnect(&first);
        return;
    }
    check_answer(&first, &reference, state);
    ask(peer, payload, 2, &second);
    check_answer(&second, &reference, state);
    if (is_well(state)) {
        ensure(is_bytes(first.frame.payload, (const char *)second.frame.payload.data,
                        second.frame.payload.length));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct answer hello;
    struct peer peer;

    if (size == 0 || size > INPUT_MAX) {
        return 0;
    }
    if (!world.config) {
        open_world();
    }
    struct spop_bytes payload = {data + 1, size - 1};
    begin_run(data[0]);
    greet(&peer, &hello);
    if (data[0] & STATE_PEER_GONE) {
        send_notify(&peer, payload, 1);
        peer_fini(&peer);
        wait_for_answer();
        drop_records();
    } else {
        check_twice(&peer, payload, data[0]);
        peer_fini(&peer);
    }
    end_run();
    return 0;
}
