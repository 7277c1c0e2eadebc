#include "agent/audit/verify_inside.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/audit/segment.h"
#include "agent/audit/segment_read.h"

#define TEXT_BYTES     1024
#define PROGRESS_BYTES ((uint64_t)1024 * 1024)
#define WORKERS_MAX    65536

void verify_tell(struct audit_verify *verify, enum audit_verify_kind kind, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (kind == AUDIT_VERIFY_FAULT) {
        verify->counts.faults++;
    } else {
        verify->counts.notes++;
    }
    verify->settings.tell_cb(verify->settings.context, kind, text);
}

enum err audit_verify_new(const struct audit_verify_settings *settings, struct audit_verify **out,
                          struct diag *diag)
{
    struct audit_verify *verify = calloc(1, sizeof(*verify));
    enum err e = verify ? ERR_OK : ERR_MEMORY;

    if (verify) {
        verify->settings = *settings;
        verify->hasher = crypto_sha256_new();
        verify->run = verify_run_new();
        e = verify->hasher && verify->run ? ERR_OK : ERR_MEMORY;
    }
    if (e == ERR_OK && !str_is_absent(settings->public_key)) {
        e = signature_key_pem(settings->public_key, &verify->root, diag);
        if (e == ERR_OK && signature_key_type(verify->root) != SIGNATURE_KEY_ED25519) {
            diag_set(diag, "not a key of Ed25519");
            e = ERR_RANGE;
        }
    }
    if (e != ERR_OK) {
        audit_verify_free(verify);
        return e;
    }
    *out = verify;
    return ERR_OK;
}

void audit_verify_free(struct audit_verify *verify)
{
    if (verify) {
        crypto_hasher_free(verify->hasher);
        signature_key_free(verify->root);
        signature_key_free(verify->key);
        verify_run_free(verify->run);
        audit_heads_fini(&verify->heads);
        free(verify->origins);
        free(verify);
    }
}

enum err audit_verify_add_head(struct audit_verify *verify, struct str line)
{
    return audit_heads_add(&verify->heads, line);
}

void verify_begin_hash(struct audit_verify *verify, const uint8_t chain[CRYPTO_SHA256_BYTES])
{
    if (crypto_hash_begin(verify->hasher) != ERR_OK ||
        crypto_hash_add(verify->hasher, chain, CRYPTO_SHA256_BYTES) != ERR_OK) {
        fault(verify, "%s: OpenSSL refused", verify->path);
    }
}

void verify_add_hash(struct audit_verify *verify, struct str bytes)
{
    if (crypto_hash_add(verify->hasher, bytes.ptr, bytes.len) != ERR_OK) {
        fault(verify, "%s: OpenSSL refused", verify->path);
    }
}

static struct origin *find_origin(struct audit_verify *verify, const struct audit_read_line *line)
{
    for (size_t i = 0; i < verify->origin_count; i++) {
        size_t at = (verify->origin_at + i) % verify->origin_count;
        struct origin *origin = &verify->origins[at];

        if (origin->worker == line->worker && str_equal(str_from_c(origin->boot), line->boot)) {
            verify->origin_at = at;
            return origin;
        }
    }
    if (verify->origin_count == WORKERS_MAX || line->boot.len > AUDIT_RING_BOOT_MAX) {
        return NULL;
    }
    struct origin *origins =
        realloc(verify->origins, (verify->origin_count + 1) * sizeof(*origins));
    if (!origins) {
        return NULL;
    }
    verify->origins = origins;
    struct origin *origin = &origins[verify->origin_count];
    *origin = (struct origin){.worker = line->worker};
    memcpy(origin->boot, line->boot.ptr, line->boot.len);
    verify->origin_at = verify->origin_count++;
    return origin;
}

static void check_sequence(struct audit_verify *verify, const struct audit_read_line *line)
{
    struct origin *origin = find_origin(verify, line);
    const struct str mark = STR(",\"redelivered\":true");

    if (!origin) {
        return;
    }
    if (line->sequence <= origin->last) {
        if (!memmem(line->text.ptr, line->text.len, mark.ptr, mark.len)) {
            fault(verify, "%s: segment %llu: record %s-%llu-%llu stands there again", verify->path,
                  ULL(verify->segment), origin->boot, ULL(origin->worker), ULL(line->sequence));
        }
        return;
    }
    if (origin->last > 0 && line->sequence > origin->last + 1) {
        note(verify,
             "%s: segment %llu: records %s-%llu-%llu to %llu were lost before they got here",
             verify->path, ULL(verify->segment), origin->boot, ULL(origin->worker),
             ULL(origin->last + 1), ULL(line->sequence - 1));
    }
    origin->last = line->sequence;
}

static void take_record(struct audit_verify *verify, const struct audit_read_line *line)
{
    if (verify->segment == 0 || verify->holds_removed) {
        verify->stray_lines++;
        return;
    }
    verify_add_hash(verify, line->raw);
    verify->open_lines++;
    verify->open_strange += line->type.len == 0;
    verify->open_bytes += line->raw.len;
    if (line->sequence > 0) {
        verify->counts.records++;
        check_sequence(verify, line);
    }
}

static void progress(struct audit_verify *verify, size_t length)
{
    verify->counts.bytes += length;
    if (verify->settings.progress_cb && verify->counts.bytes >= verify->progress_due) {
        verify->progress_due = verify->counts.bytes + PROGRESS_BYTES;
        verify->settings.progress_cb(verify->settings.context, verify->counts.bytes);
    }
}

