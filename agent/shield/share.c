#include "agent/shield/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/copy.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/shield/shield_inside.h"

#define SALT_BYTES     16
#define SALT_CHARS     (2 * SALT_BYTES)
#define SALT_RETRY_US  1000000
#define NAME_CHARS     (2 * SHIELD_NAME_BYTES)
#define KEY_BYTES_MAX  160
#define TEXT_BYTES_MAX (SALT_CHARS + 1 + 16 + 1024)
#define FAIL_ARGUMENTS 8
#define ANSWER_MOST_US (INT64_C(1) << 52)
#define FAILURES_AGAIN 1000

/* NUL-terminated texts, made of lua/ by CMakeLists.txt. */
extern const char script_fail[], script_forgive[], script_salt[];

enum script { FAIL, FORGIVE, SALT, SCRIPTS };

static struct store_script scripts[SCRIPTS];

/* A script on its way. */
struct call {
    struct shield_share *share;
    enum shield_kind kind;
    uint64_t hash;
    uint32_t told;
    bool is_free;
};

struct due {
    enum shield_kind kind;
    uint64_t hash;
};

/* The store calls back in any case, so what calls point to outlives a shield that is freed. */
struct shield_share {
    struct shield *shield; /* NULL: freed */
    struct store *store;
    struct str prefix;
    struct crypto_hasher *hasher;
    int64_t now_us; /* of the last tick */

    char salt[SALT_CHARS]; /* hex */
    bool has_salt;
    bool asks_salt;
    uint64_t salt_session; /* of the store, in which the salt was read; 0: it is to be read */
    int64_t salt_due_us;

    struct due queue[SHARE_QUEUE];
    size_t queue_first;
    size_t queue_count;
    int64_t batch_due_us;
    struct call calls[SHARE_BATCH];
    size_t in_flight;

    uint64_t shared, unshared;
};

enum err shield_share_start(void)
{
    static const struct {
        const char *name, *text;
    } sources[SCRIPTS] = {[FAIL] = {"fail", script_fail},
                          [FORGIVE] = {"forgive", script_forgive},
                          [SALT] = {"salt", script_salt}};
    enum err e = ERR_OK;

    for (size_t i = 0; i < SCRIPTS && e == ERR_OK; i++) {
        scripts[i] =
            (struct store_script){.name = sources[i].name, .text = str_from_c(sources[i].text)};
        e = store_script_init(&scripts[i]);
    }
    return e;
}

struct shield_share *shield_share_new(struct shield *shield, struct str prefix, struct store *store)
{
    struct shield_share *share = calloc(1, sizeof(*share));

    if (!share) {
        return NULL;
    }
    share->shield = shield;
    share->store = store;
    share->prefix = prefix;
    for (size_t i = 0; i < SHARE_BATCH; i++) {
        share->calls[i] = (struct call){.share = share, .is_free = true};
    }
    share->hasher = crypto_sha256_new();
    if (!share->hasher) {
        shield_share_free(share);
        return NULL;
    }
    return share;
}

static void free_share(struct shield_share *share)
{
    crypto_hasher_free(share->hasher);
    free(share);
}

void shield_share_free(struct shield_share *share)
{
    if (!share) {
        return;
    }
    share->shield = NULL;
    if (share->in_flight == 0 && !share->asks_salt) {
        free_share(share);
    }
}

/* After an answer; false: it was the last that a freed shield waited for. */
static bool lives(struct shield_share *share)
{
    if (!share->shield && share->in_flight == 0 && !share->asks_salt) {
        free_share(share);
        return false;
    }
    return share->shield != NULL;
}

/* ---- names ---- */

