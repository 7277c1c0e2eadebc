/* Replies, fed to hiredis' reader: in one piece, byte by byte, cut at every length. */
#include "agent/store/redis_reply.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/failing_alloc.h"
#include "tests/unit/store/suites.h"

#define ALLOCATIONS_MAX 100

static struct redis_reply reply;
static redisReader *reader;

static void start(void)
{
    redis_reply_init(&reply);
    reader = redisReaderCreate();
    ck_assert_ptr_nonnull(reader);
    redis_reply_attach(&reply, reader);
    reply.is_due = true;
}

static void stop(void)
{
    redisReaderFree(reader);
    redis_reply_fini(&reply);
}

static void restart(void)
{
    stop();
    start();
}

/* What the reader makes of all fed so far. END: the connection would be closed. */
enum outcome { MORE, REPLY, END };

/* Nothing of Check in here: it allocates too, and is slow. */
static enum outcome feed(const char *bytes, size_t length)
{
    void *got = NULL;

    if (redisReaderFeed(reader, bytes, length) != REDIS_OK ||
        redisReaderGetReply(reader, &got) != REDIS_OK) {
        return END;
    }
    return got ? REPLY : MORE;
}

static void print_fields(char *out, size_t capacity)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < reply.item_count / 2; i++) {
        at += (size_t)snprintf(out + at, capacity - at, "%.*s=%.*s;", STR_ARG(reply.fields[i].name),
                               STR_ARG(reply.fields[i].value));
    }
}

/* A reply as text: "fields a=1;", "line OK", "fault ERR x", "oversized", "nil", "malformed". */
static const char *describe(void)
{
    static char text[512];
    char fields[400];

    switch (reply.kind) {
    case REPLY_FIELDS:
        print_fields(fields, sizeof(fields));
        snprintf(text, sizeof(text), "fields %s", fields);
        return text;
    case REPLY_LINE:
    case REPLY_FAULT:
        snprintf(text, sizeof(text), "%s %.*s", reply.kind == REPLY_LINE ? "line" : "fault",
                 STR_ARG(redis_reply_line(&reply)));
        return text;
    case REPLY_INTEGER:
        snprintf(text, sizeof(text), "integer %lld", reply.integer);
        return text;
    case REPLY_OVERSIZED:
        return "oversized";
    case REPLY_NIL:
        return "nil";
    case REPLY_MALFORMED:
        return "malformed";
    }
    return "?";
}

