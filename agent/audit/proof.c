#include "agent/audit/proof.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/base/enc.h"

#define HEX_BYTES(length) (2 * (length) + 1)

/* Appends; `length` stays above capacity once something did not fit. */
struct text {
    char *out;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    size_t room = text->length < AUDIT_PROOF_LINE_MAX ? AUDIT_PROOF_LINE_MAX - text->length : 0;

    va_start(arguments, format);
    int length = vsnprintf(room > 0 ? text->out + text->length : NULL, room, format, arguments);
    va_end(arguments);
    text->length += length >= 0 ? (size_t)length : AUDIT_PROOF_LINE_MAX;
}

static void put_hex(struct text *text, const char *name, const uint8_t *bytes, size_t length)
{
    char hex[HEX_BYTES(ED25519_SIGNATURE_BYTES)];

    enc_hex(bytes, length, hex);
    put(text, ",\"%s\":\"%.*s\"", name, (int)(2 * length), hex);
}

static void put_begin(struct text *text, const struct audit_proof *proof, const char *type,
                      uint64_t segment, struct now now)
{
    time_t second = (time_t)(now.wall_us / 1000000);
    char time[sizeof("2024-05-06T07:08:09")];
    struct tm tm = {0};

    gmtime_r(&second, &tm);
    strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
    put(text,
        "{\"v\":1,\"type\":\"%s\",\"time\":\"%s.%06dZ\",\"agent\":\"%s\",\"boot\":\"%s\","
        "\"segment\":%llu",
        type, time, (int)(now.wall_us % 1000000), proof->agent, proof->boot,
        (unsigned long long)segment);
}

/* Signs what is there and ends the line. 0: no signature, or no room. */
static size_t put_end(struct text *text, struct audit_proof *proof, const char *name)
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];

    if (text->length >= AUDIT_PROOF_LINE_MAX) {
        return 0;
    }
    if (proof->keys) {
        if (signature_make(proof->keys->current.maker, str_make(text->out, text->length),
                           signature) != ERR_OK) {
            return 0;
        }
        put_hex(text, name, signature, sizeof(signature));
    }
    put(text, "}\n");
    return text->length < AUDIT_PROOF_LINE_MAX ? text->length : 0;
}

enum err audit_proof_init(struct audit_proof *proof, const char *agent, const char *boot,
                          struct audit_keys *keys)
{
    struct str name = audit_text_cut(str_from_c(agent), AUDIT_RING_AGENT_MAX);

    *proof = (struct audit_proof){.keys = keys, .hasher = crypto_sha256_new()};
    if (!proof->hasher || crypto_hash_begin(proof->hasher) != ERR_OK) {
        audit_proof_fini(proof);
        return ERR_MEMORY;
    }
    proof->agent[enc_json(name, proof->agent)] = '\0';
    snprintf(proof->boot, sizeof(proof->boot), "%s", boot);
    return ERR_OK;
}

void audit_proof_fini(struct audit_proof *proof)
{
    crypto_hasher_free(proof->hasher);
    audit_keys_free(proof->keys);
    *proof = (struct audit_proof){0};
}

static void put_positions(struct text *text, const struct audit_range *positions, size_t count)
{
    put(text, ",\"positions\":[");
    for (size_t i = 0; i < count; i++) {
        put(text, "%s[\"%s\",%llu,%llu]", i > 0 ? "," : "", positions[i].boot,
            (unsigned long long)positions[i].worker, (unsigned long long)positions[i].last);
    }
    put(text, "]");
}

static void put_key(struct text *text, struct audit_proof *proof, bool *is_key_old)
{
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    struct audit_keys *keys = proof->keys;
    struct diag diag;

    if (!keys) {
        return;
    }
    *is_key_old = audit_keys_prepare(keys, &diag) != ERR_OK;
    signature_maker_public(*is_key_old ? keys->current.maker : keys->next.maker, public_key);
    put_hex(text, "key", public_key, sizeof(public_key));
}

size_t audit_proof_make_header(struct audit_proof *proof, uint64_t number,
                               const struct audit_range *positions, size_t position_count,
                               struct now now, char *out, bool *is_key_old)
{
    struct text text = {.out = out};

    *is_key_old = false;
    put_begin(&text, proof, "segment", number, now);
    put_positions(&text, positions, position_count);
    proof->pending_has_hash = proof->segment > 0 && proof->has_chain;
    if (proof->pending_has_hash) {
        if (crypto_hash_peek(proof->hasher, proof->pending_hash) != ERR_OK) {
            return 0;
        }
        put_hex(&text, "previous", proof->pending_hash, sizeof(proof->pending_hash));
    }
    put_key(&text, proof, is_key_old);
    size_t length = put_end(&text, proof, "certificate");
    if (length > 0) {
        proof->pending = AUDIT_PROOF_HEADER;
        proof->pending_segment = number;
    }
    return length;
}

