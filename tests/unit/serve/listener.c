#include "agent/serve/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64];
static char path[96];
static struct config config;
static struct config_address address;
static struct listener listener;

static void setup(void)
{
    strcpy(dir, "/tmp/reeve-listener-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/spop.sock", dir);
    config = (struct config){.socket_mode = 0640};
    address = (struct config_address){.type = CONFIG_ADDRESS_UNIX, .text = path, .host = path};
    listener = (struct listener){.fd = -1};
    log_set_level(LOG_ERROR);
}

static void teardown(void)
{
    listener_close(&listener);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(dir), 0);
}

static enum err open_it(struct diag *diag)
{
    return listener_open(&listener, &config, &address, diag);
}

static int connect_unix(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

START_TEST(a_unix_socket_has_the_configured_mode)
{
    struct diag diag = {0};
    struct stat status;

    ck_assert_msg(open_it(&diag) == ERR_OK, "%s", diag.text);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
    close(connect_unix());
}
END_TEST

#ifdef SYS_chown
#define CHOWN SYS_chown
#else
#define CHOWN SYS_fchownat
#endif

/* Such as contrib/systemd/reeved.service may: for the rest of this process chown() is EPERM. */
static void forbid_chown(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CHOWN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(steps) / sizeof(steps[0]), steps};

    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    ck_assert_int_ne(chown(dir, (uid_t)-1, (gid_t)-1), 0);
}

START_TEST(without_owner_and_group_no_right_to_change_them_is_needed)
{
    struct diag diag = {0};

    forbid_chown();
    ck_assert_msg(open_it(&diag) == ERR_OK, "%s", diag.text);
    close(connect_unix());
}
END_TEST

START_TEST(an_unknown_owner_or_group_is_refused_and_leaves_no_socket)
{
    struct diag diag = {0};

    config.socket_owner = "no-such-user-here";
    ck_assert_int_ne(open_it(&diag), ERR_OK);
    ck_assert_ptr_nonnull(strstr(diag.text, "socket_owner"));
    ck_assert_int_ne(access(path, F_OK), 0);
    config.socket_owner = NULL;
    config.socket_group = "no-such-group-here";
    ck_assert_int_ne(open_it(&diag), ERR_OK);
    ck_assert_ptr_nonnull(strstr(diag.text, "socket_group"));
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_stale_socket_is_replaced)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct diag diag = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(name.sun_path, path);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
    ck_assert_msg(open_it(&diag) == ERR_OK, "%s", diag.text);
    close(connect_unix());
}
END_TEST