/* Of a text that is too long for it the hash stands in. False where that fails: no name. */
static bool make_name(struct shield_share *share, struct str kind, struct str text,
                      uint8_t name[SHIELD_NAME_BYTES])
{
    char bytes[TEXT_BYTES_MAX], *at = bytes;
    uint8_t digest[CRYPTO_SHA256_BYTES];

    if (SALT_CHARS + 1 + kind.len + text.len > sizeof(bytes)) {
        if (crypto_hash(share->hasher, text.ptr, text.len, digest) != ERR_OK) {
            return false;
        }
        text = str_make((const char *)digest, sizeof(digest));
    }
    at = copy_bytes(at, share->salt, SALT_CHARS);
    *at++ = '\n';
    at = copy_bytes(at, kind.ptr, kind.len);
    at = copy_bytes(at, text.ptr, text.len);
    enum err e = crypto_hash(share->hasher, bytes, (size_t)(at - bytes), digest);
    crypto_wipe(bytes, sizeof(bytes));
    memcpy(name, digest, SHIELD_NAME_BYTES);
    return e == ERR_OK;
}

static struct str kind_text(enum credential_kind kind)
{
    switch (kind) {
    case CREDENTIAL_APIKEY:
        return STR("key:");
    case CREDENTIAL_BASIC:
        return STR("password:");
    default:
        return STR("token:");
    }
}

static bool name_source(struct shield_share *share, const struct ip *source,
                        uint8_t name[SHIELD_NAME_BYTES])
{
    struct ip counted = *source;
    char text[IP_TEXT_MAX];

    if (counted.length == 16) {
        memset(counted.bytes + 8, 0, 8);
    }
    return make_name(share, STR("source:"), str_make(text, ip_print(&counted, text)), name);
}

void shield_share_name(struct shield_share *share, enum shield_kind kind,
                       const struct shield_attempt *attempt, struct shield_entry *entry)
{
    if (!share->has_salt || entry->has_name) {
        return;
    }
    entry->has_name = name_source(share, attempt->source, entry->source);
    if (kind == SHIELD_PAIR) {
        entry->has_name &=
            make_name(share, kind_text(attempt->kind), attempt->credential, entry->credential);
    }
}

bool shield_share_read_unlock(const struct shield_share *share, struct str key,
                              uint8_t name[SHIELD_NAME_BYTES])
{
    const struct str begin = STR("unlock:");

    if (!str_starts_with(key, share->prefix) ||
        !str_starts_with(str_skip(key, share->prefix.len), begin)) {
        return false;
    }
    return enc_unhex(str_skip(key, share->prefix.len + begin.len), name, SHIELD_NAME_BYTES);
}

/* ---- the queue ---- */

void shield_share_add(struct shield_share *share, enum shield_kind kind, struct shield_entry *entry)
{
    if (!entry->has_name || entry->is_due || entry->is_asked) {
        return;
    }
    if (share->queue_count == SHARE_QUEUE) {
        share->unshared++;
        return;
    }
    entry->is_due = true;
    size_t at = (share->queue_first + share->queue_count++) % SHARE_QUEUE;
    share->queue[at] = (struct due){.kind = kind, .hash = entry->hash};
}

/* NULL: it is gone, or was sent meanwhile. */
static struct shield_entry *next_due(struct shield_share *share, enum shield_kind *kind)
{
    const struct due due = share->queue[share->queue_first];
    struct shield_entry *entry = shield_table_find(&share->shield->tables[due.kind], due.hash);

    share->queue_first = (share->queue_first + 1) % SHARE_QUEUE;
    share->queue_count--;
    *kind = due.kind;
    return entry && entry->is_due ? entry : NULL;
}

/* ---- calls ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What the store says, and what failed since it was asked. */
static void take_answer(struct shield_share *share, const struct call *call,
                        struct shield_entry *entry, uint64_t left_us, uint64_t wait_us)
{
    const struct shield_rule *rule = &share->shield->rules[call->kind];
    int64_t now_us = share->now_us;

    if (entry->is_forgiven) {
        return;
    }
    entry->count = (struct shield_count){.clear_us = now_us + (int64_t)left_us,
                                         .until_us = now_us + (int64_t)wait_us};
    for (uint32_t i = 0; i < entry->untold && i < FAILURES_AGAIN; i++) {
        shield_count_add(&entry->count, rule, now_us);
    }
    shield_table_note(&share->shield->tables[call->kind], entry);
}

