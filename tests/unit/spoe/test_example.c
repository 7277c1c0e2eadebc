/* The example in spoe/spoe.h, cut out of its comment by the build. */
#include "spoe_example.h"

#include <string.h>

#include "tests/support/spop_peer.h"
#include "tests/unit/spoe/suites.h"

static const struct spop_question question = {
    .source = "192.0.2.1", .method = "GET", .path = "/", .host = "a"};

static void expect_frame(const uint8_t **at, const uint8_t *end, unsigned type,
                         struct spop_frame *frame)
{
    size_t used;

    ck_assert_int_eq(spop_get_frame(*at, (size_t)(end - *at), frame, &used), SPOP_WHOLE);
    ck_assert_uint_eq(frame->type, type);
    *at += used;
}

START_TEST(the_example_answers)
{
    uint8_t in[2048], out[2048];
    struct spop_out sent = spop_out_over(in, sizeof(in));
    struct spoe_session session;
    struct spop_frame frame;
    struct spop_value verdict;
    bool is_over = false;

    spoe_session_init(&session, 16380);
    spop_put_hello(&sent, &spop_hello_haproxy);
    spop_put_question(&sent, 3, 1, &question);
    spop_put_disconnect(&sent, 0, "normal");
    size_t length = sent.length;
    size_t written = example_received(&session, in, &length, out, sizeof(out), &is_over);
    ck_assert_uint_eq(length, sent.length);
    ck_assert(is_over);

    const uint8_t *at = out;
    expect_frame(&at, out + written, SPOP_AGENT_HELLO, &frame);
    expect_frame(&at, out + written, SPOP_ACK, &frame);
    ck_assert(frame.stream_id == 3 && frame.frame_id == 1);
    ck_assert(spop_get_var(&frame, "verdict", &verdict));
    ck_assert(spop_is_text(verdict.bytes, "allow"));
    expect_frame(&at, out + written, SPOP_AGENT_DISCONNECT, &frame);
    ck_assert_ptr_eq(at, out + written);
}
END_TEST

START_TEST(the_example_keeps_what_is_not_whole)
{
    uint8_t in[1024], out[1024];
    struct spop_out sent = spop_out_over(in, sizeof(in));
    struct spoe_session session;
    bool is_over = false;

    spoe_session_init(&session, 16380);
    spop_put_hello(&sent, &spop_hello_haproxy);
    size_t length = sent.length - 1;
    ck_assert_uint_eq(example_received(&session, in, &length, out, sizeof(out), &is_over), 0);
    ck_assert_uint_eq(length, 0);
    ck_assert(!is_over);
}
END_TEST

Suite *suite_example(void)
{
    Suite *suite = suite_create("example");
    TCase *tcase = tcase_create("example");

    tcase_add_test(tcase, the_example_answers);
    tcase_add_test(tcase, the_example_keeps_what_is_not_whole);
    suite_add_tcase(suite, tcase);
    return suite;
}
