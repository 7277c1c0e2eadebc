#include "agent/decide/reply.h"

#include "tests/support/spop_peer.h"
#include "tests/unit/decide/suites.h"

static char long_text[9000];

static struct verdict full_verdict(void)
{
    return (struct verdict){
        .kind = VERDICT_THROTTLE,
        .reason = REASON_RATE,
        .rule = STR("reader/10"),
        .user = STR("alice"),
        .team = STR("payments"),
        .roles = STR("reader,writer"),
        .credential = STR("key:abcdefghij"),
        .path = STR("/v1/orders"),
        .challenge = STR("Bearer realm=\"reeve\""),
        .ratelimit = STR("\"burst\";r=50;t=30"),
        .ratelimit_policy = STR("\"burst\";q=100;w=60"),
        .retry_after = 7,
        .priority = 5,
        .shadow = STR("deny:no_rule"),
    };
}

static struct spop_frame whole(const uint8_t *bytes, size_t length)
{
    struct spop_frame frame;
    size_t used = 0;

    ck_assert_int_eq(spop_get_frame(bytes, length, &frame, &used), SPOP_WHOLE);
    ck_assert_uint_eq(used, length);
    ck_assert_uint_eq(frame.type, SPOP_ACK);
    ck_assert_uint_eq(frame.flags, SPOP_FIN);
    return frame;
}

/* Which variable stands at which place; every action is a txn set-var. */
static size_t names_of(const struct spop_frame *frame, struct spop_bytes names[32])
{
    struct spop_bytes payload = frame->payload;
    struct spop_action action;
    size_t count = 0;

    while (spop_get_action(&payload, &action) == SPOP_WHOLE) {
        ck_assert_uint_eq(action.type, 1);
        ck_assert_uint_eq(action.scope, 2);
        names[count++] = action.name;
    }
    return count;
}

START_TEST(a_zeroed_verdict_is_a_deny)
{
    struct verdict verdict = {.priority = -1};
    uint8_t out[256];
    size_t length = reply_write(&verdict, 1, 1, 16380, out, sizeof(out));
    struct spop_frame frame = whole(out, length);
    struct spop_value value;

    ck_assert(spop_get_var(&frame, "verdict", &value) && spop_is_text(value.bytes, "deny"));
    ck_assert(spop_get_var(&frame, "status", &value) && value.number == 503);
}
END_TEST

START_TEST(verdict_and_path_come_first_and_all_variables_are_there)
{
    static const char *const strings[][2] = {{"verdict", "throttle"},
                                             {"path", "/v1/orders"},
                                             {"reason", "rate"},
                                             {"user", "alice"},
                                             {"team", "payments"},
                                             {"roles", "reader,writer"},
                                             {"credential", "key:abcdefghij"},
                                             {"rule", "reader/10"},
                                             {"challenge", "Bearer realm=\"reeve\""},
                                             {"ratelimit", "\"burst\";r=50;t=30"},
                                             {"ratelimit_policy", "\"burst\";q=100;w=60"},
                                             {"shadow", "deny:no_rule"}};
    struct verdict verdict = full_verdict();
    uint8_t out[2048];
    struct spop_frame frame = whole(out, reply_write(&verdict, 9, 1, 16380, out, sizeof(out)));
    struct spop_bytes names[32];
    struct spop_value value;

    ck_assert_uint_eq(frame.stream_id, 9);
    ck_assert_uint_eq(names_of(&frame, names), 15);
    ck_assert(spop_is_text(names[0], "verdict"));
    ck_assert(spop_is_text(names[1], "path"));
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        ck_assert_msg(spop_get_var(&frame, strings[i][0], &value) &&
                          spop_is_text(value.bytes, strings[i][1]),
                      "%s", strings[i][0]);
    }
    ck_assert(spop_get_var(&frame, "status", &value) && value.number == 429);
    ck_assert(spop_get_var(&frame, "retry_after", &value) && value.number == 7);
    ck_assert(spop_get_var(&frame, "priority", &value) && value.number == 5);
}
END_TEST

START_TEST(what_has_no_value_is_not_set)
{
    struct verdict verdict = {.kind = VERDICT_ALLOW, .reason = REASON_OK, .priority = -1};
    uint8_t out[512];
    struct spop_frame frame = whole(out, reply_write(&verdict, 1, 1, 16380, out, sizeof(out)));
    struct spop_bytes names[32];

    ck_assert_uint_eq(names_of(&frame, names), 3); /* verdict, status, reason */
}
END_TEST

