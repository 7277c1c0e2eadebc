#include "agent/audit/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "agent/base/log.h"
#include "agent/base/str.h"

#define PATH_BYTES 4096
#define TEXT_BYTES 512
#define BEGIN      "reeve-audit-key 1\n"
#define HEX_DIGITS (2 * ED25519_SEED_BYTES)

static enum err fail(struct diag *diag, const char *path, enum err e)
{
    diag_set(diag, "audit_key_file: %s: %s", path, e == ERR_IO ? strerror(errno) : err_text(e));
    return e;
}

static void key_drop(struct audit_key *key)
{
    signature_maker_free(key->maker);
    crypto_wipe(key, sizeof(*key));
}

static enum err key_set(struct audit_key *key, const uint8_t seed[ED25519_SEED_BYTES])
{
    memcpy(key->seed, seed, ED25519_SEED_BYTES);
    key->maker = signature_maker_new(seed);
    return key->maker ? ERR_OK : ERR_CRYPTO;
}

static enum err key_generate(struct audit_key *key)
{
    uint8_t seed[ED25519_SEED_BYTES];
    enum err e = crypto_random(seed, sizeof(seed));

    e = e == ERR_OK ? key_set(key, seed) : e;
    crypto_wipe(seed, sizeof(seed));
    return e;
}

static size_t print(const struct audit_keys *keys, char out[TEXT_BYTES])
{
    char hex[HEX_DIGITS];
    int length;

    enc_hex(keys->current.seed, sizeof(keys->current.seed), hex);
    length = snprintf(out, TEXT_BYTES, BEGIN "segment %llu\nkey %.*s\n",
                      (unsigned long long)keys->segment, HEX_DIGITS, hex);
    if (keys->next.maker) {
        enc_hex(keys->next.seed, sizeof(keys->next.seed), hex);
        length +=
            snprintf(out + length, TEXT_BYTES - (size_t)length, "next %.*s\n", HEX_DIGITS, hex);
    }
    crypto_wipe(hex, sizeof(hex));
    return (size_t)length;
}

static enum err sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_BYTES];

    snprintf(folder, sizeof(folder), "%.*s.", slash ? (int)(slash - path) + 1 : 0, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return ERR_IO;
    }
    int refused = fsync(fd);
    close(fd);
    return refused ? ERR_IO : ERR_OK;
}

/* Writes a file of its own, locked and on the disk. Gives its descriptor, -1: errno says why. */
static int write_fresh(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return -1;
    }
    if (fchmod(fd, 0600) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        write(fd, text, length) == (ssize_t)length && fsync(fd) == 0) {
        return fd;
    }
    int saved_errno = errno ? errno : EIO;
    close(fd);
    unlink(path);
    errno = saved_errno;
    return -1;
}

/* What a file held must not be found on the disk once it has no name any more. */
static void overwrite(int fd)
{
    static const char zeros[TEXT_BYTES];

    if (pwrite(fd, zeros, sizeof(zeros), 0) > 0) {
        (void)fdatasync(fd);
    }
}

static enum err save(struct audit_keys *keys)
{
    char fresh[PATH_BYTES], text[TEXT_BYTES];

    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", keys->path) >= sizeof(fresh)) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    size_t length = print(keys, text);
    int fd = write_fresh(fresh, text, length);
    crypto_wipe(text, sizeof(text));
    if (fd < 0) {
        return ERR_IO;
    }
    if (rename(fresh, keys->path) < 0) {
        int saved_errno = errno;
        overwrite(fd);
        close(fd);
        unlink(fresh);
        errno = saved_errno;
        return ERR_IO;
    }
    if (keys->fd >= 0) {
        overwrite(keys->fd);
        close(keys->fd);
    }
    keys->fd = fd;
    return sync_folder(keys->path);
}

enum err audit_keys_generate(const char *path, char pem[ED25519_PEM_MAX], struct diag *diag)
{
    struct audit_keys keys = {.fd = -1};
    uint8_t public_key[ED25519_PUBLIC_BYTES];
    char text[TEXT_BYTES];
    enum err e = key_generate(&keys.current);

    if (e != ERR_OK) {
        return fail(diag, path, e);
    }
    signature_maker_public(keys.current.maker, public_key);
    e = signature_public_pem(public_key, pem);
    size_t length = print(&keys, text);
    key_drop(&keys.current);
    int fd = e == ERR_OK ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || write(fd, text, length) != (ssize_t)length || fsync(fd) < 0) {
        e = fail(diag, path, e == ERR_OK ? ERR_IO : e);
    }
    crypto_wipe(text, sizeof(text));
    if (fd >= 0) {
        close(fd);
    }
    return e;
}

/* "<name> <value>\n" off the text. */
static bool take_line(struct str *text, struct str name, struct str *value)
{
    struct str line;

    if (!str_starts_with(*text, name) || !memchr(text->ptr, '\n', text->len) ||
        !str_cut(text, '\n', &line)) {
        return false;
    }
    *value = str_skip(line, name.len);
    return true;
}

