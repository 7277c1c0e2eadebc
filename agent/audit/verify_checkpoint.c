/* What a checkpoint says: which block it closes, the block's hash, and who signed that. */
#include <stdlib.h>
#include <string.h>

#include "agent/audit/signed.h"
#include "agent/audit/verify_inside.h"

#define RANGES_SHOWN  300
#define RUN_BYTES_MAX ((size_t)128 * 1024) /* a line fits */
#define RUN_COUNT_MAX 128

/* Checkpoints, one after the other, each of which is in the hash of the next one: their lines. */
struct verify_run {
    size_t count, length;
    struct {
        uint64_t block;
        size_t length;
    } items[RUN_COUNT_MAX];
    char text[RUN_BYTES_MAX];
};

struct verify_run *verify_run_new(void)
{
    struct verify_run *run = malloc(sizeof(*run));

    if (run) {
        run->count = run->length = 0;
    }
    return run;
}

void verify_run_free(struct verify_run *run)
{
    free(run);
}

static struct str ranges_of(struct str line)
{
    const struct str name = STR(",\"ranges\":[");
    const char *begin = memmem(line.ptr, line.len, name.ptr, name.len);
    const char *end = begin ? memmem(begin, (size_t)(line.ptr + line.len - begin), "]]", 2) : NULL;

    if (!end) {
        return STR("none");
    }
    begin += name.len;
    size_t length = (size_t)(end - begin) + 1;
    return str_make(begin, length < RANGES_SHOWN ? length : RANGES_SHOWN);
}

static bool is_signed(const struct audit_verify *verify, struct str line)
{
    return !verify->key || audit_is_signed(verify->key, line, "signature");
}

static void check_signature(struct audit_verify *verify, struct str line, uint64_t segment,
                            uint64_t block)
{
    struct str ranges = ranges_of(line);

    if (!is_signed(verify, line)) {
        fault(verify, "%s: segment %llu block %llu: not signed by its segment's key; records %.*s",
              verify->path, ULL(segment), ULL(block), STR_ARG(ranges));
    }
}

static struct str last_of(const struct verify_run *run)
{
    size_t length = run->items[run->count - 1].length;

    return str_make(run->text + run->length - length, length);
}

void verify_settle(struct audit_verify *verify)
{
    struct verify_run *run = verify->run;
    bool is_good = run->count == 0 || is_signed(verify, last_of(run));
    size_t at = 0;

    for (size_t i = 0; i < run->count && !is_good; i++) {
        struct str line = str_make(run->text + at, run->items[i].length);

        check_signature(verify, line, verify->segment, run->items[i].block);
        at += line.len;
    }
    run->count = run->length = 0;
}

static void add_to_run(struct audit_verify *verify, struct str line, uint64_t block)
{
    struct verify_run *run = verify->run;

    if (run->count == RUN_COUNT_MAX || line.len > RUN_BYTES_MAX - run->length) {
        verify_settle(verify);
    }
    memcpy(run->text + run->length, line.ptr, line.len);
    run->length += line.len;
    run->items[run->count].block = block;
    run->items[run->count++].length = line.len;
}

static void check_order(struct audit_verify *verify, struct str line, uint64_t segment,
                        uint64_t block)
{
    struct str ranges = ranges_of(line);

    if (segment != verify->segment) {
        fault(verify, "%s: segment %llu: a checkpoint of segment %llu, block %llu, records %.*s",
              verify->path, ULL(verify->segment), ULL(segment), ULL(block), STR_ARG(ranges));
    } else if (block > verify->block + 1) {
        fault(verify, "%s: segment %llu: blocks %llu to %llu are missing before records %.*s",
              verify->path, ULL(segment), ULL(verify->block + 1), ULL(block - 1), STR_ARG(ranges));
    } else if (block <= verify->block) {
        fault(verify, "%s: segment %llu: block %llu stands there after %llu: moved or replayed",
              verify->path, ULL(segment), ULL(block), ULL(verify->block));
    }
}

/* What is as it was written goes into the run. Anything else ends it, and is judged by itself. */
static void check_block(struct audit_verify *verify, struct str line, uint64_t segment,
                        uint64_t block, const uint8_t hash[CRYPTO_SHA256_BYTES])
{
    uint8_t actual[CRYPTO_SHA256_BYTES];
    bool is_as_written = crypto_hash_peek(verify->hasher, actual) == ERR_OK &&
                         memcmp(actual, hash, sizeof(actual)) == 0;

    if (is_as_written && segment == verify->segment && block == verify->block + 1) {
        add_to_run(verify, line, block);
        return;
    }
    verify_settle(verify);
    check_order(verify, line, segment, block);
    check_signature(verify, line, segment, block);
    if (!is_as_written) {
        struct str ranges = ranges_of(line);

        fault(verify, "%s: segment %llu block %llu is not as it was written: records %.*s",
              verify->path, ULL(segment), ULL(block), STR_ARG(ranges));
    }
}

static void check_heads(struct audit_verify *verify, const uint8_t hash[CRYPTO_SHA256_BYTES])
{
    size_t count;
    const struct audit_head *head =
        audit_heads_find(&verify->heads, verify->segment, verify->block, &count);

    for (; count > 0; head++, count--) {
        if (memcmp(head->hash, hash, CRYPTO_SHA256_BYTES) != 0) {
            fault(verify, "%s: segment %llu block %llu is not the one that the head vouches for",
                  verify->path, ULL(verify->segment), ULL(verify->block));
        }
    }
}

/* A start vouches for lines that it did not write: no more than may have been there. */
static void check_recovered(struct audit_verify *verify, const struct audit_read_line *line,
                            uint64_t segment, uint64_t block)
{
    const struct str mark = STR(",\"recovered\":true");
    struct str ranges = ranges_of(line->text);

    if (!memmem(line->text.ptr, line->text.len, mark.ptr, mark.len)) {
        return;
    }
    if (verify->open_bytes > OPEN_BYTES_MAX) {
        fault(verify, "%s: segment %llu block %llu was found at a start: more than an agent leaves",
              verify->path, ULL(segment), ULL(block));
        return;
    }
    note(verify, "%s: segment %llu block %llu was found at a start, its writer had died: %.*s",
         verify->path, ULL(segment), ULL(block), STR_ARG(ranges));
}

void verify_take_checkpoint(struct audit_verify *verify, const struct audit_read_line *line)
{
    uint8_t hash[CRYPTO_SHA256_BYTES];
    uint64_t segment, block;

    if (verify->segment == 0 || verify->holds_removed) {
        verify->stray_lines++;
        return;
    }
    if (!audit_read_number(line->text, "segment", &segment) ||
        !audit_read_number(line->text, "block", &block) ||
        !audit_read_hex(line->text, "hash", hash, sizeof(hash))) {
        fault(verify, "%s: segment %llu: the checkpoint after block %llu is damaged", verify->path,
              ULL(verify->segment), ULL(verify->block));
        verify_add_hash(verify, line->raw);
        return;
    }
    check_block(verify, line->text, segment, block, hash);
    check_recovered(verify, line, segment, block);
    verify->block = block;
    verify->counts.blocks++;
    verify->counts.last_segment = verify->segment;
    verify->counts.last_block = block;
    verify->open_lines = verify->open_bytes = verify->open_strange = 0;
    check_heads(verify, hash);
    verify_begin_hash(verify, hash);
    verify_add_hash(verify, line->raw);
}
