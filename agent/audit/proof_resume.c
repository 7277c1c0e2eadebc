/* Going on with a segment that an earlier boot left. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/audit/proof.h"
#include "agent/audit/segment_read.h"
#include "agent/audit/signed.h"
#include "agent/base/signature.h"

#define WINDOW_BYTES ((size_t)256 * 1024)
#define CHECKPOINT   "\n{\"v\":1,\"type\":\"checkpoint\""

struct found {
    uint64_t segment, block;
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    uint8_t chain[CRYPTO_SHA256_BYTES];
    bool has_key, has_chain;
    uint64_t open_offset; /* where the block begins that no checkpoint closes */
};

static enum err read_line(int fd, uint64_t offset, struct audit_reader **reader,
                          struct audit_read_line *line)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    *reader = copy >= 0 ? audit_reader_of(copy, offset) : NULL;
    if (!*reader) {
        return ERR_MEMORY;
    }
    switch (audit_reader_next(*reader, line)) {
    case AUDIT_READ_LINE:
        return ERR_OK;
    case AUDIT_READ_END:
        return ERR_MISSING;
    case AUDIT_READ_FAIL:
        break;
    }
    return ERR_IO;
}

static enum err read_header(int fd, struct found *found)
{
    struct audit_reader *reader;
    struct audit_read_line line;
    enum err e = read_line(fd, 0, &reader, &line);

    if (e == ERR_OK &&
        (!str_equal(line.type, STR("segment")) ||
         !audit_read_number(line.text, "segment", &found->segment) || found->segment == 0)) {
        e = ERR_MISSING;
    }
    if (e == ERR_OK) {
        found->has_key =
            audit_read_hex(line.text, "key", found->public_key, sizeof(found->public_key));
        found->has_chain =
            audit_read_hex(line.text, "previous", found->chain, sizeof(found->chain));
    }
    audit_reader_free(reader);
    return e;
}

/* The line feed before the last checkpoint's line in data[0, length); NULL where there is none. */
static const char *last_checkpoint(const char *data, size_t length)
{
    const size_t known = sizeof(CHECKPOINT) - 1;
    const char *at = data + length;

    while ((at = memrchr(data, '\n', (size_t)(at - data)))) {
        if ((size_t)(data + length - at) >= known && memcmp(at, CHECKPOINT, known) == 0) {
            return at;
        }
    }
    return NULL;
}

static ssize_t read_at(int fd, char *out, size_t length, uint64_t offset)
{
    size_t done = 0;

    while (done < length) {
        ssize_t count = pread(fd, out + done, length - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return count < 0 ? -1 : (ssize_t)done;
        }
        done += (size_t)count;
    }
    return (ssize_t)done;
}

/* From the end backwards, in windows that overlap by what is looked for. *offset: of the last
 * checkpoint's line; 0: there is none. */
static enum err find_checkpoint(int fd, uint64_t *offset)
{
    char *window = malloc(WINDOW_BYTES);
    enum err e = window ? ERR_OK : ERR_MEMORY;
    struct stat st;

    *offset = 0;
    if (e == ERR_OK && fstat(fd, &st) < 0) {
        e = ERR_IO;
    }
    for (uint64_t end = e == ERR_OK ? (uint64_t)st.st_size : 0; e == ERR_OK;) {
        uint64_t begin = end > WINDOW_BYTES ? end - WINDOW_BYTES : 0;
        ssize_t count = read_at(fd, window, (size_t)(end - begin), begin);
        const char *found = count > 0 ? last_checkpoint(window, (size_t)count) : NULL;

        e = count < 0 ? ERR_IO : ERR_OK;
        if (found) {
            *offset = begin + (uint64_t)(found - window) + 1;
        }
        if (found || begin == 0) {
            break;
        }
        end = begin + sizeof(CHECKPOINT);
    }
    free(window);
    return e;
}

static bool is_signed(struct str line, const struct found *found)
{
    struct str bytes = str_make((const char *)found->public_key, sizeof(found->public_key));
    struct signature_key *key = NULL;
    bool is_good = signature_key_ed25519(bytes, &key, NULL) == ERR_OK &&
                   audit_is_signed(key, line, "signature");

    signature_key_free(key);
    return is_good;
}

static enum err read_checkpoint(int fd, struct found *found)
{
    struct audit_reader *reader = NULL;
    struct audit_read_line line;
    uint64_t segment;
    enum err e = find_checkpoint(fd, &found->open_offset);

    if (e != ERR_OK || found->open_offset == 0) {
        return e;
    }
    e = read_line(fd, found->open_offset, &reader, &line);
    if (e == ERR_OK &&
        (!audit_read_number(line.text, "segment", &segment) || segment != found->segment ||
         !audit_read_number(line.text, "block", &found->block) ||
         !audit_read_hex(line.text, "hash", found->chain, sizeof(found->chain)) ||
         (found->has_key && !is_signed(line.text, found)))) {
        e = ERR_SYNTAX;
    }
    found->has_chain = true;
    audit_reader_free(reader);
    return e == ERR_MISSING ? ERR_SYNTAX : e;
}

static void take_line(struct audit_proof *proof, const struct audit_read_line *line, struct now now)
{
    struct audit_range range = {
        .worker = line->worker, .first = line->sequence, .last = line->sequence};
    bool is_checkpoint = str_equal(line->type, STR("checkpoint"));

    audit_proof_add(proof, line->raw.ptr, line->raw.len, is_checkpoint ? 0 : 1, now);
    proof->is_recovered |= !is_checkpoint && !str_equal(line->type, STR("segment"));
    if (line->sequence > 0 && line->boot.len < sizeof(range.boot)) {
        memcpy(range.boot, line->boot.ptr, line->boot.len);
        audit_proof_add_range(proof, &range);
    }
}

static enum err take_rest(struct audit_proof *proof, int fd, uint64_t offset, struct now now)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    struct audit_reader *reader = copy >= 0 ? audit_reader_of(copy, offset) : NULL;
    struct audit_read_line line;
    enum audit_read result;

    if (!reader) {
        return ERR_MEMORY;
    }
    while ((result = audit_reader_next(reader, &line)) == AUDIT_READ_LINE) {
        take_line(proof, &line, now);
    }
    audit_reader_free(reader);
    return result == AUDIT_READ_END ? ERR_OK : ERR_IO;
}

static bool is_ours(struct audit_proof *proof, const struct found *found)
{
    if (!proof->keys || !found->has_key) {
        return !proof->keys && !found->has_key;
    }
    return audit_keys_resume(proof->keys, found->segment, found->public_key);
}

enum err audit_proof_resume(struct audit_proof *proof, int fd, struct now now)
{
    struct found found = {0};
    enum err e = read_header(fd, &found);

    e = e == ERR_OK ? read_checkpoint(fd, &found) : e;
    if (e == ERR_OK && !is_ours(proof, &found)) {
        e = ERR_SYNTAX;
    }
    if (e != ERR_OK) {
        return e;
    }
    memcpy(proof->chain, found.chain, sizeof(proof->chain));
    proof->segment = found.segment;
    proof->block = found.block;
    proof->block_bytes = proof->line_count = proof->range_count = 0;
    proof->has_chain = crypto_hash_begin(proof->hasher) == ERR_OK &&
                       crypto_hash_add(proof->hasher, proof->chain, sizeof(proof->chain)) == ERR_OK;
    return take_rest(proof, fd, found.open_offset, now);
}
