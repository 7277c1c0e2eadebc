/*
 * Makes an audit as an agent does, by its spools and its writer: signed segments, as fast as they can be
 * written. For tests of what reads audits.
 *
 *     audit_make FOLDER COUNT [SEGMENT_BYTES]
 *
 * Leaves audit.jsonl with its closed segments in the folder, and audit.pub, the public half of the first
 * key. The records are the same at each run but for the key: 1997 users in 20 teams, who are mostly
 * allowed, and strangers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "agent/audit/keys.h"
#include "agent/audit/writer.h"
#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/base/log.h"

#define WORKERS       2
#define SPOOL_BYTES   ((size_t)64 * 1024 * 1024)
#define LOOK_EVERY    1024u /* records between two looks at the room */
#define WAIT_NS       1000000L
#define CLOSE_US      INT64_C(600000000)
#define SEGMENT_BYTES (UINT64_C(256) * 1024 * 1024)
#define START_US      INT64_C(1800000000000000)
#define STEP_US       250
#define USERS         1997u /* no divisor of what else repeats */
#define TEAMS         20u
#define BOOT          "0123456789abcdef0123456789abcdef"
#define PATH_BYTES    4096

struct names {
    char rid[32], path[64], user[16], team[8], credential[32];
};

static void print_names(uint64_t number, struct names *names)
{
    unsigned user = (unsigned)(number * 7919 % USERS);

    snprintf(names->rid, sizeof(names->rid), "%016llX", (unsigned long long)number);
    snprintf(names->path, sizeof(names->path), "/v1/orders/%llu",
             (unsigned long long)(number % 10007));
    snprintf(names->user, sizeof(names->user), "user%u", user);
    snprintf(names->team, sizeof(names->team), "team%u", user % TEAMS);
    snprintf(names->credential, sizeof(names->credential), "key:k%09u", user);
}

static struct audit_record known_caller(uint64_t number, const struct names *names)
{
    return (struct audit_record){
        .wall_us = START_US + (int64_t)number * STEP_US,
        .mono_us = (int64_t)number * STEP_US + 1,
        .duration_us = 12,
        .rid = str_from_c(names->rid),
        .gate = STR("*"),
        .frontend = STR("public-api"),
        .source = {4, {10, (uint8_t)(number % 250), (uint8_t)(number % 249), 1}},
        .host = STR("api.example.com"),
        .method = STR("GET"),
        .path = str_from_c(names->path),
        .user = str_from_c(names->user),
        .team = str_from_c(names->team),
        .credential = str_from_c(names->credential),
        .roles = STR("reader,writer"),
        .verdict = STR("allow"),
        .status = 200,
        .reason = REASON_OK,
        .rule = STR("reader/10"),
        .limits = STR("burst:1:99,daily:1:99999"),
        .config = STR("e3b0c44298fc1c14"),
        .data = STR("cache"),
    };
}

/* Of a hundred: five over their quota, five strangers, who are told so. */
static struct audit_record make_record(uint64_t number, const struct names *names)
{
    struct audit_record record = known_caller(number, names);

    if (number % 100 < 5) {
        record.verdict = STR("throttle");
        record.status = 429;
        record.reason = REASON_QUOTA;
        record.limit = STR("daily");
    } else if (number % 100 < 10) {
        record.user = record.team = record.credential = record.roles = STR_ABSENT;
        record.rule = record.limits = STR_ABSENT;
        record.verdict = STR("deny");
        record.status = 401;
        record.reason = REASON_NO_CREDENTIAL;
    }
    return record;
}

/* Above a half strangers would be counted together. */
static void wait_for_room(const struct spool *spool)
{
    struct spool_counters counters;

    for (;;) {
        spool_counters(spool, &counters);
        if (counters.used_bytes < counters.capacity_bytes / 4) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    }
}

static void make_records(struct spool *const spools[WORKERS], uint64_t count)
{
    struct names names;

    for (uint64_t number = 0; number < count; number++) {
        struct spool *spool = spools[number % WORKERS];

        if (number % LOOK_EVERY < WORKERS) {
            wait_for_room(spool);
        }
        print_names(number, &names);
        struct audit_record record = make_record(number, &names);
        ensure(spool_append(spool, &record) == SPOOL_RECORDED);
    }
}

static void make_key(const char *key_file, const char *public_file)
{
    char pem[ED25519_PEM_MAX];
    struct diag diag = {{0}};
    FILE *file = fopen(public_file, "wx");

    ensure(file && audit_keys_generate(key_file, pem, &diag) == ERR_OK);
    ensure(fputs(pem, file) >= 0 && fclose(file) == 0);
}

static void make_audit(const struct audit_writer_settings *settings, uint64_t count)
{
    struct spool *spools[WORKERS];
    struct audit_writer *writer;
    struct diag diag = {{0}};

    ensure(audit_writer_open(settings, &writer, &diag) == ERR_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct spool_identity identity = {.agent = "gw1", .boot = BOOT, .worker = i};
        ensure(spool_create(settings->spool_dir, &identity, SPOOL_BYTES, &spools[i], &diag) ==
                   ERR_OK &&
               audit_writer_add(writer, spools[i]) == ERR_OK);
    }
    ensure(audit_writer_start(writer) == ERR_OK);
    make_records(spools, count);
    audit_writer_close(writer, CLOSE_US);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct spool_counters counters;
        spool_counters(spools[i], &counters);
        ensure(counters.used_bytes == 0);
        spool_close(spools[i]);
    }
}

static void name(const char *folder, const char *file, char out[PATH_BYTES])
{
    ensure((size_t)snprintf(out, PATH_BYTES, "%s/%s", folder, file) < PATH_BYTES);
}

int main(int argc, char **argv)
{
    char audit[PATH_BYTES], spool[PATH_BYTES], key[PATH_BYTES], public_key[PATH_BYTES];
    uint64_t count, segment_bytes = SEGMENT_BYTES;

    if (argc < 3 || argc > 4 || !str_to_uint64(str_from_c(argv[2]), UINT64_MAX, &count) ||
        (argc > 3 && !str_to_uint64(str_from_c(argv[3]), UINT64_MAX, &segment_bytes))) {
        fputs("usage: audit_make FOLDER COUNT [SEGMENT_BYTES]\n", stderr);
        return 2;
    }
    log_set_level(LOG_WARNING);
    ensure(crypto_start() == ERR_OK);
    name(argv[1], "audit.jsonl", audit);
    name(argv[1], "spool", spool);
    name(argv[1], "audit.key", key);
    name(argv[1], "audit.pub", public_key);
    ensure(mkdir(spool, 0700) == 0);
    make_key(key, public_key);
    make_audit(&(struct audit_writer_settings){.audit_file = audit,
                                               .spool_dir = spool,
                                               .agent = "gw1",
                                               .boot = BOOT,
                                               .key_file = key,
                                               .segment_bytes = segment_bytes},
               count);
    crypto_stop();
    return 0;
}
