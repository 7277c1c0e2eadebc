/*
 * Whether the time of a refusal tells what its answer does not (C1). As dudect does (Reparaz, Balasch,
 * Verbauwhede: "Dude, is my code constant time?", 2017): two kinds of requests are asked in random
 * turns, each from NOTIFY to ACK with a socket before and behind, since no caller is nearer; and
 * Welch's t-test says whether their times are one distribution. The slowest twentieth is left out,
 * where something else ran. A difference shows in each of three rounds.
 *
 * Not among them: a key of another form than keys have takes less time, which tells its sender nothing,
 * costs no hash and allocates nothing.
 *
 * 2,000 samples of a kind, of passwords 100; with REEVE_TEST_LONG=1 20,000.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/crc32.h"
#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/base/phc.h"
#include "tests/scenario/box.h"
#include "tests/support/forge.h"
#include "tests/support/tier.h"

#define T_MOST      4.5
#define ROUNDS      3
#define ROUNDS_BUSY 20 /* without REEVE_TEST_LONG: on a machine that does something else */
#define SAMPLES_MAX 20000
#define SECRET_AT   14
#define SIGNED      "another secret, another secret.."

#define CONF                                                                                       \
    "gate \"fe\" { accept = {apikey, basic, jwt} }\n"                                              \
    "issuer \"corp\" { issuer = \"https://id\" audience = {api} algorithms = {HS256}\n"            \
    "keys = {\"env:JWK\"} }\n"                                                                     \
    "max_failures = 0 max_source_failures = 0 max_age = \"600s\" spool_size = \"256MiB\"\n"

static struct box box;
static const char *const disabled_id = "Disabled00";
static char token[2048];

static void store_key(const char *id, const char *state)
{
    char key[64], hash[APIKEY_HASH_TEXT_MAX];

    snprintf(key, sizeof(key), "reeve:key:%s", id);
    ck_assert_int_eq(apikey_hash_text(NULL, str_from_c(box.key), hash), ERR_OK);
    fake_store_set(box.fake, key, "user", "alice");
    fake_store_set(box.fake, key, "state", state);
    fake_store_set(box.fake, key, "hash", hash);
}

static void store_user(const char *key, const char *state)
{
    static const struct phc_cost cheap = {.scheme = PHC_PBKDF2_SHA256, .iterations = 1000};
    char hash[PHC_TEXT_MAX];

    ck_assert_int_eq(phc_make(&cheap, STR("secret"), hash), ERR_OK);
    fake_store_set(box.fake, key, "state", state);
    fake_store_set(box.fake, key, "password", hash);
}