static bool read_answer(const struct store_reply *reply, uint64_t *left_us, uint64_t *wait_us)
{
    return reply->status == STORE_OK && reply->field_count == 2 &&
           str_equal(reply->fields[0].name, STR("left")) &&
           str_equal(reply->fields[1].name, STR("wait")) &&
           str_to_uint64(reply->fields[0].value, ANSWER_MOST_US, left_us) &&
           str_to_uint64(reply->fields[1].value, ANSWER_MOST_US, wait_us);
}

static void end_call(struct shield_share *share, const struct call *call,
                     const struct store_reply *reply)
{
    struct shield_entry *entry = shield_table_find(&share->shield->tables[call->kind], call->hash);
    uint64_t left_us, wait_us;
    bool is_counted = read_answer(reply, &left_us, &wait_us);

    share->shared += reply->status == STORE_OK;
    share->unshared += reply->status != STORE_OK;
    if (!entry || !entry->is_asked) {
        return;
    }
    entry->is_asked = false;
    if (is_counted) {
        take_answer(share, call, entry, left_us, wait_us);
    } else if (reply->status != STORE_OK) {
        entry->untold += call->told;
    }
    if (entry->untold > 0 || entry->is_forgiven) {
        shield_share_add(share, call->kind, entry);
    }
}

static void answer_cb(void *context, const struct store_reply *reply)
{
    struct call *call = context;
    struct shield_share *share = call->share;

    call->is_free = true;
    share->in_flight--;
    if (lives(share)) {
        end_call(share, call, reply);
    }
}

struct arguments {
    struct str items[FAIL_ARGUMENTS];
    char digits[FAIL_ARGUMENTS][24];
    size_t count;
};

static void add_number(struct arguments *arguments, int64_t number)
{
    char *digits = arguments->digits[arguments->count];

    snprintf(digits, sizeof(arguments->digits[0]), "%" PRId64, number);
    arguments->items[arguments->count++] = str_from_c(digits);
}

static void add_failures(struct arguments *arguments, const struct shield_rule *rule,
                         const struct shield_entry *entry, int64_t now_us)
{
    add_number(arguments, entry->untold);
    add_number(arguments, entry->untold > 0 ? larger(0, now_us - entry->touched_us) : 0);
    add_number(arguments, larger(0, entry->count.clear_us - now_us));
    add_number(arguments, larger(0, entry->count.until_us - now_us));
    add_number(arguments, rule->interval_us);
    add_number(arguments, rule->wait_us);
    add_number(arguments, rule->wait_max_us);
    add_number(arguments, rule->free);
}

static void print_key(const struct shield_share *share, enum shield_kind kind,
                      const struct shield_entry *entry, char out[KEY_BYTES_MAX])
{
    char credential[NAME_CHARS + 1] = "any", source[NAME_CHARS + 1] = "";

    if (kind == SHIELD_PAIR) {
        enc_hex(entry->credential, SHIELD_NAME_BYTES, credential);
    }
    enc_hex(entry->source, SHIELD_NAME_BYTES, source);
    snprintf(out, KEY_BYTES_MAX, "%.*sfailed:%s:%s", STR_ARG(share->prefix), credential, source);
}

static struct call *free_call(struct shield_share *share)
{
    for (size_t i = 0; i < SHARE_BATCH; i++) {
        if (share->calls[i].is_free) {
            return &share->calls[i];
        }
    }
    return NULL;
}

