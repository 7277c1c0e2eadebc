/* A verified key is remembered, as long as its record stays what it was. */
#include "tests/support/fake_store.h"
#include "tests/unit/authn/fake_crypto.h"
#include "tests/unit/authn/keys.h"
#include "tests/unit/authn/suites.h"

#define ACTIVE "user=a state=active "
#define BOTH   ACTIVE "hash=" WRONG_P1 " hash2=" P1 " hash2_until=1700000001"

static struct apikey_verifier *verifier;
static struct directory_entry entry;

static struct apikey_verifier *make_verifier(void)
{
    struct pepper_set peppers = keys_peppers(2);

    return apikey_verifier_new(&peppers, true);
}

static void start(void)
{
    verifier = make_verifier();
    ck_assert_ptr_nonnull(verifier);
    fake_crypto = (struct fake_crypto){0};
}

static void stop(void)
{
    keys_entry_fini(&entry);
    apikey_verifier_free(verifier);
}

static enum reason verify_at(struct str text, int64_t wall_s, unsigned *index)
{
    return keys_verify(verifier, text, &entry, keys_now(wall_s), index);
}

static enum reason verify(struct str text)
{
    unsigned index;

    return verify_at(text, NOW_S, &index);
}

START_TEST(a_known_key_costs_no_hash)
{
    entry = keys_entry(ACTIVE "hash=" P1);
    ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    ck_assert_int_eq(fake_crypto.hash_count, 1);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    }
    ck_assert_int_eq(fake_crypto.hash_count, 1);
}
END_TEST

START_TEST(a_wrong_key_is_not_remembered_and_disturbs_nobody)
{
    entry = keys_entry(ACTIVE "hash=" P1);
    ck_assert_int_eq(verify(STR(OTHER_KEY)), REASON_BAD_CREDENTIAL);
    ck_assert(!keys_remembers(&entry, 0) && !keys_remembers(&entry, 1));
    ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    ck_assert_int_eq(verify(STR(OTHER_KEY)), REASON_BAD_CREDENTIAL);
    ck_assert_int_eq(fake_crypto.hash_count, 3);
    ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    ck_assert_int_eq(fake_crypto.hash_count, 3);
}
END_TEST

/* Not a text that begins or ends alike, nor one a byte shorter or longer. */
START_TEST(only_the_very_text_is_known)
{
    char text[] = KEY "x";

    entry = keys_entry(ACTIVE "hash=" P1);
    ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    for (size_t i = 0; i < APIKEY_LENGTH; i++) {
        text[i] ^= 1;
        ck_assert_int_eq(verify(str_make(text, APIKEY_LENGTH)), REASON_BAD_CREDENTIAL);
        text[i] ^= 1;
    }
    ck_assert_int_eq(verify(str_make(text, APIKEY_LENGTH + 1)), REASON_BAD_CREDENTIAL);
    ck_assert_int_eq(verify(str_make(text, APIKEY_LENGTH - 1)), REASON_BAD_CREDENTIAL);
    ck_assert_int_eq(verify(str_make(text, 0)), REASON_BAD_CREDENTIAL);
}
END_TEST

START_TEST(the_second_hash_is_forgotten_when_its_time_is_over)
{
    unsigned index = 77;

    entry = keys_entry(BOTH);
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S, &index), REASON_OK);
    ck_assert_uint_eq(index, 1);
    ck_assert(keys_remembers(&entry, 1) && !keys_remembers(&entry, 0));
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S, &index), REASON_OK);
    ck_assert_uint_eq(index, 1);
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S + 1, &index), REASON_BAD_CREDENTIAL);
}
END_TEST

START_TEST(times_hold_for_who_is_known_too)
{
    unsigned index;

    entry = keys_entry(ACTIVE "not_before=1700000000 expires=1700000001 hash=" P1);
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S, &index), REASON_OK);
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S + 1, &index), REASON_EXPIRED);
    ck_assert_int_eq(verify_at(STR(KEY), NOW_S - 1, &index), REASON_EXPIRED);
    ck_assert_int_eq(fake_crypto.hash_count, 1);
}
END_TEST

