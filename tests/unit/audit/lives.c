#include "tests/unit/audit/lives.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/audit/keys.h"
#include "agent/audit/segment.h"
#include "tests/unit/audit/faults.h"

struct fixture fixture;
char key_file[128], public_key[ED25519_PEM_MAX];
unsigned boot;

void lives_setup(void)
{
    struct diag diag = {0};

    fixture_init(&fixture);
    boot = 0;
    snprintf(key_file, sizeof(key_file), "%s/key", fixture.root);
    ck_assert_int_eq(audit_keys_generate(key_file, public_key, &diag), ERR_OK);
}

void lives_teardown(void)
{
    faults_set(NULL);
    fixture_fini(&fixture);
}

struct audit_writer_settings settings_of(const struct fixture *own)
{
    return (struct audit_writer_settings){.audit_file = own->file,
                                          .spool_dir = own->spool_dir,
                                          .agent = "gw1",
                                          .boot = "b0",
                                          .key_file = key_file};
}

void live_with(struct audit_writer_settings settings, uint64_t first, uint64_t last)
{
    struct audit_writer *writer;
    struct diag diag = {0};
    int saved = silence_log();

    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    struct spool *spool = open_spool(&fixture, ++boot, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    if (first <= last) {
        append_records(spool, first, last);
    }
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved);
}

void live(uint64_t records)
{
    live_with(settings_of(&fixture), 1, records);
}

size_t count_segments(void)
{
    struct audit_segments segments = {0};
    enum err e = audit_segments(fixture.file, &segments);
    size_t count = segments.count;

    audit_segments_free(&segments);
    return e == ERR_OK ? count : SIZE_MAX;
}

void lives_tell_cb(void *context, enum audit_verify_kind kind, const char *text)
{
    struct told *told = context;

    if (kind == AUDIT_VERIFY_NOTE && told->length > TOLD_NOTES_MAX) {
        return;
    }
    told->length += (size_t)snprintf(told->text + told->length, TOLD_MAX - told->length, "%s%s\n",
                                     kind == AUDIT_VERIFY_FAULT ? "FAULT " : "NOTE ", text);
    ck_assert_uint_lt(told->length, TOLD_MAX);
}

void verify_paths(const char *const *paths, size_t count, const char *head, struct told *told)
{
    struct audit_verify_settings settings = {
        .public_key = str_from_c(public_key), .tell_cb = lives_tell_cb, .context = told};
    struct audit_verify *verify;
    struct diag diag = {0};

    *told = (struct told){.length = 0};
    ck_assert_msg(audit_verify_new(&settings, &verify, &diag) == ERR_OK, "%s", diag.text);
    if (head) {
        ck_assert_int_eq(audit_verify_add_head(verify, str_from_c(head)), ERR_OK);
    }
    ck_assert_msg(audit_verify_files(verify, paths, count, &diag) == ERR_OK, "%s", diag.text);
    audit_verify_counts(verify, &told->counts);
    audit_verify_free(verify);
}

void verify_all(const char *head, struct told *told)
{
    struct audit_segments segments;
    const char *paths[2048];
    char removed[160];
    size_t count = 0;

    ck_assert_int_eq(audit_segments(fixture.file, &segments), ERR_OK);
    for (size_t i = segments.count; i-- > 0;) {
        paths[count++] = segments.items[i].path;
    }
    snprintf(removed, sizeof(removed), "%s" AUDIT_REMOVED_SUFFIX, fixture.file);
    if (access(removed, F_OK) == 0) {
        paths[count++] = removed;
    }
    verify_paths(paths, count, head, told);
    audit_segments_free(&segments);
}

void assert_proved(uint64_t records, uint64_t segments)
{
    static struct told told;

    verify_all(NULL, &told);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_eq(told.counts.records, records);
    ck_assert_uint_eq(told.counts.segments, segments);
}

void assert_told(const struct told *told, const char *what)
{
    ck_assert_msg(told->counts.faults > 0 && strstr(told->text, what), "\"%s\" is not in:\n%s",
                  what, told->text);
}

struct str line_at(const char *text, size_t n)
{
    const char *begin = text;

    for (size_t i = 0; i < n; i++) {
        begin = strchr(begin, '\n') + 1;
    }
    return str_make(begin, (size_t)(strchr(begin, '\n') - begin) + 1);
}

struct str line_of(const char *text, const char *type, size_t n)
{
    char needle[64];
    const char *found = text;

    snprintf(needle, sizeof(needle), "{\"v\":1,\"type\":\"%s\"", type);
    for (size_t i = 0; i <= n; i++) {
        found = strstr(i > 0 ? found + 1 : found, needle);
        ck_assert_msg(found != NULL, "%s %zu", type, i);
    }
    return line_at(found, 0);
}

char *read_file_text(size_t *length)
{
    return read_text(fixture.file, length);
}
