/* That no checkpoint has to be believed for a good signature behind it: what is named where signatures are
 * edited, and where somebody makes the hashes fit what was edited, as everybody can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/audit/keys.h"
#include "agent/audit/segment_read.h"
#include "agent/base/crypto.h"
#include "agent/base/enc.h"
#include "tests/unit/audit/lives.h"
#include "tests/unit/audit/suites.h"

#define NOT_SIGNED "not signed by its segment's key; records [\""

static struct told told;
static char *text;
static size_t length;
static uint64_t blocks; /* of the text */

/* One segment of four blocks or more. */
static void setup(void)
{
    lives_setup();
    for (int i = 0; i < 4; i++) {
        live(150);
    }
    text = read_file_text(&length);
    blocks = 0;
    for (const char *at = text; (at = strstr(at, "\"type\":\"checkpoint\"")); at++) {
        blocks++;
    }
    ck_assert_uint_ge(blocks, 4);
    ck_assert_uint_lt(blocks, 10);
}

static void teardown(void)
{
    free(text);
    lives_teardown();
}

static void verify_text(size_t kept)
{
    const char *paths[] = {fixture.file};

    write_text(fixture.file, text, kept);
    verify_paths(paths, 1, NULL, &told);
}

/* Blocks are counted from 1. */
static struct str checkpoint(uint64_t block)
{
    return line_of(text, "checkpoint", block - 1);
}

/* Behind its name; NULL where the line has none. */
static char *member(struct str line, const char *name)
{
    char *found = memmem(line.ptr, line.len, name, strlen(name));

    return found ? found + strlen(name) : NULL;
}

static void edit_signature(uint64_t block)
{
    char *signature = member(checkpoint(block), "\"signature\":\"");

    signature[7] = signature[7] == '0' ? '1' : '0';
}

static void edit_record_of_block_2(void)
{
    strstr(checkpoint(1).ptr, "\"alice\"")[1] = 'b';
}

static void put_hex(char *out, const uint8_t *bytes, size_t count)
{
    char hex[2 * ED25519_SIGNATURE_BYTES + 1];

    enc_hex(bytes, count, hex);
    memcpy(out, hex, 2 * count);
}

static void sign(struct str line, struct signature_maker *maker)
{
    uint8_t signature[ED25519_SIGNATURE_BYTES];
    char *value = member(line, ",\"signature\":\"");
    const char *end = value - strlen(",\"signature\":\"");

    ck_assert_int_eq(signature_make(maker, str_make(line.ptr, (size_t)(end - line.ptr)), signature),
                     ERR_OK);
    put_hex(value, signature, sizeof(signature));
}

static void begin_hash(struct crypto_hasher *hasher, struct str line, const char *name)
{
    uint8_t hash[CRYPTO_SHA256_BYTES] = {0};

    (void)audit_read_hex(line, name, hash, sizeof(hash));
    ck_assert_int_eq(crypto_hash_begin(hasher), ERR_OK);
    ck_assert_int_eq(crypto_hash_add(hasher, hash, sizeof(hash)), ERR_OK);
}

/* Makes the hashes of checkpoints up to `last` what they are to be, and signs these anew where there is a key to. */
static void forge_hashes(uint64_t last, struct signature_maker *maker)
{
    struct crypto_hasher *hasher = crypto_sha256_new();
    uint8_t hash[CRYPTO_SHA256_BYTES];
    uint64_t block = 0;
    struct str line;

    begin_hash(hasher, line_at(text, 0), "previous");
    for (size_t at = 0; at < length; at += line.len) {
        line = line_at(text + at, 0);
        char *stated = member(line, "\"type\":\"checkpoint\"") ? member(line, "\"hash\":\"") : NULL;

        if (stated && ++block <= last) {
            ck_assert_int_eq(crypto_hash_peek(hasher, hash), ERR_OK);
            put_hex(stated, hash, sizeof(hash));
            if (maker) {
                sign(line, maker);
            }
        }
        if (stated) {
            begin_hash(hasher, line, "hash");
        }
        ck_assert_int_eq(crypto_hash_add(hasher, line.ptr, line.len), ERR_OK);
    }
    crypto_hasher_free(hasher);
}

static void assert_block(uint64_t block, const char *what)
{
    char wanted[160];

    snprintf(wanted, sizeof(wanted), "segment 1 block %llu%s", (unsigned long long)block, what);
    assert_told(&told, wanted);
}

static void assert_only_these_unsigned(uint64_t first, uint64_t last)
{
    for (uint64_t block = first; block <= last; block++) {
        assert_block(block, ": " NOT_SIGNED);
    }
    ck_assert_msg(told.counts.faults == last - first + 1, "%s", told.text);
}

START_TEST(names_the_signature_of_a_middle_checkpoint)
{
    edit_signature(2);
    verify_text(length);
    assert_block(2, ": " NOT_SIGNED);
    assert_block(3, " is not as it was written: records [\"");
    ck_assert_msg(told.counts.faults == 2, "%s", told.text);
}
END_TEST

START_TEST(names_the_signature_of_the_last_checkpoint)
{
    edit_signature(blocks);
    verify_text(length);
    assert_only_these_unsigned(blocks, blocks);
}
END_TEST

START_TEST(names_the_signature_of_the_first_checkpoint)
{
    edit_signature(1);
    verify_text((size_t)(checkpoint(2).ptr - text));
    assert_only_these_unsigned(1, 1);
    verify_text(length);
    assert_block(1, ": " NOT_SIGNED);
}
END_TEST

