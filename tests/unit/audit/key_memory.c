/* Keys of segments that were closed are nowhere in the process's memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/base/enc.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define WINDOW_BYTES ((size_t)256 * 1024)
#define MAPPING_MAX  ((size_t)256 << 20) /* the shadow of a sanitizer is larger */
#define HEX_BYTES    (2 * (size_t)ED25519_SEED_BYTES)

struct secret {
    uint8_t raw[ED25519_SEED_BYTES];
    char hex[HEX_BYTES];
};

/* What the test itself knows of keys: in a mapping of its own, shared so that it stays one, which is not
 * searched. */
struct notes {
    char text[512];
    struct secret old[2], now;
    char window[WINDOW_BYTES];
};

static struct notes *notes;

/* The key that the file has now; one that is replaced meanwhile is all zeros. */
static void read_key(struct secret *out)
{
    const char name[] = "\nkey ";
    const char *found;

    do {
        int fd = open(key_file, O_RDONLY);

        ck_assert_int_gt(read(fd, notes->text, sizeof(notes->text)), 0);
        close(fd);
        found = memmem(notes->text, sizeof(notes->text), name, sizeof(name) - 1);
    } while (!found);
    memcpy(out->hex, found + sizeof(name) - 1, HEX_BYTES);
    ck_assert(enc_unhex(str_make(out->hex, HEX_BYTES), out->raw, sizeof(out->raw)));
}

/* Half of a key is a find. */
static bool is_in(const char *data, size_t length, const struct secret *key)
{
    return memmem(data, length, key->raw, sizeof(key->raw) / 2) ||
           memmem(data, length, key->hex, sizeof(key->hex) / 2);
}

/* Of one mapping, in windows that overlap. */
static size_t count_between(int memory, size_t begin, size_t end, const struct secret *key)
{
    size_t found = 0;

    for (size_t at = begin; at < end; at += WINDOW_BYTES - HEX_BYTES) {
        size_t most = end - at < WINDOW_BYTES ? end - at : WINDOW_BYTES;
        ssize_t count = pread(memory, notes->window, most, (off_t)at);

        found += count > 0 && is_in(notes->window, (size_t)count, key);
    }
    return found;
}

static size_t count_in_memory(const struct secret *key)
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
        if (strncmp(rest, " rw", 3) == 0 && begin != (size_t)notes && end - begin < MAPPING_MAX) {
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
    struct audit_writer *writer;
    struct diag diag = {0};
    int saved = silence_log();

    notes = mmap(NULL, sizeof(*notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(notes != MAP_FAILED);
    settings.segment_bytes = 16 * 1024;
    read_key(&notes->old[0]);
    ck_assert_int_eq(audit_writer_open(&settings, &writer, &diag), ERR_OK);
    read_key(&notes->old[1]);
    struct spool *spool = open_spool(&fixture, 1, 0);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    append_records(spool, 1, 100);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
    do {
        usleep(1000);
        read_key(&notes->now);
    } while (memcmp(&notes->now, &notes->old[1], sizeof(notes->now)) == 0 ||
             spool_settled(spool) < 100);
    do {
        read_key(&notes->now);
    } while (count_in_memory(&notes->now) == 0);
    ck_assert_uint_eq(count_in_memory(&notes->old[0]), 0);
    ck_assert_uint_eq(count_in_memory(&notes->old[1]), 0);
    audit_writer_close(writer, CLOSE_US);
    ck_assert_uint_eq(count_in_memory(&notes->now), 0);
    spool_close(spool);
    munmap(notes, sizeof(*notes));
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