/* The names are the first ones of what is written where there is room: who finds one finds all before
 * it. */
static void check_is_beginning(const struct verdict *verdict, const struct spop_bytes *names,
                               size_t count)
{
    static uint8_t out[16384];
    struct spop_frame all = whole(out, reply_write(verdict, 1, 1, 16380, out, sizeof(out)));
    struct spop_bytes wanted[32];

    ck_assert_uint_le(count, names_of(&all, wanted));
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(names[i].length, wanted[i].length);
        ck_assert_int_eq(memcmp(names[i].data, wanted[i].data, wanted[i].length), 0);
    }
}

/* Every limit and every room: the frame is whole, within both, and starts with the verdict. */
START_TEST(what_does_not_fit_is_left_out_never_the_verdict)
{
    struct verdict verdict = full_verdict();
    size_t before = 0;

    for (uint32_t limit = 1; limit < 600; limit++) {
        uint8_t out[1024];
        size_t length = reply_write(&verdict, 1, 1, limit, out, sizeof(out));
        struct spop_bytes names[32];
        if (length == 0) {
            ck_assert_uint_lt(limit, 64);
            continue;
        }
        ck_assert_uint_le(length, limit + 4u);
        struct spop_frame frame = whole(out, length);
        ck_assert_uint_ge(names_of(&frame, names), 1);
        ck_assert(spop_is_text(names[0], "verdict"));
        check_is_beginning(&verdict, names, names_of(&frame, names));
        ck_assert_uint_eq(length, reply_write(&verdict, 1, 1, 16380, out, length));
        before = length;
    }
    ck_assert_uint_gt(before, 200);
}
END_TEST

START_TEST(all_but_the_path_stay_below_a_kilobyte)
{
    struct verdict verdict = full_verdict();
    static uint8_t out[16384];

    verdict.path = str_make(long_text, 8000);
    verdict.roles = str_make(long_text, 900);
    verdict.shadow = str_make(long_text, 600);
    size_t length = reply_write(&verdict, 1, 1, 16380, out, sizeof(out));
    struct spop_frame frame = whole(out, length);
    struct spop_value value;
    ck_assert_uint_lt(length, 8000 + 64 + REPLY_BYTES_MAX);
    ck_assert(spop_get_var(&frame, "path", &value) && value.bytes.length == 8000);
    ck_assert(spop_get_var(&frame, "user", &value));
    ck_assert(spop_get_var(&frame, "shadow", &value) && value.bytes.length == 600);
    ck_assert(!spop_get_var(&frame, "roles", &value));
    verdict.shadow = str_make(long_text, REPLY_BYTES_MAX);
    verdict.roles = STR("a");
    frame = whole(out, reply_write(&verdict, 1, 1, 16380, out, sizeof(out)));
    ck_assert(spop_get_var(&frame, "priority", &value));
    ck_assert(!spop_get_var(&frame, "shadow", &value) && !spop_get_var(&frame, "roles", &value));
}
END_TEST

START_TEST(a_path_that_fits_not_is_told)
{
    struct verdict verdict = full_verdict();

    verdict.path = str_make(long_text, 300);
    ck_assert(!reply_fits(&verdict, 256));
    ck_assert(reply_fits(&verdict, 512));
    /* Where it says yes, verdict and path are written. */
    for (uint32_t limit = 256; limit < 512; limit++) {
        uint8_t out[1024];
        struct spop_value value;
        if (reply_fits(&verdict, limit)) {
            struct spop_frame frame =
                whole(out, reply_write(&verdict, UINT64_MAX, UINT64_MAX, limit, out, sizeof(out)));
            ck_assert(spop_get_var(&frame, "path", &value) && value.bytes.length == 300);
        }
    }
}
END_TEST

Suite *reply_suite(void)
{
    Suite *suite = suite_create("reply");
    TCase *tcase = tcase_create("reply");

    memset(long_text, 'x', sizeof(long_text));
    tcase_add_test(tcase, a_zeroed_verdict_is_a_deny);
    tcase_add_test(tcase, verdict_and_path_come_first_and_all_variables_are_there);
    tcase_add_test(tcase, what_has_no_value_is_not_set);
    tcase_add_test(tcase, what_does_not_fit_is_left_out_never_the_verdict);
    tcase_add_test(tcase, all_but_the_path_stay_below_a_kilobyte);
    tcase_add_test(tcase, a_path_that_fits_not_is_told);
    suite_add_tcase(suite, tcase);
    return suite;
}