START_TEST(a_socket_that_is_served_is_not_replaced)
{
    struct listener second = {.fd = -1};
    struct diag diag = {0};

    ck_assert_int_eq(open_it(&diag), ERR_OK);
    ck_assert_int_eq(listener_open(&second, &config, &address, &diag), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(diag.text, path));
    close(connect_unix());
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_not_replaced)
{
    struct diag diag = {0};

    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ck_assert_int_eq(open_it(&diag), ERR_BUSY);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(closing_removes_the_socket)
{
    struct diag diag = {0};

    ck_assert_int_eq(open_it(&diag), ERR_OK);
    listener_close(&listener);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(closing_keeps_a_socket_that_somebody_else_put_there)
{
    struct listener second = {.fd = -1};
    struct diag diag = {0};

    ck_assert_int_eq(open_it(&diag), ERR_OK);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_msg(listener_open(&second, &config, &address, &diag) == ERR_OK, "%s", diag.text);
    listener_close(&listener);
    close(connect_unix());
    listener_close(&second);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_tcp_port_in_use_is_busy_and_named)
{
    struct config_address tcp = {
        .type = CONFIG_ADDRESS_TCP, .text = "tcp://127.0.0.1:?", .host = "127.0.0.1"};
    struct listener second = {.fd = -1};
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    struct diag diag = {0};

    ck_assert_int_eq(listener_open(&listener, &config, &tcp, &diag), ERR_OK);
    ck_assert_int_eq(getsockname(listener.fd, (struct sockaddr *)&name, &length), 0);
    tcp.port = ntohs(name.sin_port);
    ck_assert_int_eq(listener_open(&second, &config, &tcp, &diag), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(diag.text, "tcp://127.0.0.1"));
}
END_TEST

START_TEST(a_name_instead_of_an_address_is_refused)
{
    struct config_address tcp = {
        .type = CONFIG_ADDRESS_TCP, .text = "tcp://localhost:1", .host = "localhost", .port = 1};
    struct diag diag = {0};

    ck_assert_int_eq(listener_open(&listener, &config, &tcp, &diag), ERR_SYNTAX);
}
END_TEST

struct accepted {
    int fds[8];
    int count;
    bool has_room;
};

static bool keep_socket(void *context, int fd)
{
    struct accepted *accepted = context;

    accepted->fds[accepted->count++] = fd;
    return true;
}

static bool tell_room(void *context)
{
    return ((struct accepted *)context)->has_room;
}

static void run_until(struct ev_loop *loop, const struct accepted *accepted, int count)
{
    for (int i = 0; i < 200 && accepted->count < count; i++) {
        ev_run(loop, EVRUN_ONCE);
    }
    ck_assert_int_eq(accepted->count, count);
}

static void close_accepted(struct accepted *accepted)
{
    while (accepted->count > 0) {
        close(accepted->fds[--accepted->count]);
    }
}

START_TEST(without_room_accepting_pauses_and_the_backlog_waits)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct accepted accepted = {.has_room = false};
    struct diag diag = {0};

    ck_assert_int_eq(open_it(&diag), ERR_OK);
    listener_start(&listener, loop, keep_socket, tell_room, &accepted);
    int client = connect_unix();
    ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(accepted.count, 0);
    ck_assert(!ev_is_active(&listener.io));
    accepted.has_room = true;
    run_until(loop, &accepted, 1);
    close(client);
    close_accepted(&accepted);
    listener_close(&listener);
    ev_loop_destroy(loop);
}
END_TEST

START_TEST(out_of_descriptors_it_pauses_instead_of_spinning)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct accepted accepted = {.has_room = true};
    struct diag diag = {0};
    struct rlimit before;

    ck_assert_int_eq(open_it(&diag), ERR_OK);
    listener_start(&listener, loop, keep_socket, tell_room, &accepted);
    ev_run(loop, EVRUN_NOWAIT);
    int client = connect_unix();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)client + 1, before.rlim_max}), 0);
    ev_run(loop, EVRUN_ONCE);
    ck_assert_int_eq(accepted.count, 0);
    ck_assert(!ev_is_active(&listener.io));
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    run_until(loop, &accepted, 1);
    close(client);
    close_accepted(&accepted);
    listener_close(&listener);
    ev_loop_destroy(loop);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("serve");
    TCase *tcase = tcase_create("listener");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_unix_socket_has_the_configured_mode);
    tcase_add_test(tcase, without_owner_and_group_no_right_to_change_them_is_needed);
    tcase_add_test(tcase, an_unknown_owner_or_group_is_refused_and_leaves_no_socket);
    tcase_add_test(tcase, a_stale_socket_is_replaced);
    tcase_add_test(tcase, a_socket_that_is_served_is_not_replaced);
    tcase_add_test(tcase, a_file_that_is_no_socket_is_not_replaced);
    tcase_add_test(tcase, closing_removes_the_socket);
    tcase_add_test(tcase, closing_keeps_a_socket_that_somebody_else_put_there);
    tcase_add_test(tcase, a_tcp_port_in_use_is_busy_and_named);
    tcase_add_test(tcase, a_name_instead_of_an_address_is_refused);
    tcase_add_test(tcase, without_room_accepting_pauses_and_the_backlog_waits);
    tcase_add_test(tcase, out_of_descriptors_it_pauses_instead_of_spinning);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