/* Each has a key of its own, so what one remembers can not be computed elsewhere. */
START_TEST(no_verifier_trusts_the_memory_of_another)
{
    struct apikey_verifier *other = make_verifier();
    unsigned index;

    entry = keys_entry(ACTIVE "hash=" P1);
    ck_assert_int_eq(verify(STR(KEY)), REASON_OK);
    ck_assert_int_eq(keys_verify(other, STR(KEY), &entry, keys_now(NOW_S), &index), REASON_OK);
    ck_assert_int_eq(fake_crypto.hash_count, 2);
    apikey_verifier_free(other);
}
END_TEST

#define RECORD "reeve:key:0123456789"

static struct fake_store *fake;
static struct directory *directory;
static struct now now;

static void wake_cb(struct waiter *waiter, struct now at)
{
    (void)waiter;
    (void)at;
}

static void start_directory(void)
{
    const struct directory_settings settings = {.prefix = STR("reeve:"),
                                                .max_age_us = 1000000,
                                                .max_records = 8,
                                                .max_absent = 8,
                                                .max_source_misses = 8,
                                                .max_misses = 8};

    fake = fake_store_new();
    fake_store_set(fake, RECORD, "user", "a");
    fake_store_set(fake, RECORD, "state", "active");
    fake_store_set(fake, RECORD, "hash", P1);
    directory = directory_new(&fake->store, &settings);
    ck_assert_ptr_nonnull(directory);
    now = keys_now(NOW_S);
}

static void stop_directory(void)
{
    directory_free(directory);
    store_free(&fake->store);
}

/* What somebody with KEY is told once the record is fresh. */
static enum reason decide(void)
{
    struct waiter waiter = {.wake_cb = wake_cb};
    struct directory_entry *found;
    unsigned index;

    while (directory_get(directory, RECORD_KEY, STR("0123456789"), STR("source"), now, &waiter,
                         &found) == DIRECTORY_PENDING) {
        fake_store_step(fake);
        directory_tick(directory, now);
    }
    return keys_verify(verifier, STR(KEY), found, now, &index);
}

static const struct {
    const char *field;
    const char *value;
    enum reason want;
    int hash_count; /* 1: still known */
} changes[] = {
    {"hash", WRONG_P1, REASON_BAD_CREDENTIAL, 2},
    {"hash", GONE, REASON_BAD_RECORD, 1},
    {"hash", P2, REASON_OK, 2},
    {"state", "disabled", REASON_REVOKED, 2},
    {"expires", "1700000000", REASON_EXPIRED, 2},
    {"label", "another", REASON_OK, 2},
    {"state", "active", REASON_OK, 1},
};

START_TEST(a_changed_record_is_judged_anew)
{
    start_directory();
    ck_assert_int_eq(decide(), REASON_OK);
    fake_store_set(fake, RECORD, changes[_i].field, changes[_i].value);
    ck_assert_int_eq(decide(), REASON_OK);
    ck_assert_int_eq(fake_crypto.hash_count, 1);
    now.mono_us += 1000000;
    ck_assert_int_eq(decide(), changes[_i].want);
    ck_assert_int_eq(fake_crypto.hash_count, changes[_i].hash_count);
    stop_directory();
}
END_TEST

Suite *memory_suite(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, a_wrong_key_is_not_remembered_and_disturbs_nobody);
    tcase_add_test(tcase, only_the_very_text_is_known);
    tcase_add_test(tcase, the_second_hash_is_forgotten_when_its_time_is_over);
    tcase_add_test(tcase, times_hold_for_who_is_known_too);
    tcase_add_test(tcase, no_verifier_trusts_the_memory_of_another);
    tcase_add_loop_test(tcase, a_changed_record_is_judged_anew, 0, COUNT(changes));
    tcase_add_test(tcase, a_known_key_costs_no_hash);
    suite_add_tcase(suite, tcase);
    return suite;
}
