/*
 * What a directory of many users costs: bytes for each, and the time of a verdict against that of a
 * few users. The whole agent but for its sockets, in this process; a store that makes records up.
 *
 *     directory_bench [users] [rounds]
 *
 * Every user has a key, a role or two of ten, and every third a team. Prints one JSON object.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/crc32.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/serve/engine.h"
#include "agent/serve/peer.h"
#include "tests/support/spop_peer.h"

#define FEW         1000
#define BATCH       20 /* questions in one read */
#define BATCH_BYTES (BATCH * 512)
#define CHUNK       50 /* batches between two looks at the clock */
#define VERDICTS    20000
#define ROUNDS      75
#define ROUNDS_MAX  99
#define USERS       1000000
#define ROLES       10
#define RULES       10
#define NAME_BYTES  64
#define FIELDS_MAX  16
#define VALUE_BYTES 160
#define START_US    INT64_C(1800000000000000)
#define PEPPER_ID   "bench"
#define ASKED_MAX   4096

static size_t user_count = USERS;
static char (*keys)[APIKEY_LENGTH]; /* of each user */

/* ---- the store ---- */

struct asked {
    char key[NAME_BYTES];
    store_reply_cb *callback;
    void *context;
};

static struct asked asked[ASKED_MAX];
static size_t asked_count;
static struct crypto_hasher *hasher;

struct answer {
    struct store_field fields[FIELDS_MAX];
    char values[FIELDS_MAX][VALUE_BYTES];
    char names[FIELDS_MAX][NAME_BYTES];
    size_t count;
};

static void put(struct answer *answer, const char *name, const char *value)
{
    size_t i = answer->count++;

    snprintf(answer->names[i], NAME_BYTES, "%s", name);
    snprintf(answer->values[i], VALUE_BYTES, "%s", value);
    answer->fields[i] =
        (struct store_field){str_from_c(answer->names[i]), str_from_c(answer->values[i])};
}

static void make_key(struct answer *answer, size_t number)
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    char hex[2 * CRYPTO_SHA256_BYTES + 1] = {0};
    char text[VALUE_BYTES];

    ensure(crypto_hash(hasher, keys[number], APIKEY_LENGTH, digest) == ERR_OK);
    enc_hex(digest, sizeof(digest), hex);
    snprintf(text, sizeof(text), "user%zu", number);
    put(answer, "user", text);
    put(answer, "state", "active");
    snprintf(text, sizeof(text), "hmac-sha256:" PEPPER_ID ":%s", hex);
    put(answer, "hash", text);
    put(answer, "created", "1700000000");
    snprintf(text, sizeof(text), "%.4s", keys[number] + APIKEY_LENGTH - 4);
    put(answer, "last4", text);
}

static void make_user(struct answer *answer, size_t number)
{
    char text[VALUE_BYTES];

    put(answer, "state", "active");
    if (number % 2 == 0) {
        snprintf(text, sizeof(text), "role%zu", number % ROLES);
    } else {
        snprintf(text, sizeof(text), "role%zu,role%zu", number % ROLES, (number + 1) % ROLES);
    }
    put(answer, "roles", text);
    if (number % 3 == 0) {
        snprintf(text, sizeof(text), "team%zu", number % 100);
        put(answer, "team", text);
    }
}

static void make_role(struct answer *answer, size_t number)
{
    char name[VALUE_BYTES], text[VALUE_BYTES];

    for (int rule = 0; rule < RULES; rule++) {
        snprintf(name, sizeof(name), "rule:%d", rule);
        snprintf(text, sizeof(text), "allow GET,POST api.example.com /v%zu/things%d/{id}", number,
                 rule);
        put(answer, name, text);
    }
}

static void answer_one(const struct asked *question)
{
    struct answer answer = {.count = 0};
    size_t number;

    if (sscanf(question->key, "reeve:key:%10zu", &number) == 1) {
        make_key(&answer, number);
    } else if (sscanf(question->key, "reeve:user:{user%zu}", &number) == 1) {
        make_user(&answer, number);
    } else if (sscanf(question->key, "reeve:role:role%zu", &number) == 1) {
        make_role(&answer, number);
    }
    question->callback(question->context, &(struct store_reply){.status = STORE_OK,
                                                                .fields = answer.fields,
                                                                .field_count = answer.count});
}

static void answer_all(void)
{
    for (size_t i = 0; i < asked_count; i++) {
        answer_one(&asked[i]);
    }
    asked_count = 0;
}

static enum err get_hash(struct store *of, struct str key, store_reply_cb *callback, void *context)
{
    struct asked *next = &asked[asked_count];