static void put_ranges(struct text *text, const struct audit_proof *proof)
{
    put(text, ",\"ranges\":[");
    for (size_t i = 0; i < proof->range_count; i++) {
        const struct audit_range *range = &proof->ranges[i];

        put(text, "%s[\"%s\",%llu,%llu,%llu]", i > 0 ? "," : "", range->boot,
            (unsigned long long)range->worker, (unsigned long long)range->first,
            (unsigned long long)range->last);
    }
    put(text, "]");
}

size_t audit_proof_make_checkpoint(struct audit_proof *proof, struct now now, char *out)
{
    struct text text = {.out = out};

    put_begin(&text, proof, "checkpoint", proof->segment, now);
    put(&text, ",\"block\":%llu,\"lines\":%llu", (unsigned long long)proof->block + 1,
        (unsigned long long)proof->line_count);
    put_ranges(&text, proof);
    put(&text, "%s", proof->is_recovered ? ",\"recovered\":true" : "");
    if (crypto_hash_peek(proof->hasher, proof->pending_hash) != ERR_OK) {
        return 0;
    }
    put_hex(&text, "hash", proof->pending_hash, sizeof(proof->pending_hash));
    size_t length = put_end(&text, proof, "signature");
    if (length > 0) {
        proof->pending = AUDIT_PROOF_CHECKPOINT;
    }
    return length;
}

/* A failing digest shows as a hash that does not fit: verification tells it. */
static void hash(struct audit_proof *proof, const void *data, size_t length)
{
    if (crypto_hash_add(proof->hasher, data, length) != ERR_OK) {
        proof->has_chain = false;
    }
}

static void begin_block(struct audit_proof *proof)
{
    proof->block_bytes = 0;
    proof->line_count = 0;
    proof->range_count = 0;
    proof->is_recovered = false;
    proof->has_chain = crypto_hash_begin(proof->hasher) == ERR_OK;
    hash(proof, proof->chain, sizeof(proof->chain));
}

void audit_proof_written(struct audit_proof *proof, const char *line, size_t length, struct now now)
{
    bool is_header = proof->pending == AUDIT_PROOF_HEADER;

    if (is_header && !proof->pending_has_hash) {
        memset(proof->chain, 0, sizeof(proof->chain));
    } else {
        memcpy(proof->chain, proof->pending_hash, sizeof(proof->chain));
    }
    begin_block(proof);
    proof->segment = is_header ? proof->pending_segment : proof->segment;
    proof->block = is_header ? 0 : proof->block + 1;
    proof->line_count = is_header ? 1 : 0;
    proof->open_since_us = now.mono_us;
    hash(proof, line, length);
    proof->pending = AUDIT_PROOF_NONE;
}

void audit_proof_drop(struct audit_proof *proof)
{
    proof->pending = AUDIT_PROOF_NONE;
}

enum err audit_proof_commit(struct audit_proof *proof, bool is_synced, struct diag *diag)
{
    if (proof->keys && !is_synced) {
        audit_keys_turn(proof->keys, proof->segment);
    }
    return proof->keys && is_synced ? audit_keys_commit(proof->keys, proof->segment, diag) : ERR_OK;
}

void audit_proof_add(struct audit_proof *proof, const char *lines, size_t length, uint64_t count,
                     struct now now)
{
    if (proof->line_count == 0) {
        proof->open_since_us = now.mono_us;
    }
    hash(proof, lines, length);
    proof->block_bytes += length;
    proof->line_count += count;
}

static bool is_same_worker(const struct audit_range *a, const struct audit_range *b)
{
    return a->worker == b->worker && strcmp(a->boot, b->boot) == 0;
}

void audit_proof_add_range(struct audit_proof *proof, const struct audit_range *range)
{
    for (size_t i = 0; i < proof->range_count; i++) {
        struct audit_range *own = &proof->ranges[i];

        if (is_same_worker(own, range)) {
            own->first = range->first < own->first ? range->first : own->first;
            own->last = range->last > own->last ? range->last : own->last;
            return;
        }
    }
    if (proof->range_count < AUDIT_RANGES_MAX) {
        proof->ranges[proof->range_count++] = *range;
    }
}

size_t audit_proof_room(const struct audit_proof *proof)
{
    return proof->block_bytes < AUDIT_BLOCK_BYTES ? AUDIT_BLOCK_BYTES - proof->block_bytes : 0;
}

bool audit_proof_is_open(const struct audit_proof *proof)
{
    return proof->line_count > 0;
}

bool audit_proof_is_due(const struct audit_proof *proof, struct now now)
{
    return audit_proof_is_open(proof) &&
           (audit_proof_room(proof) == 0 || proof->range_count >= AUDIT_RANGES_MAX / 2 ||
            proof->is_recovered || now.mono_us - proof->open_since_us >= AUDIT_BLOCK_US);
}