static enum err take_key(struct str value, struct audit_key *key)
{
    uint8_t seed[ED25519_SEED_BYTES];

    if (!enc_unhex(value, seed, sizeof(seed))) {
        return ERR_SYNTAX;
    }
    enum err e = key_set(key, seed);
    crypto_wipe(seed, sizeof(seed));
    return e;
}

static enum err parse(struct str text, struct audit_keys *keys)
{
    struct str value;

    if (!str_starts_with(text, STR(BEGIN))) {
        return ERR_SYNTAX;
    }
    text = str_skip(text, sizeof(BEGIN) - 1);
    if (!take_line(&text, STR("segment "), &value) ||
        !str_to_uint64(value, UINT64_MAX - 1, &keys->segment) ||
        !take_line(&text, STR("key "), &value)) {
        return ERR_SYNTAX;
    }
    enum err e = take_key(value, &keys->current);
    if (e == ERR_OK && take_line(&text, STR("next "), &value)) {
        e = take_key(value, &keys->next);
    }
    return e == ERR_OK && text.len > 0 ? ERR_SYNTAX : e;
}

static enum err read_file(struct audit_keys *keys, struct diag *diag)
{
    char text[TEXT_BYTES];
    struct stat st;

    keys->fd = open(keys->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (keys->fd < 0 || fstat(keys->fd, &st) < 0) {
        return fail(diag, keys->path, ERR_IO);
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
        diag_set(diag, "audit_key_file: %s: %s", keys->path,
                 S_ISREG(st.st_mode) ? "group and others must have no rights" : "not a file");
        return ERR_RANGE;
    }
    if (flock(keys->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        diag_set(diag, "audit_key_file: %s: another agent has it", keys->path);
        return ERR_BUSY;
    }
    ssize_t count = pread(keys->fd, text, sizeof(text), 0);
    if (count < 0) {
        return fail(diag, keys->path, ERR_IO);
    }
    enum err e = parse(str_make(text, (size_t)count), keys);
    crypto_wipe(text, sizeof(text));
    if (e != ERR_OK) {
        diag_set(diag, "audit_key_file: %s: %s", keys->path,
                 e == ERR_SYNTAX ? "not a key of reevectl audit keygen" : err_text(e));
    }
    return e;
}

enum err audit_keys_open(const char *path, struct audit_keys **out, struct diag *diag)
{
    struct audit_keys *keys = calloc(1, sizeof(*keys));

    if (keys) {
        keys->fd = -1;
        keys->path = strdup(path);
    }
    if (!keys || !keys->path) {
        audit_keys_free(keys);
        return fail(diag, path, ERR_MEMORY);
    }
    enum err e = read_file(keys, diag);
    if (e != ERR_OK) {
        audit_keys_free(keys);
        return e;
    }
    *out = keys;
    return ERR_OK;
}

void audit_keys_free(struct audit_keys *keys)
{
    if (!keys) {
        return;
    }
    key_drop(&keys->current);
    key_drop(&keys->next);
    if (keys->fd >= 0) {
        close(keys->fd);
    }
    free(keys->path);
    free(keys);
}

static bool is_of(const struct audit_key *key, const uint8_t public_key[ED25519_PUBLIC_BYTES])
{
    uint8_t own[ED25519_PUBLIC_BYTES];

    if (!key->maker) {
        return false;
    }
    signature_maker_public(key->maker, own);
    return memcmp(own, public_key, sizeof(own)) == 0;
}

enum err audit_keys_prepare(struct audit_keys *keys, struct diag *diag)
{
    key_drop(&keys->next);
    enum err e = key_generate(&keys->next);
    e = e == ERR_OK ? save(keys) : e;
    if (e != ERR_OK) {
        e = fail(diag, keys->path, e);
        key_drop(&keys->next);
    }
    return e;
}

void audit_keys_turn(struct audit_keys *keys, uint64_t segment)
{
    keys->segment = segment;
    if (keys->next.maker) {
        key_drop(&keys->current);
        keys->current = keys->next;
        crypto_wipe(&keys->next, sizeof(keys->next));
    }
}

enum err audit_keys_commit(struct audit_keys *keys, uint64_t segment, struct diag *diag)
{
    audit_keys_turn(keys, segment);
    return save(keys) == ERR_OK ? ERR_OK : fail(diag, keys->path, ERR_IO);
}

bool audit_keys_resume(struct audit_keys *keys, uint64_t segment,
                       const uint8_t public_key[ED25519_PUBLIC_BYTES])
{
    struct diag diag;

    if (is_of(&keys->next, public_key)) {
        if (audit_keys_commit(keys, segment, &diag) != ERR_OK) {
            log_error("%s; the last segment's key is still in it", diag.text);
        }
        return true;
    }
    return is_of(&keys->current, public_key);
}