    (void)of;
    if (asked_count == ASKED_MAX || key.len >= NAME_BYTES) {
        return ERR_FULL;
    }
    *next = (struct asked){.callback = callback, .context = context};
    memcpy(next->key, key.ptr, key.len);
    asked_count++;
    return ERR_OK;
}

static enum err run_script(struct store *of, const struct store_call *call,
                           store_reply_cb *callback, void *context)
{
    (void)of;
    (void)call;
    (void)callback;
    (void)context;
    return ERR_IO;
}

static void free_nothing(struct store *of)
{
    (void)of;
}

static uint64_t session(const struct store *of)
{
    (void)of;
    return 1;
}

static const struct store_ops ops = {
    .get_hash = get_hash, .run_script = run_script, .session = session, .free = free_nothing};
static struct store store = {&ops};

/* ---- the agent ---- */

static struct engine engine;
static struct peer peer;
static struct directory *directory;
static char folder[] = "/tmp/reeve-directory-XXXXXX";

static void ignore_output_cb(void *context, struct peer *whose)
{
    (void)context;
    (void)whose;
}

static void write_text(const char *name, const char *text)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ensure(file && fchmod(fileno(file), 0600) == 0);
    fputs(text, file);
    fclose(file);
}

static struct config *load_config(void)
{
    static const char pepper[] = PEPPER_ID " 000102030405060708090a0b0c0d0e0f\n";
    const struct config_override none = {0};
    struct config *config;
    char text[1024];

    write_text("pepper", pepper);
    snprintf(text, sizeof(text),
             "audit_file = \"%s/audit\"\nspool_dir = \"%s\"\nspool_size = \"1MiB\"\n"
             "on_audit_full = \"count\"\nmax_age = \"600s\"\npepper_file = \"%s/pepper\"\n"
             "gate \"*\" { accept = {apikey} }\n",
             folder, folder, folder);
    write_text("reeve.conf", text);
    snprintf(text, sizeof(text), "%s/reeve.conf", folder);
    ensure(config_load(text, &none, 0, stderr, &config) == ERR_OK);
    return config;
}

static void drain(void)
{
    const uint8_t *bytes;
    size_t length;

    while (peer_output(&peer, &bytes, &length)) {
        peer_sent(&peer, length);
    }
    if (peer.is_stalled) {
        peer_received(&peer, 0);
        drain();
    }
}

static void turn(void)
{
    answer_all();
    directory_tick(directory, engine.now);
    drain();
}

static void feed(const struct spop_out *out)
{
    uint8_t *room;
    size_t length;

    ensure(peer_room(&peer, &room, &length) && length >= out->length);
    memcpy(room, out->data, out->length);
    peer_received(&peer, out->length);
}

static void start(void)
{
    const struct spool_identity identity = {.agent = "bench",
                                            .boot = "00112233445566778899aabbccddeeff"};
    const struct directory_settings settings = {.prefix = STR("reeve:"),
                                                .max_age_us = INT64_C(600000000),
                                                .max_stale_us = INT64_C(600000000),
                                                .max_records = 2 * user_count + 1024,
                                                .max_absent = 10000,
                                                .max_source_misses = ASKED_MAX,
                                                .max_misses = ASKED_MAX};
    const struct quota_settings quota_settings = {.prefix = STR("reeve:"),
                                                  .holder = STR("bench.0.00112233"),
                                                  .max_leases = 16,
                                                  .worker_count = 1};
    struct engine_settings engine_settings = {.output_cb = ignore_output_cb};
    uint8_t memory[512];
    struct spop_out out = spop_out_over(memory, sizeof(memory));
    struct diag diag;

    ensure(mkdtemp(folder) && crypto_start() == ERR_OK && quota_start() == ERR_OK);
    log_set_level(LOG_ERROR);
    struct config *config = load_config();
    hasher = crypto_hmac_new(config->peppers.items[0].key, config->peppers.items[0].key_length);
    directory = directory_new(&store, &settings);
    engine_settings.decide =
        (struct decide_context){.config = config,
                                .directory = directory,
                                .apikeys = apikey_verifier_new(&config->peppers, false),
                                .quota = quota_new(&store, &quota_settings),
                                .shield = shield_new(config, &store)};
    ensure(spool_create(folder, &identity, config->spool_bytes, &engine_settings.spool, &diag) ==
           ERR_OK);
    ensure(hasher && directory && engine_settings.decide.apikeys && engine_settings.decide.quota &&
           engine_settings.decide.shield);
    ensure(engine_init(&engine, &engine_settings) == ERR_OK);
    engine.is_ready = true;
    engine.now = (struct now){.mono_us = 1000000, .wall_us = START_US};
    peer_init(&peer, &engine, "bench");
    spop_put_hello(&out, &spop_hello_haproxy);
    feed(&out);
    drain();
}