static void take_line(struct audit_verify *verify, const struct audit_read_line *line)
{
    progress(verify, line->raw.len);
    if (str_equal(line->type, STR("segment"))) {
        verify_take_header(verify, line);
    } else if (str_equal(line->type, STR("checkpoint"))) {
        verify_take_checkpoint(verify, line);
    } else {
        take_record(verify, line);
    }
}

static void end_file(struct audit_verify *verify, size_t rest, bool is_last)
{
    verify_settle(verify);
    if (verify->stray_lines > 0) {
        fault(verify, "%s: %llu lines stand in no segment: nothing vouches for them", verify->path,
              ULL(verify->stray_lines));
    }
    if (rest > 0 && is_last) {
        note(verify, "%s: the last line has no end", verify->path);
    } else if (rest > 0) {
        fault(verify, "%s: %zu bytes behind the last line, which nothing vouches for", verify->path,
              rest);
    }
}

static enum err read_file(struct audit_verify *verify, const char *path, bool is_last,
                          struct diag *diag)
{
    struct audit_reader *reader;
    struct audit_read_line line;
    enum audit_read result;
    size_t length = strlen(path), ending = sizeof(AUDIT_REMOVED_SUFFIX) - 1;
    enum err e = audit_reader_open(path, 0, &reader, diag);

    if (e != ERR_OK) {
        return e;
    }
    verify->path = path;
    verify->stray_lines = 0;
    verify->holds_removed =
        length > ending && strcmp(path + length - ending, AUDIT_REMOVED_SUFFIX) == 0;
    while ((result = audit_reader_next(reader, &line)) == AUDIT_READ_LINE) {
        take_line(verify, &line);
    }
    if (result == AUDIT_READ_FAIL) {
        diag_set(diag, "%s: %s", path, strerror(errno));
    }
    end_file(verify, audit_reader_rest(reader), is_last);
    audit_reader_free(reader);
    return result == AUDIT_READ_END ? ERR_OK : ERR_IO;
}

static void check_missing_heads(struct audit_verify *verify)
{
    uint64_t removed = 0;

    for (size_t i = 0; i < verify->heads.count; i++) {
        const struct audit_head *head = &verify->heads.items[i];

        if (head->is_found) {
            continue;
        }
        if (head->segment >= verify->first_removed && head->segment <= verify->last_removed) {
            removed++;
            continue;
        }
        fault(verify,
              "cut: the head is segment %llu block %llu, which is not there; the files end with "
              "segment %llu block %llu",
              ULL(head->segment), ULL(head->block), ULL(verify->counts.last_segment),
              ULL(verify->counts.last_block));
    }
    if (removed > 0) {
        note(verify, "%llu heads are of segments that were removed: not compared", ULL(removed));
    }
}

static void check_end(struct audit_verify *verify)
{
    if (verify->segment == 0 || verify->is_segment_removed) {
        fault(verify, "no segment is there that could be verified");
    } else if (verify->open_bytes > OPEN_BYTES_MAX) {
        fault(verify,
              "segment %llu: the last %llu lines have no checkpoint: more than an agent leaves",
              ULL(verify->segment), ULL(verify->open_lines));
    } else if (verify->open_lines > 0) {
        note(verify, "segment %llu: the last %llu lines have no checkpoint yet",
             ULL(verify->segment), ULL(verify->open_lines));
    }
    if (verify->open_strange > 0) {
        fault(verify, "segment %llu: %llu lines behind the last checkpoint are none of the audit's",
              ULL(verify->segment), ULL(verify->open_strange));
    }
    if (verify->first_removed > 0 && verify->last_removed >= verify->first_removed) {
        note(verify, "segments %llu to %llu were removed: only their headers are left",
             ULL(verify->first_removed), ULL(verify->last_removed));
    }
    check_missing_heads(verify);
}

struct file {
    const char *path;
    uint64_t number;
};

static int compare(const void *a, const void *b)
{
    const struct file *left = a, *right = b;

    if (left->number != right->number) {
        return left->number < right->number ? -1 : 1;
    }
    return strcmp(left->path, right->path);
}

static enum err list_files(const char *const *paths, size_t count, struct file *files,
                           struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        struct audit_reader *reader;
        enum err e = audit_reader_open(paths[i], 0, &reader, diag);

        if (e != ERR_OK) {
            return e;
        }
        files[i] = (struct file){paths[i], audit_segment_number(audit_reader_fd(reader))};
        audit_reader_free(reader);
    }
    qsort(files, count, sizeof(*files), compare);
    return ERR_OK;
}

enum err audit_verify_files(struct audit_verify *verify, const char *const *paths, size_t count,
                            struct diag *diag)
{
    struct file *files = calloc(count > 0 ? count : 1, sizeof(*files));
    enum err e = files ? list_files(paths, count, files, diag) : ERR_MEMORY;

    if (!files) {
        diag_set(diag, "%s", err_text(e));
    }
    for (size_t i = 0; i < count && e == ERR_OK; i++) {
        e = read_file(verify, files[i].path, i + 1 == count, diag);
    }
    free(files);
    if (e != ERR_OK) {
        return e;
    }
    check_end(verify);
    return ERR_OK;
}

void audit_verify_counts(const struct audit_verify *verify, struct audit_verify_counts *out)
{
    *out = verify->counts;
}
