/* reevectl audit: the key that signs the audit, its head, and whether it is as it was written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/audit/keys.h"
#include "agent/audit/privacy.h"
#include "agent/audit/segment_read.h"
#include "agent/audit/verify.h"
#include "agent/base/log.h"
#include "agent/config/file.h"
#include "agent/config/secret.h"
#include "agent/ctl/command.h"
#include "agent/ctl/progress.h"

#define PEM_BYTES_MAX  4096
#define HEAD_BYTES_MAX (512 * 1024 * 1024) /* one a minute for a year or more */
#define KEY_BYTES_MAX  512

int command_audit_keygen(int argc, char **argv)
{
    char pem[ED25519_PEM_MAX];
    struct diag diag = {0};

    if (argc != 1) {
        return argc == 0 ? COMMAND_USAGE : command_refuse_argument("audit keygen", argv[1]);
    }
    if (audit_keys_generate(argv[0], pem, &diag) != ERR_OK) {
        return command_fail("%s", diag.text);
    }
    fputs(pem, stdout);
    return 0;
}

/* The last checkpoint's line in *text, NUL-terminated on the heap; NULL where there is none. */
static enum err find_head(const char *path, char **text, struct diag *diag)
{
    struct audit_reader *reader;
    struct audit_read_line line;
    enum audit_read result;
    enum err e = audit_reader_open(path, 0, &reader, diag);

    *text = NULL;
    if (e != ERR_OK) {
        return e;
    }
    while ((result = audit_reader_next(reader, &line)) == AUDIT_READ_LINE) {
        if (str_equal(line.type, STR("checkpoint"))) {
            free(*text);
            *text = strndup(line.text.ptr, line.text.len);
        }
    }
    if (result == AUDIT_READ_FAIL) {
        diag_set(diag, "%s: %s", path, strerror(errno));
    }
    audit_reader_free(reader);
    return result == AUDIT_READ_END ? ERR_OK : ERR_IO;
}

/* What an agent writes is ASCII; anything else could say something to the terminal. */
static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

int command_audit_head(int argc, char **argv)
{
    struct diag diag = {0};
    char *text = NULL;

    if (argc != 1) {
        return argc == 0 ? COMMAND_USAGE : command_refuse_argument("audit head", argv[1]);
    }
    if (find_head(argv[0], &text, &diag) != ERR_OK) {
        free(text);
        return command_fail("%s", diag.text);
    }
    if (!text) {
        return command_fail("%s: no checkpoint in it", argv[0]);
    }
    bool is_ours = is_printable(text);
    if (is_ours) {
        puts(text);
    }
    free(text);
    return is_ours ? 0 : command_fail("%s: its last is no checkpoint of an agent's", argv[0]);
}

static int print_hashes(const struct audit_privacy *privacy, const char *text)
{
    struct ip_prefix prefix;
    char hash[AUDIT_ADDRESS_TEXT_MAX];

    if (!ip_prefix_parse(str_from_c(text), &prefix) || strchr(text, '/')) {
        return command_fail("%s: not an address", text);
    }
    size_t length = audit_privacy_print(privacy, prefix.base, false, hash);
    printf("%.*s %s\n", (int)length, hash, text);
    length = audit_privacy_print(privacy, audit_privacy_prefix(prefix.base), true, hash);
    printf("%.*s %s, counted\n", (int)length, hash, text);
    return 0;
}

static int hash_all(const char *key_file, char **addresses, int count)
{
    struct audit_privacy privacy = {0};
    struct file_text key = {0};
    struct diag diag = {0};
    int status = 0;

    if (secret_read(key_file, KEY_BYTES_MAX, &key, &diag) != ERR_OK) {
        return command_fail("--key-file: %s", diag.text);
    }
    struct str rest = str_make(key.bytes, key.length), line = STR_ABSENT;
    (void)str_cut(&rest, '\n', &line);
    if (audit_privacy_init(&privacy, AUDIT_ADDRESS_HASHED, line) != ERR_OK) {
        status = command_fail("--key-file: the key is shorter than %d characters",
                              AUDIT_ADDRESS_KEY_BYTES);
    }
    for (int i = 0; i < count && status == 0; i++) {
        status = print_hashes(&privacy, addresses[i]);
    }
    audit_privacy_fini(&privacy);
    file_text_free(&key);
    return status;
}

int command_audit_hash(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[0], "--key-file") != 0) {
        return COMMAND_USAGE;
    }
    return hash_all(argv[1], argv + 2, argc - 2);
}

struct options {
    const char *public_key, *head;
    const char **files;
    size_t file_count;
};

static void progress_cb(void *context, uint64_t bytes)
{
    progress_show(context, bytes);
}