static void stop(void)
{
    char command[96];

    peer_fini(&peer);
    engine_fini(&engine);
    directory_free(directory);
    quota_free(engine.decide.quota);
    shield_free(engine.decide.shield);
    apikey_verifier_free(engine.decide.apikeys);
    spool_close(engine.spool);
    crypto_hasher_free(hasher);
    config_unref((struct config *)(uintptr_t)engine.decide.config);
    crypto_stop();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    ensure(system(command) == 0);
    free(keys);
}

/* ---- the load ---- */

static uint64_t random_state = 1;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void make_keys(void)
{
    keys = malloc(user_count * sizeof(*keys));
    ensure(keys);
    for (size_t i = 0; i < user_count; i++) {
        char text[VALUE_BYTES];
        snprintf(text, sizeof(text), "rv_%010zu_%032" PRIx64 "_", i, random_next());
        enc_base62(crc32_ieee(text, APIKEY_LENGTH - 7), 6, text + APIKEY_LENGTH - 6);
        memcpy(keys[i], text, APIKEY_LENGTH);
    }
}

static void put_question(struct spop_out *out, uint64_t id, size_t user)
{
    char path[64], key[APIKEY_LENGTH + 1] = {0};
    const struct spop_question question = {.rid = "0123456789abcdef",
                                           .frontend = "api",
                                           .source = "192.0.2.7",
                                           .method = "GET",
                                           .path = path,
                                           .host = "api.example.com",
                                           .apikey = key};

    snprintf(path, sizeof(path), "/v%zu/things%zu/%zu", user % ROLES, user % RULES, user);
    memcpy(key, keys[user], APIKEY_LENGTH);
    spop_put_question(out, id, id, &question);
}

static uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Everybody once: what it takes is the directory's. */
static void fill(void)
{
    static uint8_t memory[BATCH_BYTES];

    for (size_t user = 0; user < user_count;) {
        struct spop_out out = spop_out_over(memory, sizeof(memory));
        for (int i = 0; i < BATCH && user < user_count; i++, user++) {
            put_question(&out, user + 1, user);
        }
        feed(&out);
        while (asked_count > 0) {
            turn();
        }
        drain();
    }
}

/* CPU nanoseconds for each verdict about `users` users, asked at random. */
static double measure(size_t users)
{
    static uint8_t memory[CHUNK][BATCH_BYTES];
    struct spop_out outs[CHUNK];
    uint64_t spent = 0;

    for (int done = 0; done < VERDICTS; done += CHUNK * BATCH) {
        for (int i = 0; i < CHUNK; i++) {
            outs[i] = spop_out_over(memory[i], BATCH_BYTES);
            for (int j = 0; j < BATCH; j++) {
                put_question(&outs[i], (uint64_t)j + 1, random_next() % users);
            }
        }
        uint64_t before = clock_ns();
        for (int i = 0; i < CHUNK; i++) {
            feed(&outs[i]);
            drain();
        }
        spent += clock_ns() - before;
    }
    return (double)spent / VERDICTS;
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    ensure(file && fscanf(file, "%*u %lu", &pages) == 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t allocated_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    static double few[ROUNDS_MAX], all[ROUNDS_MAX], ratios[ROUNDS_MAX];
    struct directory_counters empty, full;
    size_t rounds = ROUNDS;

    user_count = argc > 1 ? strtoul(argv[1], NULL, 10) : USERS;
    rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : ROUNDS;
    ensure(user_count >= FEW && rounds >= 1 && rounds <= ROUNDS_MAX);
    make_keys();
    start();
    directory_counters(directory, &empty);
    size_t resident = resident_bytes(), allocated = allocated_bytes();
    fill();
    resident = resident_bytes() - resident;
    allocated = allocated_bytes() - allocated;
    directory_counters(directory, &full);
    (void)measure(user_count);
    for (size_t i = 0; i < rounds; i++) {
        few[i] = measure(FEW);
        all[i] = measure(user_count);
        ratios[i] = all[i] / few[i];
    }
    ensure(engine.counters.verdicts[VERDICT_ALLOW] == engine.counters.requests);
    double per_user = (double)user_count;
    printf("{\"users\": %zu, \"records\": %zu, \"resident_bytes\": %.1f, "
           "\"allocated_bytes\": %.1f, \"counted_bytes\": %.1f, \"few_ns\": %.1f, "
           "\"all_ns\": %.1f, \"ratio\": %.3f}\n",
           user_count, full.record_count, (double)resident / per_user, (double)allocated / per_user,
           (double)(full.bytes - empty.bytes) / per_user, median(few, rounds), median(all, rounds),
           median(ratios, rounds));
    stop();
    return 0;
}