static void setup(void)
{
    char *k = forge_base64url(STR("0123456789abcdef0123456789abcdef")), jwk[256];

    snprintf(jwk, sizeof(jwk), "{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    setenv("JWK", jwk, 1);
    free(k);
    box_open(&box, CONF);
    store_key(disabled_id, "disabled");
    store_user("reeve:user:{alice}", "active");
    store_user("reeve:user:{carol}", "disabled");
    char *text = forge_mac_token(STR(SIGNED), "HS256", STR("{\"alg\":\"HS256\"}"),
                                 STR("{\"iss\":\"https://id\"}"));
    snprintf(token, sizeof(token), "Bearer %s", text);
    free(text);
}

static void teardown(void)
{
    box_close(&box);
}

/* ---- what is asked ---- */

static void answer(const struct spop_question *question)
{
    uint64_t id = box_ask(&box, 0, question);
    struct spop_frame ack;

    for (int i = 0; i < 16 && box_acks(&box, 0, id, &ack) == 0; i++) {
        box_step(&box);
        if (box.work_count > 0) {
            box_hash(&box, true);
        }
    }
}

static void ask_key(const char *key)
{
    struct spop_question question = box_question(&box);

    question.frontend = "fe";
    question.apikey = key;
    answer(&question);
}

static void ask_authorization(const char *value)
{
    struct spop_question question = box_question(&box);

    question.frontend = "fe";
    question.apikey = NULL;
    question.authorization = value;
    answer(&question);
}

/* Alice's key with another keyid, or byte of the secret. */
static void ask_changed(const char *id, size_t at)
{
    char text[APIKEY_LENGTH + 1];
    const size_t crc_at = APIKEY_LENGTH - APIKEY_CRC_LENGTH;

    memcpy(text, box.key, sizeof(text));
    memcpy(text + 3, id ? id : text + 3, id ? APIKEY_ID_LENGTH : 0);
    text[at] = text[at] == 'a' ? 'b' : 'a';
    enc_base62(crc32_ieee(text, crc_at - 1), APIKEY_CRC_LENGTH, text + crc_at);
    ask_key(text);
}

static void ask_wrong(void)
{
    ask_changed(NULL, SECRET_AT + 16);
}

static void ask_unknown(void)
{
    ask_changed("Unknown000", SECRET_AT + 16);
}

static void ask_first(void)
{
    ask_changed(NULL, SECRET_AT);
}

static void ask_last(void)
{
    ask_changed(NULL, SECRET_AT + APIKEY_SECRET_LENGTH - 1);
}

static void ask_disabled(void)
{
    ask_changed(disabled_id, SECRET_AT + 16);
}

/* Refused by its form, whosever it would be. */
static void ask_checksum(const char *id)
{
    char text[APIKEY_LENGTH + 1];

    memcpy(text, box.key, sizeof(text));
    memcpy(text + 3, id, APIKEY_ID_LENGTH);
    text[APIKEY_LENGTH - 1] = text[APIKEY_LENGTH - 1] == 'a' ? 'b' : 'a';
    ask_key(text);
}

static void ask_checksum_known(void)
{
    ask_checksum(box.keyid);
}

static void ask_checksum_unknown(void)
{
    ask_checksum("Unknown000");
}

/* A guess is new each time, since those that failed are remembered for a while. */
static void ask_password(const char *user)
{
    static unsigned guesses;
    char pair[64];

    snprintf(pair, sizeof(pair), "%s:guess%08u", user, guesses++);
    ask_authorization(box_basic(str_from_c(pair)));
}

static void ask_wrong_password(void)
{
    ask_password("alice");
}

static void ask_unknown_user(void)
{
    ask_password("nobod");
}

static void ask_disabled_user(void)
{
    ask_password("carol");
}

static void ask_signature(size_t from_end)
{
    char *at = token + strlen(token) - from_end, was = *at;

    *at = was == 'A' ? 'B' : 'A';
    ask_authorization(token);
    *at = was;
}

static void ask_signature_middle(void)
{
    ask_signature(20);
}

static void ask_signature_first(void)
{
    ask_signature(43);
}

static void ask_signature_last(void)
{
    ask_signature(2);
}

static void ask_nothing(void)
{
    ask_key(NULL);
}

/* ---- the test ---- */

static const struct pair {
    const char *name;
    void (*first)(void);
    void (*second)(void);
    bool is_slow;
} pairs[] = {
    {"the same", ask_wrong, ask_wrong, false},
    {"an unknown key", ask_wrong, ask_unknown, false},
    {"the secret's first byte", ask_wrong, ask_first, false},
    {"the secret's last byte", ask_wrong, ask_last, false},
    {"a disabled key", ask_wrong, ask_disabled, false},
    {"a wrong checksum", ask_checksum_known, ask_checksum_unknown, false},
    {"the signature's first byte", ask_signature_middle, ask_signature_first, false},
    {"the signature's last byte", ask_signature_middle, ask_signature_last, false},
    {"an unknown user", ask_wrong_password, ask_unknown_user, true},
    {"a disabled user", ask_wrong_password, ask_disabled_user, true},
};

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static double times_ns[2][SAMPLES_MAX];

static void pass_socket(void)
{
    static int ends[2] = {-1, -1};
    char bytes[512] = {0};

    ensure(ends[0] >= 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    ensure(write(ends[0], bytes, sizeof(bytes)) == sizeof(bytes));
    ensure(read(ends[1], bytes, sizeof(bytes)) == sizeof(bytes));
}

static double time_of(void (*ask)(void))
{
    struct timespec begin, end;

    box.answers[0].length = 0;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pass_socket();
    ask();
    pass_socket();
    clock_gettime(CLOCK_MONOTONIC, &end);
    return (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
}

static unsigned next_turn(void)
{
    static uint64_t state = 88172645463325252U;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 32) & 1;
}

static void sample(const struct pair *pair, size_t count)
{
    size_t taken[2] = {0, 0};

    while (taken[0] < count || taken[1] < count) {
        unsigned turn = next_turn();
        turn = taken[turn] == count ? 1 - turn : turn;
        times_ns[turn][taken[turn]++] = time_of(turn ? pair->second : pair->first);
    }
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Below which nineteen of twenty lie, of both. */
static double limit_of(size_t count)
{
    static double all[2 * SAMPLES_MAX];

    memcpy(all, times_ns[0], count * sizeof(double));
    memcpy(all + count, times_ns[1], count * sizeof(double));
    qsort(all, 2 * count, sizeof(double), compare);
    return all[2 * count * 19 / 20];
}

struct moments {
    double count, mean, variance;
};

static struct moments moments_of(const double *values, size_t count, double limit)
{
    struct moments out = {0, 0, 0};
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (values[i] <= limit) {
            out.count += 1;
            double off = values[i] - out.mean;
            out.mean += off / out.count;
            sum += off * (values[i] - out.mean);
        }
    }
    out.variance = sum / (out.count - 1);
    return out;
}

static double welch(size_t count)
{
    double limit = limit_of(count);
    struct moments a = moments_of(times_ns[0], count, limit);
    struct moments b = moments_of(times_ns[1], count, limit);

    return fabs(a.mean - b.mean) / sqrt(a.variance / a.count + b.variance / b.count);
}

/* |t| of one round. */
static double round_t(const struct pair *pair)
{
    size_t count = is_long_run() ? SAMPLES_MAX : pair->is_slow ? 100 : 2000;

    sample(pair, count);
    return welch(count);
}

/* The least |t| of the rounds, which end with the first that is good. */
START_TEST(refusals_take_one_time)
{
    const struct pair *pair = &pairs[_i];
    int rounds = is_long_run() ? ROUNDS : ROUNDS_BUSY;
    double least = INFINITY;

    pair->first();
    pair->second();
    for (int round = 0; round < rounds && least > T_MOST; round++) {
        least = fmin(least, round_t(pair));
    }
    if (is_long_run()) {
        printf("%s: |t| = %.2f of %d each\n", pair->name, least, SAMPLES_MAX);
        fflush(stdout);
    }
    ck_assert_msg(least <= T_MOST, "%s: |t| = %.2f", pair->name, least);
}
END_TEST

START_TEST(what_differs_is_seen)
{
    const struct pair pair = {"nothing offered", ask_wrong, ask_nothing, false};
    double most = 0;

    for (int round = 0; round < ROUNDS && most <= T_MOST; round++) {
        most = fmax(most, round_t(&pair));
    }
    ck_assert_double_gt(most, T_MOST);
}
END_TEST

static Suite *timing_suite(void)
{
    Suite *suite = suite_create("timing");
    TCase *tests = tcase_create("timing");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, refusals_take_one_time, 0, COUNT(pairs));
    tcase_add_test(tests, what_differs_is_seen);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(timing_suite());

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