/* File names and what stands in files may hold anything. */
static void tell_cb(void *context, enum audit_verify_kind kind, const char *text)
{
    progress_clear(context);
    fputs(kind == AUDIT_VERIFY_FAULT ? "fault  " : "note   ", stdout);
    for (const char *c = text; *c != '\0'; c++) {
        putchar(*c >= 0x20 && *c < 0x7f ? *c : '?');
    }
    putchar('\n');
}

static int parse(int argc, char **argv, struct options *out)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--public-key") == 0 && i + 1 < argc) {
            out->public_key = argv[++i];
        } else if (strcmp(argv[i], "--head") == 0 && i + 1 < argc) {
            out->head = argv[++i];
        } else if (argv[i][0] == '-') {
            return command_refuse_argument("audit verify", argv[i]);
        } else {
            out->files[out->file_count++] = argv[i];
        }
    }
    return out->file_count > 0 ? 0 : COMMAND_USAGE;
}

/* Lines of a log that are no heads may stand among them. False: told on stderr. */
static bool add_heads(struct audit_verify *verify, const char *path)
{
    struct file_text text = {0};
    struct diag diag = {0};
    size_t count = 0, number = 0;
    bool is_good = true;
    struct str line;

    if (file_read(path, FILE_ANY, HEAD_BYTES_MAX, &text, &diag) != ERR_OK) {
        command_fail("--head: %s", diag.text);
        return false;
    }
    struct str rest = str_make(text.bytes, text.length);
    while (is_good && str_cut(&rest, '\n', &line)) {
        enum err e = audit_verify_add_head(verify, line);

        number++;
        count += e == ERR_OK;
        is_good = e == ERR_OK || e == ERR_MISSING;
        if (!is_good) {
            command_fail("--head: %s:%zu: %s", path, number,
                         e == ERR_SYNTAX ? "a damaged checkpoint" : err_text(e));
        }
    }
    file_text_free(&text);
    if (is_good && count == 0) {
        command_fail("--head: %s: no checkpoint in it", path);
    }
    return is_good && count > 0;
}

static uint64_t sizes(const struct options *options)
{
    uint64_t total = 0;
    struct stat st;

    for (size_t i = 0; i < options->file_count; i++) {
        total += stat(options->files[i], &st) == 0 ? (uint64_t)st.st_size : 0;
    }
    return total;
}

static int report_counts(const struct audit_verify *verify)
{
    struct audit_verify_counts counts;

    audit_verify_counts(verify, &counts);
    printf("%s  %llu records, %llu blocks, %llu segments; up to segment %llu block %llu; %llu "
           "faults\n",
           counts.faults > 0 ? "FAULTY" : "ok", (unsigned long long)counts.records,
           (unsigned long long)counts.blocks, (unsigned long long)counts.segments,
           (unsigned long long)counts.last_segment, (unsigned long long)counts.last_block,
           (unsigned long long)counts.faults);
    return counts.faults > 0 ? 1 : 0;
}

static int verify_files(const struct options *options, struct str public_key)
{
    struct progress progress;
    const struct audit_verify_settings settings = {.public_key = public_key,
                                                   .tell_cb = tell_cb,
                                                   .progress_cb = progress_cb,
                                                   .context = &progress};
    struct audit_verify *verify = NULL;
    struct diag diag = {0};

    int status = COMMAND_TROUBLE;

    progress_begin(&progress, sizes(options));
    if (audit_verify_new(&settings, &verify, &diag) != ERR_OK) {
        command_fail("--public-key: %s", diag.text);
        return COMMAND_TROUBLE;
    }
    if (!options->head || add_heads(verify, options->head)) {
        enum err e = audit_verify_files(verify, options->files, options->file_count, &diag);

        progress_clear(&progress);
        if (e == ERR_OK) {
            status = report_counts(verify);
        } else {
            command_fail("%s", diag.text);
        }
    }
    audit_verify_free(verify);
    return status;
}

static int verify_with_key(const struct options *options)
{
    struct file_text pem = {0};
    struct diag diag = {0};

    if (!options->public_key) {
        return verify_files(options, STR_ABSENT);
    }
    if (file_read(options->public_key, FILE_ANY, PEM_BYTES_MAX, &pem, &diag) != ERR_OK) {
        command_fail("--public-key: %s", diag.text);
        return COMMAND_TROUBLE;
    }
    int status = verify_files(options, str_make(pem.bytes, pem.length));
    file_text_free(&pem);
    return status;
}

int command_audit_verify(int argc, char **argv)
{
    struct options options = {.files = calloc((size_t)argc + 1, sizeof(*options.files))};

    if (!options.files) {
        command_fail("out of memory");
        return COMMAND_TROUBLE;
    }
    int status = parse(argc, argv, &options);
    if (status == 0) {
        status = verify_with_key(&options);
    }
    free(options.files);
    return status;
}