/* As a crash leaves it. */
START_TEST(names_the_last_signature_before_lines_without_a_checkpoint)
{
    edit_signature(blocks - 1);
    verify_text((size_t)(checkpoint(blocks).ptr - text));
    assert_only_these_unsigned(blocks - 1, blocks - 1);
    ck_assert_msg(strstr(told.text, "have no checkpoint yet"), "%s", told.text);
}
END_TEST

START_TEST(an_open_segment_without_a_last_checkpoint_is_no_fault)
{
    verify_text((size_t)(checkpoint(blocks).ptr - text));
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_msg(strstr(told.text, "have no checkpoint yet"), "%s", told.text);
    ck_assert_uint_eq(told.counts.last_block, blocks - 1);
}
END_TEST

START_TEST(names_a_middle_checkpoint_that_was_removed)
{
    struct str second = checkpoint(2);
    size_t at = (size_t)(second.ptr - text);

    memmove(text + at, text + at + second.len, length - at - second.len + 1);
    length -= second.len;
    verify_text(length);
    assert_told(&told, "segment 1: blocks 2 to 2 are missing before records [\"");
    assert_block(3, " is not as it was written: records [\"");
    ck_assert_msg(told.counts.faults == 2, "%s", told.text);
}
END_TEST

/* All hashes fit: only signatures do not. */
START_TEST(names_each_checkpoint_whose_hash_was_made_to_fit)
{
    edit_record_of_block_2();
    forge_hashes(blocks, NULL);
    verify_text(length);
    assert_only_these_unsigned(2, blocks);
}
END_TEST

/* The last line is the agent's own, and its signature is good. */
START_TEST(a_last_checkpoint_does_not_vouch_for_hashes_that_it_does_not_follow)
{
    edit_record_of_block_2();
    forge_hashes(blocks - 1, NULL);
    verify_text(length);
    for (uint64_t block = 2; block < blocks; block++) {
        assert_block(block, ": " NOT_SIGNED);
    }
    assert_block(blocks, " is not as it was written: records [\"");
    ck_assert_msg(told.counts.faults == blocks - 1, "%s", told.text);
}
END_TEST

static struct signature_maker *stolen_key(void)
{
    struct audit_keys *keys;
    struct diag diag = {0};

    ck_assert_msg(audit_keys_open(key_file, &keys, &diag) == ERR_OK, "%s", diag.text);
    struct signature_maker *maker = signature_maker_new(keys->current.seed);
    audit_keys_free(keys);
    return maker;
}

/* Who has the key of a segment has nothing for the one before, whose key is gone. */
START_TEST(the_key_of_the_next_segment_signs_nothing)
{
    char closed[160];

    snprintf(closed, sizeof(closed), "%s.1", fixture.file);
    write_text(closed, text, length);
    ck_assert_int_eq(remove(fixture.file), 0);
    live(5);
    struct signature_maker *maker = stolen_key();
    edit_record_of_block_2();
    forge_hashes(blocks, maker);
    signature_maker_free(maker);
    write_text(closed, text, length);
    verify_all(NULL, &told);
    for (uint64_t block = 1; block <= blocks; block++) {
        assert_block(block, ": " NOT_SIGNED);
    }
    assert_told(&told, "segment 1 does not end as it did");
    ck_assert_msg(told.counts.faults == blocks + 1, "%s", told.text);
}
END_TEST

/* Signed by whom nobody can tell from their owner: only a head shows it. */
START_TEST(the_key_of_the_open_segment_signs_it_anew)
{
    char *head = strndup(checkpoint(2).ptr, checkpoint(2).len);
    const char *paths[] = {fixture.file};
    struct signature_maker *maker = stolen_key();

    edit_record_of_block_2();
    forge_hashes(blocks, maker);
    signature_maker_free(maker);
    verify_text(length);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    verify_paths(paths, 1, head, &told);
    assert_block(2, " is not the one that the head vouches for");
    free(head);
}
END_TEST

/* More checkpoints than are put off at once. */
START_TEST(names_one_of_very_many)
{
    for (int i = 0; i < 300; i++) {
        live(1);
    }
    free(text);
    text = read_file_text(&length);
    verify_text(length);
    ck_assert_msg(told.counts.faults == 0, "%s", told.text);
    ck_assert_uint_ge(told.counts.blocks, 300);
    edit_signature(told.counts.blocks);
    edit_signature(140);
    verify_text(length);
    assert_told(&told, "block 140: " NOT_SIGNED);
    assert_told(&told, "block 141 is not as it was written");
    ck_assert_msg(told.counts.faults == 3, "%s", told.text);
}
END_TEST

Suite *signatures_suite(void)
{
    Suite *suite = suite_create("signatures");
    TCase *tcase = tcase_create("signatures");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, names_the_signature_of_a_middle_checkpoint);
    tcase_add_test(tcase, names_the_signature_of_the_last_checkpoint);
    tcase_add_test(tcase, names_the_signature_of_the_first_checkpoint);
    tcase_add_test(tcase, names_the_last_signature_before_lines_without_a_checkpoint);
    tcase_add_test(tcase, an_open_segment_without_a_last_checkpoint_is_no_fault);
    tcase_add_test(tcase, names_a_middle_checkpoint_that_was_removed);
    tcase_add_test(tcase, names_each_checkpoint_whose_hash_was_made_to_fit);
    tcase_add_test(tcase, a_last_checkpoint_does_not_vouch_for_hashes_that_it_does_not_follow);
    tcase_add_test(tcase, the_key_of_the_next_segment_signs_nothing);
    tcase_add_test(tcase, the_key_of_the_open_segment_signs_it_anew);
    tcase_add_test(tcase, names_one_of_very_many);
    suite_add_tcase(suite, tcase);
    return suite;
}
