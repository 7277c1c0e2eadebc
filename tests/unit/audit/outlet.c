/* The outlet to a syslog server on sockets of the kernel, in a network of the test's own where one must
 * fail. */
#include "agent/audit/syslog_outlet.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/audit/suites.h"

#define LINE       "{\"v\":1,\"type\":\"decision\",\"n\":1}"
#define TIMEOUT_US 300000
#define STEP_US    20000

static struct outlet *outlet;
static int listener, wake_fd;
static struct diag diag;

static void open_outlet(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);

    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    const struct syslog_settings settings = {
        .transport = SYSLOG_TCP,
        .host = "127.0.0.1",
        .port = ntohs(address.sin_port),
        .source = {.facility = 16, .app = "reeved", .sd_id = "reeve@32473"},
        .timeout_us = TIMEOUT_US,
    };
    outlet = syslog_outlet_new(&settings);
    ck_assert_ptr_nonnull(outlet);
    wake_fd = eventfd(0, EFD_CLOEXEC);
    ck_assert_msg(outlet->type->open(outlet, TIMEOUT_US, wake_fd, &diag) == ERR_OK, "%s",
                  diag.text);
}

static void close_outlet(void)
{
    outlet->type->close(outlet);
    outlet->type->free(outlet);
    close(listener);
    close(wake_fd);
}

static void put_line(void)
{
    struct audit_read_line line;

    audit_read_line_parse(str_from_c(LINE), &line);
    ck_assert(outlet->type->has_room(outlet));
    outlet->type->put(outlet, &line);
}

/* Until the outlet has settled so much, or its connection ends, or the time is over. */
static enum err move_for(int64_t us, uint64_t settled)
{
    enum err e = ERR_OK;

    for (; us > 0 && e == ERR_OK && outlet->type->settled_count(outlet) < settled; us -= STEP_US) {
        usleep(STEP_US);
        e = outlet->type->move(outlet, &diag);
    }
    return e;
}

static void set_loopback(bool is_up)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = is_up ? IFF_UP | IFF_RUNNING : 0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

/* What was sent counts once the other side's kernel has it; and one that answers no more is left, though
 * nobody has closed anything. */
START_TEST(leaves_a_host_that_is_dead)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        fprintf(stderr, "no network of one's own here: a dead host is not tested\n");
        return;
    }
    set_loopback(true);
    open_outlet();
    put_line();
    uint64_t first = outlet->type->put_count(outlet);
    ck_assert_uint_gt(first, strlen(LINE));
    ck_assert_int_eq(move_for(5000000, first), ERR_OK);
    ck_assert_uint_eq(outlet->type->settled_count(outlet), first);
    set_loopback(false);
    put_line();
    ck_assert_int_eq(move_for(TIMEOUT_US / 2, UINT64_MAX), ERR_OK);
    ck_assert_uint_eq(outlet->type->settled_count(outlet), first);
    ck_assert_int_eq(move_for(10 * TIMEOUT_US, UINT64_MAX), ERR_IO);
    ck_assert_str_eq(diag.text, "127.0.0.1: Connection timed out");
    ck_assert_uint_eq(outlet->type->settled_count(outlet), first);
    close_outlet();
}
END_TEST

/* Nobody accepts, and nobody reads: but its kernel answers. */
START_TEST(stays_with_a_host_that_reads_nothing)
{
    open_outlet();
    do {
        while (outlet->type->has_room(outlet)) {
            put_line();
        }
        ck_assert_msg(outlet->type->move(outlet, &diag) == ERR_OK, "%s", diag.text);
    } while (!outlet->type->is_blocked(outlet));
    ck_assert_msg(move_for(8 * TIMEOUT_US, UINT64_MAX) == ERR_OK, "%s", diag.text);
    ck_assert_uint_lt(outlet->type->settled_count(outlet), outlet->type->put_count(outlet));
    close_outlet();
}
END_TEST

START_TEST(tells_why_it_can_not_be_opened)
{
    open_outlet();
    outlet->type->close(outlet);
    close(listener);
    ck_assert_int_eq(outlet->type->open(outlet, TIMEOUT_US, wake_fd, &diag), ERR_IO);
    ck_assert_str_eq(diag.text, "127.0.0.1: Connection refused");
    ck_assert_int_eq(outlet->fd, -1);
    outlet->type->free(outlet);
    close(wake_fd);
}
END_TEST

Suite *outlet_suite(void)
{
    Suite *suite = suite_create("audit/outlet");
    TCase *tcase = tcase_create("outlet");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, leaves_a_host_that_is_dead);
    tcase_add_test(tcase, stays_with_a_host_that_reads_nothing);
    tcase_add_test(tcase, tells_why_it_can_not_be_opened);
    suite_add_tcase(suite, tcase);
    return suite;
}
