/* What a segment's header says: who certifies it, and what it follows. */
#include <string.h>

#include "agent/audit/signed.h"
#include "agent/audit/verify_inside.h"
#include "agent/base/signature_make.h"

static struct signature_key *key_of(struct str line)
{
    uint8_t bytes[ED25519_PUBLIC_BYTES];
    struct signature_key *key = NULL;

    if (audit_read_hex(line, "key", bytes, sizeof(bytes)) &&
        signature_key_ed25519(str_make((const char *)bytes, sizeof(bytes)), &key, NULL) != ERR_OK) {
        key = NULL;
    }
    return key;
}

/* The public key given is the segment's own. */
static bool is_pinned(const struct audit_verify *verify, struct str line)
{
    const struct str given = verify->settings.public_key;
    uint8_t own[ED25519_PUBLIC_BYTES];
    char pem[ED25519_PEM_MAX];

    if (!audit_read_hex(line, "key", own, sizeof(own)) ||
        signature_public_pem(own, pem) != ERR_OK) {
        return false;
    }
    const char *body = strchr(pem, '\n') + 1;
    return memmem(given.ptr, given.len, body, (size_t)(strchr(body, '\n') - body)) != NULL;
}

/* Who certifies the header, as far as that can be known. */
static void check_certificate(struct audit_verify *verify, const struct audit_read_line *line,
                              uint64_t number, bool is_next, const struct signature_key *own)
{
    const struct signature_key *by = is_next ? verify->key : verify->root;

    if (verify->segment > 0 && !is_next) {
        return; /* that it is out of order is told */
    }
    if (!own) {
        if (verify->root || (is_next && verify->key)) {
            fault(verify, "%s: segment %llu has no key", verify->path, ULL(number));
        }
        return;
    }
    if (!is_next && !verify->root) {
        note(verify, "%s: segment %llu: without --public-key its key is only believed",
             verify->path, ULL(number));
        return;
    }
    if (!is_next && is_pinned(verify, line->text)) {
        return;
    }
    if (!by || !audit_is_signed(by, line->text, "certificate")) {
        fault(verify, "%s: segment %llu is not certified by %s", verify->path, ULL(number),
              is_next ? "the segment before" : "the public key");
    }
}

static void check_order(struct audit_verify *verify, uint64_t number)
{
    if (verify->segment == 0 || number == verify->segment + 1) {
        return;
    }
    if (number > verify->segment + 1) {
        fault(verify, "%s: segment %llu follows %llu: those between are missing", verify->path,
              ULL(number), ULL(verify->segment));
    } else {
        fault(verify, "%s: segment %llu stands there after %llu: replayed", verify->path,
              ULL(number), ULL(verify->segment));
    }
}

static void check_previous(struct audit_verify *verify, uint64_t number, bool is_next,
                           bool has_previous, const uint8_t previous[CRYPTO_SHA256_BYTES])
{
    if (!is_next || !verify->has_end) {
        return;
    }
    if (!has_previous) {
        fault(verify, "%s: segment %llu was begun without segment %llu", verify->path, ULL(number),
              ULL(number - 1));
    } else if (memcmp(previous, verify->end, CRYPTO_SHA256_BYTES) != 0) {
        fault(verify, "%s: segment %llu does not end as it did: its lines after block %llu",
              verify->path, ULL(number - 1), ULL(verify->block));
    }
}

/* Behind the last checkpoint of the segment that ends here. */
static void end_segment(struct audit_verify *verify)
{
    verify_settle(verify);
    verify->has_end = verify->segment > 0 && !verify->is_segment_removed &&
                      crypto_hash_peek(verify->hasher, verify->end) == ERR_OK;
}

/* Segments are removed from the first one on. */
static void check_removal(struct audit_verify *verify, uint64_t number)
{
    if (verify->segment > 0 && !verify->is_segment_removed) {
        fault(verify, "%s: segment %llu was removed, but segment %llu before it was not",
              verify->path, ULL(number), ULL(verify->segment));
    }
    verify->first_removed = verify->first_removed > 0 ? verify->first_removed : number;
    verify->last_removed = number;
}

/* The same header again: it was kept, but then its segment could not be removed. */
static bool is_kept_before(struct audit_verify *verify, const struct audit_read_line *line,
                           uint64_t number, const uint8_t previous[CRYPTO_SHA256_BYTES])
{
    uint8_t before[CRYPTO_SHA256_BYTES], now[CRYPTO_SHA256_BYTES];

    if (!verify->is_segment_removed || number != verify->segment ||
        crypto_hash_peek(verify->hasher, before) != ERR_OK) {
        return false;
    }
    verify_begin_hash(verify, previous);
    verify_add_hash(verify, line->raw);
    return crypto_hash_peek(verify->hasher, now) == ERR_OK && memcmp(before, now, sizeof(now)) == 0;
}

static void begin_segment(struct audit_verify *verify, const struct audit_read_line *line,
                          uint64_t number, const uint8_t previous[CRYPTO_SHA256_BYTES])
{
    verify->segment = number;
    verify->is_segment_removed = verify->holds_removed;
    verify->block = 0;
    verify->open_lines = 1;
    verify->open_strange = 0;
    verify->open_bytes = line->raw.len;
    verify->counts.segments++;
    verify_begin_hash(verify, previous);
    verify_add_hash(verify, line->raw);
}

void verify_take_header(struct audit_verify *verify, const struct audit_read_line *line)
{
    uint8_t previous[CRYPTO_SHA256_BYTES] = {0};
    uint64_t number = 0;
    bool has_previous = audit_read_hex(line->text, "previous", previous, sizeof(previous));

    end_segment(verify);
    if (!audit_read_number(line->text, "segment", &number) || number == 0) {
        fault(verify, "%s: a header without its number", verify->path);
    }
    if (is_kept_before(verify, line, number, previous)) {
        verify->last_removed -= !verify->holds_removed;
        verify->is_segment_removed = verify->holds_removed;
        return;
    }
    struct signature_key *key = key_of(line->text);
    bool is_next = verify->segment > 0 && number == verify->segment + 1;
    if (verify->holds_removed) {
        check_removal(verify, number);
    }
    check_order(verify, number);
    check_certificate(verify, line, number, is_next, key);
    check_previous(verify, number, is_next, has_previous, previous);
    signature_key_free(verify->key);
    verify->key = key;
    begin_segment(verify, line, number, previous);
}
