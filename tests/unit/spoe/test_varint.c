#include <string.h>

#include "spoe/varint.h"
#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"

struct vector {
    uint64_t value;
    size_t length;
    uint8_t bytes[SPOE_VARINT_BYTES_MAX];
};

static const struct vector vectors[] = {
    {0, 1, {0x00}},
    {1, 1, {0x01}},
    {239, 1, {0xef}},
    {240, 2, {0xf0, 0x00}},
    {2287, 2, {0xff, 0x7f}},
    {2288, 3, {0xf0, 0x80, 0x00}},
    {264431, 3, {0xff, 0xff, 0x7f}},
    {264432, 4, {0xf0, 0x80, 0x80, 0x00}},
    {33818863, 4, {0xff, 0xff, 0xff, 0x7f}},
    {33818864, 5, {0xf0, 0x80, 0x80, 0x80, 0x00}},
    {4328786159, 5, {0xff, 0xff, 0xff, 0xff, 0x7f}},
    {4328786160, 6, {0xf0, 0x80, 0x80, 0x80, 0x80, 0x00}},
    {UINT64_C(1) << 63, 10, {0xf0, 0xf1, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x06}},
    {UINT64_MAX, 10, {0xff, 0xf0, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x0e}},
};
#define VECTOR_COUNT (int)(sizeof(vectors) / sizeof(vectors[0]))

START_TEST(writes_the_vectors)
{
    const struct vector *vector = &vectors[_i];
    uint8_t out[SPOE_VARINT_BYTES_MAX];

    ck_assert_uint_eq(spoe_varint_write(vector->value, out), vector->length);
    ck_assert_mem_eq(out, vector->bytes, vector->length);
}
END_TEST

START_TEST(reads_the_vectors)
{
    const struct vector *vector = &vectors[_i];
    uint64_t value;

    ck_assert_uint_eq(spoe_varint_read(vector->bytes, sizeof(vector->bytes), &value),
                      vector->length);
    ck_assert_uint_eq(value, vector->value);
}
END_TEST

START_TEST(case_18_rejects_every_cut)
{
    const struct vector *vector = &vectors[_i];
    uint64_t value = 42;

    for (size_t length = 0; length < vector->length; length++) {
        ck_assert_uint_eq(spoe_varint_read(vector->bytes, length, &value), 0);
        ck_assert_uint_eq(value, 42);
    }
}
END_TEST

static const struct {
    const char *name;
    uint8_t bytes[12];
} rejected[] = {
    {"16: eleven bytes", {0xf0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00}},
    {"16: it never ends", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {"17: 2^64", {0xf0, 0xf1, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x0e}},
    {"17: the tenth byte has a fifth bit",
     {0xf0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10}},
    {"17: the tenth byte has seven bits",
     {0xf0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}},
    {"17: the ninth byte carries over",
     {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f}},
};
#define REJECTED_COUNT (int)(sizeof(rejected) / sizeof(rejected[0]))

START_TEST(rejects_what_is_too_long_or_too_large)
{
    uint64_t value = 42;
    size_t used = spoe_varint_read(rejected[_i].bytes, sizeof(rejected[_i].bytes), &value);

    ck_assert_msg(used == 0 && value == 42, "case %s: %zu bytes", rejected[_i].name, used);
}
END_TEST

/* Both directions, against the other implementation. */
static void check_value(uint64_t value)
{
    uint8_t ours[SPOE_VARINT_BYTES_MAX], theirs[SPOE_VARINT_BYTES_MAX];
    struct spop_out out = spop_out_over(theirs, sizeof(theirs));
    size_t length = spoe_varint_write(value, ours);
    uint64_t back;

    spop_put_varint(&out, value);
    ck_assert_uint_eq(length, out.length);
    ck_assert_mem_eq(ours, theirs, length);
    ck_assert_uint_eq(spoe_varint_read(ours, length, &back), length);
    ck_assert_uint_eq(back, value);
}

START_TEST(agrees_with_the_peer_around_every_power_of_two)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t power = UINT64_C(1) << bit;
        for (uint64_t off = 0; off < 600; off++) {
            check_value(power + off);
            check_value(power - off);
        }
    }
}
END_TEST

/* Case 19: what is accepted encodes to the same bytes. Pseudo-random, always the same. */
START_TEST(case_19_decode_then_encode_gives_the_same_bytes)
{
    uint64_t random = 88172645463325252u;
    unsigned accepted = 0;

    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[SPOE_VARINT_BYTES_MAX], again[SPOE_VARINT_BYTES_MAX];
        uint64_t value;
        for (size_t at = 0; at < sizeof(bytes); at++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes[at] = (uint8_t)(random >> 32) | (random % 4 ? 0x80 : 0);
        }
        bytes[0] |= 0xf0;
        size_t used = spoe_varint_read(bytes, sizeof(bytes), &value);
        if (used > 0) {
            accepted++;
            ck_assert_uint_eq(spoe_varint_write(value, again), used);
            ck_assert_mem_eq(again, bytes, used);
        }
    }
    ck_assert_uint_gt(accepted, 100000);
}
END_TEST

Suite *suite_varint(void)
{
    Suite *suite = suite_create("varint");
    TCase *tcase = tcase_create("varint");

    tcase_add_loop_test(tcase, rejects_what_is_too_long_or_too_large, 0, REJECTED_COUNT);
    tcase_add_loop_test(tcase, case_18_rejects_every_cut, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, writes_the_vectors, 0, VECTOR_COUNT);
    tcase_add_loop_test(tcase, reads_the_vectors, 0, VECTOR_COUNT);
    tcase_add_test(tcase, agrees_with_the_peer_around_every_power_of_two);
    tcase_add_test(tcase, case_19_decode_then_encode_gives_the_same_bytes);
    suite_add_tcase(suite, tcase);
    return suite;
}