static const struct {
    const char *bytes;
    const char *want;
} shapes[] = {
    {"$-1\r\n", "nil"},
    {"$0\r\n\r\n", "malformed"},
    {"$2\r\nhi\r\n", "malformed"},
    {"*-1\r\n", "nil"},
    {"*1\r\n$1\r\na\r\n", "malformed"},
    {"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "malformed"},
    {"*2\r\n$1\r\na\r\n$-1\r\n", "malformed"},
    {"*2\r\n$-1\r\n$1\r\na\r\n", "malformed"},
    {"*2\r\n$1\r\na\r\n:1\r\n", "malformed"},
    {"*2\r\n$1\r\na\r\n+OK\r\n", "malformed"},
    {"*2\r\n-ERR a\r\n$1\r\na\r\n", "malformed"},
    {"*2\r\n$1\r\na\r\n*0\r\n", "malformed"},
    {"*2\r\n$1\r\na\r\n*-1\r\n", "malformed"},
    {"*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n", "malformed"},
    {"*4\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\nx\r\n$1\r\ny\r\n$1\r\nb\r\n", "malformed"},
    {"*2\r\n*1\r\n*1\r\n*1\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n", "malformed"},
    {":1\r\n", "integer 1"},
    {":0\r\n", "integer 0"},
    {":-9223372036854775808\r\n", "integer -9223372036854775808"},
    {"*0\r\n", "fields "},
    {"*2\r\n$1\r\na\r\n$1\r\n1\r\n", "fields a=1;"},
    {"*2\r\n$0\r\n\r\n$0\r\n\r\n", "fields =;"},
    {"*4\r\n$1\r\na\r\n$0\r\n\r\n$0\r\n\r\n$2\r\n\r\n\r\n", "fields a=;=\r\n;"},
    {"*4\r\n$5\r\nstate\r\n$6\r\nactive\r\n$4\r\nuser\r\n$5\r\nalice\r\n",
     "fields state=active;user=alice;"},
    {"+OK\r\n", "line OK"},
    {"+\r\n", "line "},
    {"-ERR unknown\r\n", "fault ERR unknown"},
    {"-\r\n", "fault "},
};

START_TEST(a_reply_of_any_shape_is_told_apart)
{
    for (int i = 0; i < COUNT(shapes); i++) {
        ck_assert_int_eq(feed(shapes[i].bytes, strlen(shapes[i].bytes)), REPLY);
        ck_assert_str_eq(describe(), shapes[i].want);
        restart();
    }
}
END_TEST

START_TEST(byte_by_byte_it_is_the_same_reply)
{
    for (int i = 0; i < COUNT(shapes); i++) {
        const char *last = shapes[i].bytes + strlen(shapes[i].bytes) - 1;
        for (const char *at = shapes[i].bytes; at < last; at++) {
            ck_assert_int_eq(feed(at, 1), MORE);
        }
        ck_assert_int_eq(feed(last, 1), REPLY);
        ck_assert_str_eq(describe(), shapes[i].want);
        restart();
    }
}
END_TEST

static void check_cut(const char *bytes, size_t cut, const char *want)
{
    ck_assert_int_eq(feed(bytes, cut), MORE);
    ck_assert_int_eq(feed(bytes + cut, strlen(bytes) - cut), REPLY);
    ck_assert_str_eq(describe(), want);
    restart();
    ck_assert_int_eq(feed(bytes, cut), MORE);
    restart();
}

START_TEST(cut_at_any_length_it_is_no_reply)
{
    for (int i = 0; i < COUNT(shapes); i++) {
        for (size_t cut = 0; cut < strlen(shapes[i].bytes); cut++) {
            check_cut(shapes[i].bytes, cut, shapes[i].want);
        }
    }
}
END_TEST

static void check_shape(int index)
{
    ck_assert_int_eq(feed(shapes[index].bytes, strlen(shapes[index].bytes)), REPLY);
    ck_assert_str_eq(describe(), shapes[index].want);
    reader->fn->freeObject(&reply);
}

/* What is left of one reply is not seen in the next, whatever the two are. */
START_TEST(each_reply_starts_anew)
{
    for (int i = 0; i < COUNT(shapes); i++) {
        for (int j = 0; j < COUNT(shapes); j++) {
            check_shape(i);
            check_shape(j);
        }
    }
}
END_TEST

static const char *const garbage[] = {
    "HTTP/1.1 400 Bad Request\r\n",
    "\r\n",
    "OK\r\n",
    "*-2\r\n",
    "$-2\r\n",
    "*x\r\n",
    "$x\r\n",
    ":x\r\n",
    "*99999999999999999999\r\n",
    "$99999999999999999999\r\n",
    "*4294967296\r\n",
    ">2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "%1\r\n$1\r\na\r\n$1\r\nb\r\n",
    "~1\r\n$1\r\na\r\n",
    "*2\r\n$1\r\na\r\n!",
    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n$1\r\na\r\n",
};

START_TEST(garbage_ends_the_connection)
{
    for (int i = 0; i < COUNT(garbage); i++) {
        ck_assert_msg(feed(garbage[i], strlen(garbage[i])) == END, "%s", garbage[i]);
        restart();
    }
}
END_TEST

START_TEST(garbage_byte_by_byte_ends_it_too)
{
    for (int i = 0; i < COUNT(garbage); i++) {
        enum outcome outcome = MORE;
        for (const char *at = garbage[i]; *at && outcome == MORE; at++) {
            outcome = feed(at, 1);
        }
        ck_assert_msg(outcome == END, "%s", garbage[i]);
        restart();
    }
}
END_TEST

static const char *const unasked[] = {"+OK\r\n", "$1\r\na\r\n", "$-1\r\n",
                                      ":1\r\n",  "*0\r\n",      "*2\r\n$1\r\na\r\n$1\r\n1\r\n"};

START_TEST(a_reply_that_nobody_asked_for_ends_the_connection)
{
    reply.is_due = false;
    ck_assert_int_eq(feed(unasked[_i], strlen(unasked[_i])), END);
    ck_assert_str_eq(reply.refusal, "a reply that nobody asked for");
}
END_TEST

START_TEST(an_error_may_come_unasked)
{
    reply.is_due = false;
    ck_assert_int_eq(feed("-ERR max number of clients reached\r\n", 36), REPLY);
    ck_assert_int_eq(reply.head.type, REDIS_REPLY_ERROR);
    ck_assert_str_eq(reply.head.str, "ERR max number of clients reached");
}
END_TEST

START_TEST(a_long_line_is_cut)
{
    char bytes[1024];

    memset(bytes, 'x', sizeof(bytes));
    bytes[0] = '-';
    memcpy(bytes + sizeof(bytes) - 2, "\r\n", 2);
    ck_assert_int_eq(feed(bytes, sizeof(bytes)), REPLY);
    ck_assert_uint_eq(redis_reply_line(&reply).len, REDIS_REPLY_LINE_BYTES - 1);
    ck_assert_uint_eq(strlen(reply.line), REDIS_REPLY_LINE_BYTES - 1);
}
END_TEST

START_TEST(nul_bytes_and_line_ends_are_data)
{
    const char bytes[] = "*2\r\n$3\r\na\0b\r\n$4\r\n\r\n\xff\0\r\n";

    ck_assert_int_eq(feed(bytes, sizeof(bytes) - 1), REPLY);
    ck_assert_int_eq(reply.kind, REPLY_FIELDS);
    ck_assert(str_equal(reply.fields[0].name, STR("a\0b")));
    ck_assert(str_equal(reply.fields[0].value, STR("\r\n\xff\0")));
}
END_TEST

/* An array of `count` strings of `length` bytes, which are its indices as far as they fit. */
static enum outcome feed_array(size_t count, size_t length)
{
    char head[64];
    char *item = malloc(length + 2);
    enum outcome outcome = feed(head, (size_t)snprintf(head, sizeof(head), "*%zu\r\n", count));

    for (size_t i = 0; i < count && outcome == MORE; i++) {
        memset(item, 'x', length);
        memcpy(item, &i, length < sizeof(i) ? length : sizeof(i));
        memcpy(item + length, "\r\n", 2);
        feed(head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", length));
        outcome = feed(item, length + 2);
    }
    free(item);
    return outcome;
}

static bool holds_array(size_t count, size_t length)
{
    if (reply.kind != REPLY_FIELDS || reply.item_count != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct str item = i % 2 ? reply.fields[i / 2].value : reply.fields[i / 2].name;
        if (item.len != length || memcmp(item.ptr, &i, sizeof(i)) != 0) {
            return false;
        }
    }
    return true;
}

START_TEST(fields_stay_whole_while_their_block_grows)
{
    ck_assert_int_eq(feed_array(5000, 100), REPLY);
    ck_assert(holds_array(5000, 100));
}
END_TEST

static const struct {
    const char *bytes;
    const char *want;
} firsts[] = {
    {"*3\r\n$6\r\nmaster\r\n:3129659\r\n*1\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "master"},
    {"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", "master"},
    {"*2\r\n$1\r\na\r\n$1\r\n1\r\n", "a"},
    {"*1\r\n$0\r\n\r\n", ""},
    {"*0\r\n", ""},
    {"*-1\r\n", ""},
    {"$1\r\na\r\n", ""},
    {":1\r\n", ""},
    {"*2\r\n:1\r\n$1\r\na\r\n", ""},
    {"*2\r\n+a\r\n$1\r\nb\r\n", ""},
    {"*2\r\n-a\r\n$1\r\nb\r\n", ""},
    {"*2\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n", ""},
    {"*2\r\n$-1\r\n$1\r\nb\r\n", ""},
};

START_TEST(the_first_item_of_any_array_is_known)
{
    for (int i = 0; i < COUNT(firsts); i++) {
        ck_assert_int_eq(feed("+before\r\n", 9), REPLY);
        ck_assert_int_eq(feed(firsts[i].bytes, strlen(firsts[i].bytes)), REPLY);
        ck_assert_msg(str_equal(redis_reply_line(&reply), str_from_c(firsts[i].want)), "%s: %.*s",
                      firsts[i].bytes, STR_ARG(redis_reply_line(&reply)));
        restart();
    }
}
END_TEST

/* Counts of items, lengths of each. */
static const struct {
    size_t count;
    size_t length;
    enum redis_reply_kind want;
} sizes[] = {
    {2 * STORE_FIELDS_MAX + 2, 1, REPLY_OVERSIZED},
    {2 * STORE_FIELDS_MAX + 1, 1, REPLY_MALFORMED},
    {4, STORE_REPLY_BYTES_MAX / 4 + 1, REPLY_OVERSIZED},
    {2, STORE_REPLY_BYTES_MAX / 2 + 1, REPLY_OVERSIZED},
    {2, STORE_REPLY_BYTES_MAX / 2, REPLY_FIELDS},
    {2 * STORE_FIELDS_MAX, 64, REPLY_FIELDS},
};

START_TEST(bounds_hold_to_the_byte_and_to_the_field)
{
    ck_assert_int_eq(feed_array(sizes[_i].count, sizes[_i].length), REPLY);
    ck_assert_int_eq(reply.kind, sizes[_i].want);
    ck_assert(reply.kind != REPLY_FIELDS || holds_array(sizes[_i].count, sizes[_i].length));
    reader->fn->freeObject(&reply);
    ck_assert_int_eq(feed("*2\r\n$1\r\na\r\n$1\r\n1\r\n", 18), REPLY);
    ck_assert_str_eq(describe(), "fields a=1;");
}
END_TEST

START_TEST(an_announced_size_takes_no_memory)
{
    ck_assert_int_eq(feed("*2147483646\r\n", 13), MORE);
    ck_assert_uint_eq(reply.field_capacity + reply.byte_capacity, 0);
    restart();
    ck_assert_int_eq(feed("$999999999999\r\n", 15), MORE);
    ck_assert_uint_eq(reply.field_capacity + reply.byte_capacity, 0);
}
END_TEST

START_TEST(little_memory_is_kept_between_replies)
{
    ck_assert_int_eq(feed_array(2 * STORE_FIELDS_MAX, 16), REPLY);
    reader->fn->freeObject(&reply);
    ck_assert_uint_le(reply.byte_capacity + reply.field_capacity * sizeof(struct store_field),
                      100 * 1024);
}
END_TEST

START_TEST(a_failing_allocation_ends_the_connection)
{
    const char bytes[] = "*2\r\n$1\r\na\r\n$1\r\n1\r\n";
    bool has_failed = true;

    for (long n = 1; has_failed; n++) {
        ck_assert_int_lt(n, ALLOCATIONS_MAX);
        restart();
        failing_alloc_start(n);
        enum outcome outcome = feed(bytes, sizeof(bytes) - 1);
        has_failed = failing_alloc_stop();
        ck_assert_int_eq(outcome, has_failed ? END : REPLY);
    }
    ck_assert_str_eq(describe(), "fields a=1;");
}
END_TEST

static TCase *shapes_tcase(void)
{
    TCase *tcase = tcase_create("shapes");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_test(tcase, garbage_ends_the_connection);
    tcase_add_test(tcase, garbage_byte_by_byte_ends_it_too);
    tcase_add_loop_test(tcase, a_reply_that_nobody_asked_for_ends_the_connection, 0,
                        COUNT(unasked));
    tcase_add_test(tcase, an_error_may_come_unasked);
    tcase_add_test(tcase, a_reply_of_any_shape_is_told_apart);
    tcase_add_test(tcase, byte_by_byte_it_is_the_same_reply);
    tcase_add_test(tcase, cut_at_any_length_it_is_no_reply);
    tcase_add_test(tcase, each_reply_starts_anew);
    tcase_add_test(tcase, nul_bytes_and_line_ends_are_data);
    return tcase;
}

static TCase *sizes_tcase(void)
{
    TCase *tcase = tcase_create("sizes");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_long_line_is_cut);
    tcase_add_test(tcase, the_first_item_of_any_array_is_known);
    tcase_add_test(tcase, fields_stay_whole_while_their_block_grows);
    tcase_add_loop_test(tcase, bounds_hold_to_the_byte_and_to_the_field, 0, COUNT(sizes));
    tcase_add_test(tcase, an_announced_size_takes_no_memory);
    tcase_add_test(tcase, little_memory_is_kept_between_replies);
    tcase_add_test(tcase, a_failing_allocation_ends_the_connection);
    return tcase;
}

Suite *reply_suite(void)
{
    Suite *suite = suite_create("reply");

    suite_add_tcase(suite, shapes_tcase());
    suite_add_tcase(suite, sizes_tcase());
    return suite;
}
