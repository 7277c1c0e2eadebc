/* Keys of segments that were closed are nowhere in the process's memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define MASK         0x5a
#define WINDOW_BYTES ((size_t)256 * 1024)
#define MAPPING_MAX  ((size_t)1 << 30) /* the shadow of a sanitizer is larger */
#define HEX_BYTES    (2 * (size_t)ED25519_SEED_BYTES)

/* A key as nothing else holds it: masked, raw and in hex. */
struct masked {
    uint8_t raw[ED25519_SEED_BYTES];
    uint8_t hex[HEX_BYTES];
};

static uint8_t
    *window; /* a mapping of its own, shared so that it stays one, which is not searched */

static void mask(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] ^= MASK;
    }
}

/* The key that the file has now, leaving no other copy of it. */
static void read_masked(struct masked *out)
{
    const char name[] = "\nkey ";
    char text[512] = {0};
    int fd = open(key_file, O_RDONLY);

    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    close(fd);
    const char *found = strstr(text, name);
    ck_assert_ptr_nonnull(found);
    memcpy(out->hex, found + sizeof(name) - 1, HEX_BYTES);
    crypto_wipe(text, sizeof(text));
    ck_assert(enc_unhex(str_make((const char *)out->hex, HEX_BYTES), out->raw, sizeof(out->raw)));
    mask(out->raw, sizeof(out->raw));
    mask(out->hex, sizeof(out->hex));
}

static bool is_at(const uint8_t *at, const uint8_t *masked, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((at[i] ^ MASK) != masked[i]) {
            return false;
        }
    }
    return true;
}

/* Half of a key is a find. */
static size_t count_in(const uint8_t *data, size_t length, const struct masked *key)
{
    size_t found = 0;

    for (size_t i = 0; i + HEX_BYTES / 2 <= length; i++) {
        found += is_at(data + i, key->raw, sizeof(key->raw) / 2) ||
                 is_at(data + i, key->hex, sizeof(key->hex) / 2);
    }
    return found;
}

/* Of one mapping, in windows that overlap. */
static size_t count_between(int memory, size_t begin, size_t end, const struct masked *key)
{
    size_t found = 0;

    for (size_t at = begin; at < end; at += WINDOW_BYTES - HEX_BYTES) {
        size_t most = end - at < WINDOW_BYTES ? end - at : WINDOW_BYTES;
        ssize_t count = pread(memory, window, most, (off_t)at);

        found += count > 0 ? count_in(window, (size_t)count, key) : 0;
    }
    return found;
}

static size_t count_in_memory(const struct masked *key)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    size_t begin, end, found = 0;
    char line[512];

    ck_assert(maps != NULL && memory >= 0);
    while (fgets(line, sizeof(line), maps)) {
        char *rest;

        begin = strtoul(line, &rest, 16);
        end = strtoul(rest + 1, &rest, 16);
        if (strncmp(rest, " rw", 3) == 0 && begin != (size_t)window && end - begin < MAPPING_MAX) {
            found += count_between(memory, begin, end, key);
        }
    }
    close(memory);
    fclose(maps);
    return found;
}

START_TEST(keys_of_closed_segments_are_nowhere_in_memory)
{
    struct audit_writer_settings settings = settings_of(&fixture);
    static struct masked old[3], now;
    struct audit_writer *writer;
    struct diag diag = {0};
    int saved = silence_log();

    window = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(window != MAP_FAILED);
    settings.segment_bytes = 16 * 1024;
    read_masked(&old[0]);
    ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
    read_masked(&old[1]);
    struct spool *spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    append_records(spool, 1, 100);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    do {
        usleep(1000);
        read_masked(&now);
    } while (memcmp(&now, &old[1], sizeof(now)) == 0 || spool_settled(spool) < 100);
    usleep(20000);
    read_masked(&now);
    ck_assert_uint_gt(count_in_memory(&now), 0);
    ck_assert_uint_eq(count_in_memory(&old[0]), 0);
    ck_assert_uint_eq(count_in_memory(&old[1]), 0);
    audit_writer_close(writer, CLOSE_US);
    ck_assert_uint_eq(count_in_memory(&now), 0);
    spool_close(spool);
    munmap(window, WINDOW_BYTES);
    restore_log(saved);
}
END_TEST

Suite *key_memory_suite(void)
{
    Suite *suite = suite_create("key_memory");
    TCase *tcase = tcase_create("key_memory");

    tcase_add_checked_fixture(tcase, lives_setup, lives_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, keys_of_closed_segments_are_nowhere_in_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
