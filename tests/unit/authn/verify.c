/* A key's text against its record. */
#include "tests/support/failing_alloc.h"
#include "tests/unit/authn/fake_crypto.h"
#include "tests/unit/authn/keys.h"
#include "tests/unit/authn/suites.h"

#define ACTIVE "user=a state=active "
#define UNTIL  " hash2_until=1700000001"
#define PAST   " hash2_until=1700000000"

/* KEY, at NOW_S. */
static const struct {
    const char *fields;
    size_t pepper_count;
    bool accepts_unpeppered;
    enum reason want;
    unsigned index; /* of the hash, where it matches */
} records[] = {
    {ACTIVE "hash=" WRONG_PLAIN, 0, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=" WRONG_P1, 1, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=sha256:" P1_HEX, 1, true, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=hmac-sha256:p1:" PLAIN_HEX, 1, true, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=hmac-sha256:p2:" P1_HEX, 2, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=" WRONG_P1 " hash2=" WRONG_P1 UNTIL, 1, false, REASON_BAD_CREDENTIAL, 0},

    {ACTIVE "hash=" PLAIN, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" P1, 0, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" P1, 0, true, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" P2, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" GONE, 2, true, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=hmac-sha256:P1:" P1_HEX, 2, true, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=hmac-sha256:p:" P1_HEX, 2, true, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=hmac-sha256:p11:" P1_HEX, 2, true, REASON_BAD_RECORD, 0},

    {ACTIVE "hash=" PLAIN, 0, false, REASON_OK, 0},
    {ACTIVE "hash=" PLAIN, 1, true, REASON_OK, 0},
    {ACTIVE "hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "hash=" P1, 2, true, REASON_OK, 0},
    {ACTIVE "hash=" P2, 2, false, REASON_OK, 0},

    {ACTIVE "hash=" WRONG_P1 " hash2=" P1 PAST, 1, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=" WRONG_P1 " hash2=" GONE PAST, 1, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "hash=" GONE " hash2=" P1 PAST, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" GONE " hash2=" WRONG_P1 UNTIL, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" WRONG_P1 " hash2=" GONE UNTIL, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" WRONG_P1 " hash2=" PLAIN UNTIL, 1, false, REASON_BAD_RECORD, 0},
    {ACTIVE "hash=" WRONG_P1 " hash2=" P1 UNTIL, 1, false, REASON_OK, 1},
    {ACTIVE "hash=" WRONG_P1 " hash2=" P2 UNTIL, 2, false, REASON_OK, 1},
    {ACTIVE "hash=" GONE " hash2=" P1 UNTIL, 1, false, REASON_OK, 1},
    {ACTIVE "hash=" PLAIN " hash2=" P1 UNTIL, 1, false, REASON_OK, 1},
    {ACTIVE "hash=" P1 " hash2=" GONE UNTIL, 1, false, REASON_OK, 0},
    {ACTIVE "hash=" P1 " hash2=" P1 UNTIL, 1, false, REASON_OK, 0},
    {ACTIVE "hash=" P1 " hash2=" P1 PAST, 1, false, REASON_OK, 0},

    {"user=a state=disabled hash=" P1, 1, false, REASON_REVOKED, 0},
    {"user=a state=disabled hash=" WRONG_P1 " hash2=" P1 UNTIL, 1, false, REASON_REVOKED, 1},
    {"user=a state=disabled hash=" WRONG_P1, 1, false, REASON_BAD_CREDENTIAL, 0},
    {"user=a state=disabled hash=" GONE, 1, false, REASON_BAD_RECORD, 0},
    {"user=a state=disabled expires=1 hash=" P1, 1, false, REASON_REVOKED, 0},

    {ACTIVE "expires=1 hash=" P1, 1, false, REASON_EXPIRED, 0},
    {ACTIVE "expires=1700000000 hash=" P1, 1, false, REASON_EXPIRED, 0},
    {ACTIVE "expires=1700000001 hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "expires=253402300799 hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "expires=1700000000 hash=" WRONG_P1, 1, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "not_before=253402300799 hash=" P1, 1, false, REASON_EXPIRED, 0},
    {ACTIVE "not_before=1700000001 hash=" P1, 1, false, REASON_EXPIRED, 0},
    {ACTIVE "not_before=1700000000 hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "not_before=1 hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "not_before=1700000001 hash=" WRONG_P1, 1, false, REASON_BAD_CREDENTIAL, 0},
    {ACTIVE "not_before=1700000000 expires=1700000001 hash=" P1, 1, false, REASON_OK, 0},
    {ACTIVE "not_before=1700000001 expires=1700000002 hash=" P1, 1, false, REASON_EXPIRED, 0},
};

static struct apikey_verifier *make_verifier(size_t pepper_count, bool accepts_unpeppered)
{
    struct pepper_set peppers = keys_peppers(pepper_count);
    struct apikey_verifier *verifier = apikey_verifier_new(&peppers, accepts_unpeppered);

    pepper_wipe(&peppers);
    ck_assert_ptr_nonnull(verifier);
    return verifier;
}

/* Told once from the hash and once from memory: the same. */
START_TEST(a_record_decides_about_the_key)
{
    struct apikey_verifier *verifier =
        make_verifier(records[_i].pepper_count, records[_i].accepts_unpeppered);
    struct directory_entry entry = keys_entry(records[_i].fields);

    for (int round = 0; round < 2; round++) {
        unsigned index = 77;
        enum reason reason = keys_verify(verifier, STR(KEY), &entry, keys_now(NOW_S), &index);
        ck_assert_msg(reason == records[_i].want, "%s: %.*s", records[_i].fields,
                      STR_ARG(reason_code(reason)));
        if (reason == REASON_OK || reason == REASON_REVOKED || reason == REASON_EXPIRED) {
            ck_assert_msg(index == records[_i].index, "%s: %u", records[_i].fields, index);
        }
    }
    keys_entry_fini(&entry);
    apikey_verifier_free(verifier);
}
END_TEST

START_TEST(no_record_is_good_for_another_key)
{
    struct apikey_verifier *verifier =
        make_verifier(records[_i].pepper_count, records[_i].accepts_unpeppered);
    struct directory_entry entry = keys_entry(records[_i].fields);
    unsigned index;

    enum reason reason = keys_verify(verifier, STR(OTHER_KEY), &entry, keys_now(NOW_S), &index);
    ck_assert_msg(reason == REASON_BAD_CREDENTIAL || reason == REASON_BAD_RECORD, "%s",
                  records[_i].fields);
    ck_assert(!keys_remembers(&entry, 0) && !keys_remembers(&entry, 1));
    keys_entry_fini(&entry);
    apikey_verifier_free(verifier);
}
END_TEST

/* A digest that could not be made is zeros, as the record's is. */
START_TEST(a_failing_hash_verifies_nothing)
{
    struct apikey_verifier *verifier = make_verifier(1, true);
    struct directory_entry entry = keys_entry(ACTIVE "hash=" WRONG_P1 " hash2=" WRONG_PLAIN UNTIL);
    unsigned index;

    fake_crypto.hash_fails = true;
    ck_assert_int_eq(keys_verify(verifier, STR(KEY), &entry, keys_now(NOW_S), &index),
                     REASON_BAD_CREDENTIAL);
    ck_assert(!keys_remembers(&entry, 0) && !keys_remembers(&entry, 1));
    keys_entry_fini(&entry);
    apikey_verifier_free(verifier);
}
END_TEST

START_TEST(digests_are_compared_in_constant_time)
{
    struct apikey_verifier *verifier = make_verifier(1, false);
    struct directory_entry right = keys_entry(ACTIVE "hash=" P1);
    struct directory_entry wrong = keys_entry(ACTIVE "hash=" WRONG_P1);
    unsigned index;

    keys_verify(verifier, STR(KEY), &right, keys_now(NOW_S), &index);
    ck_assert_int_eq(fake_crypto.equal_count, 1);
    ck_assert_uint_eq(fake_crypto.equal_length, CRYPTO_SHA256_BYTES);
    keys_verify(verifier, STR(KEY), &wrong, keys_now(NOW_S), &index);
    ck_assert_int_eq(fake_crypto.equal_count, 2);
    keys_verify(verifier, STR(KEY), &right, keys_now(NOW_S), &index);
    ck_assert_int_eq(fake_crypto.equal_count, 3);
    ck_assert_uint_eq(fake_crypto.equal_length, sizeof(struct siphash_digest));
    keys_entry_fini(&right);
    keys_entry_fini(&wrong);
    apikey_verifier_free(verifier);
}
END_TEST

START_TEST(an_unknown_key_costs_what_a_wrong_one_does)
{
    struct apikey_verifier *verifier = make_verifier((size_t)_i, false);
    struct directory_entry wrong =
        keys_entry(_i > 0 ? ACTIVE "hash=" WRONG_P1 : ACTIVE "hash=" WRONG_PLAIN);
    unsigned index;

    keys_verify(verifier, STR(KEY), &wrong, keys_now(NOW_S), &index);
    struct fake_crypto of_wrong = fake_crypto;
    fake_crypto = (struct fake_crypto){0};
    apikey_verify_nobody(verifier, STR(KEY));
    ck_assert_int_eq(fake_crypto.hash_count, of_wrong.hash_count);
    ck_assert_int_eq(fake_crypto.equal_count, of_wrong.equal_count);
    keys_entry_fini(&wrong);
    apikey_verifier_free(verifier);
}
END_TEST

START_TEST(a_new_verifier_is_whole_or_none)
{
    struct pepper_set peppers = keys_peppers(2);
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        failing_alloc_start(n);
        struct apikey_verifier *verifier = apikey_verifier_new(&peppers, false);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(verifier == NULL, has_failed);
        apikey_verifier_free(verifier);
    }
    fake_crypto = (struct fake_crypto){.random_fails_at = 1};
    ck_assert_ptr_null(apikey_verifier_new(&peppers, false));
    apikey_verifier_free(NULL);
}
END_TEST

START_TEST(all_sixteen_peppers_are_known)
{
    struct pepper_set peppers = {.count = PEPPER_COUNT_MAX};
    struct directory_entry entry = keys_entry(ACTIVE "hash=hmac-sha256:p1:" P1_HEX);
    unsigned index;

    for (size_t i = 0; i < PEPPER_COUNT_MAX; i++) {
        peppers.items[i] = (struct pepper){.id = {'x', (char)('a' + i)}, .key_length = 16};
    }
    peppers.items[PEPPER_COUNT_MAX - 1] = keys_peppers(1).items[0];
    struct apikey_verifier *verifier = apikey_verifier_new(&peppers, false);
    ck_assert_int_eq(keys_verify(verifier, STR(KEY), &entry, keys_now(NOW_S), &index), REASON_OK);
    apikey_verifier_free(verifier);
    keys_entry_fini(&entry);
}
END_TEST

Suite *verify_suite(void)
{
    Suite *suite = suite_create("verify");
    TCase *tcase = tcase_create("verify");

    tcase_add_loop_test(tcase, a_record_decides_about_the_key, 0, COUNT(records));
    tcase_add_loop_test(tcase, no_record_is_good_for_another_key, 0, COUNT(records));
    tcase_add_test(tcase, a_failing_hash_verifies_nothing);
    tcase_add_test(tcase, digests_are_compared_in_constant_time);
    tcase_add_loop_test(tcase, an_unknown_key_costs_what_a_wrong_one_does, 0, 3);
    tcase_add_test(tcase, a_new_verifier_is_whole_or_none);
    tcase_add_test(tcase, all_sixteen_peppers_are_known);
    suite_add_tcase(suite, tcase);
    return suite;
}