/* False: not now. */
static bool send(struct shield_share *share, enum shield_kind kind, struct shield_entry *entry)
{
    struct call *call = free_call(share);
    struct arguments arguments = {.count = 0};
    char key[KEY_BYTES_MAX];

    ensure(call);
    print_key(share, kind, entry, key);
    if (!entry->is_forgiven) {
        add_failures(&arguments, &share->shield->rules[kind], entry, share->now_us);
    }
    const struct store_call what = {.script = &scripts[entry->is_forgiven ? FORGIVE : FAIL],
                                    .key = str_from_c(key),
                                    .arguments = arguments.items,
                                    .argument_count = arguments.count};
    if (store_run_script(share->store, &what, answer_cb, call) != ERR_OK) {
        return false;
    }
    call->kind = kind;
    call->hash = entry->hash;
    call->told = entry->is_forgiven ? 0 : entry->untold;
    call->is_free = false;
    share->in_flight++;
    entry->untold -= call->told;
    entry->is_forgiven = false;
    entry->is_asked = true;
    return true;
}

static void send_batch(struct shield_share *share)
{
    bool is_taken = true;

    while (is_taken && share->queue_count > 0 && share->in_flight < SHARE_BATCH) {
        enum shield_kind kind;
        struct shield_entry *entry = next_due(share, &kind);
        if (entry) {
            entry->is_due = false;
            is_taken = send(share, kind, entry);
        }
        if (entry && !is_taken) {
            shield_share_add(share, kind, entry);
        }
    }
}

/* ---- the salt ---- */

/* Names under another salt name nothing. */
static void forget_names(struct shield *shield)
{
    for (unsigned kind = 0; kind < SHIELD_KINDS; kind++) {
        for (size_t i = 0; i < shield_table_places(&shield->tables[kind]); i++) {
            shield->tables[kind].entries[i].has_name = false;
        }
    }
}

static void take_salt(struct shield_share *share, struct str salt)
{
    uint8_t bytes[SALT_BYTES];

    if (!enc_unhex(salt, bytes, sizeof(bytes))) {
        return;
    }
    if (share->has_salt && memcmp(share->salt, salt.ptr, SALT_CHARS) != 0) {
        forget_names(share->shield);
    }
    memcpy(share->salt, salt.ptr, SALT_CHARS);
    share->has_salt = true;
}

static void salt_cb(void *context, const struct store_reply *reply)
{
    struct shield_share *share = context;

    share->asks_salt = false;
    if (!lives(share)) {
        return;
    }
    if (reply->status == STORE_OK && reply->field_count == 1) {
        take_salt(share, reply->fields[0].value);
    } else {
        share->salt_session = 0;
    }
}

static void ask_salt(struct shield_share *share)
{
    char key[KEY_BYTES_MAX], text[SALT_CHARS];
    uint8_t bytes[SALT_BYTES];

    share->salt_due_us = share->now_us + SALT_RETRY_US;
    if (crypto_random(bytes, sizeof(bytes)) != ERR_OK) {
        return;
    }
    enc_hex(bytes, sizeof(bytes), text);
    const struct str offer = str_make(text, sizeof(text));
    snprintf(key, sizeof(key), "%.*sfailed:salt", STR_ARG(share->prefix));
    const struct store_call call = {
        .script = &scripts[SALT], .key = str_from_c(key), .arguments = &offer, .argument_count = 1};
    if (store_run_script(share->store, &call, salt_cb, share) == ERR_OK) {
        share->asks_salt = true;
        share->salt_session = store_session(share->store);
    }
}

/* ---- the turn ---- */

void shield_share_tick(struct shield_share *share, struct now now)
{
    share->now_us = now.mono_us;
    if (!store_is_up(share->store)) {
        return;
    }
    if (share->salt_session != store_session(share->store) && !share->asks_salt &&
        now.mono_us >= share->salt_due_us) {
        ask_salt(share);
    }
    if (share->queue_count > 0 && now.mono_us >= share->batch_due_us) {
        share->batch_due_us = now.mono_us + SHARE_INTERVAL_US;
        send_batch(share);
    }
}

void shield_share_flushed(struct shield_share *share)
{
    share->salt_session = 0;
}

void shield_share_counters(const struct shield_share *share, struct shield_counters *out)
{
    out->shared = share->shared;
    out->unshared = share->unshared;
}
