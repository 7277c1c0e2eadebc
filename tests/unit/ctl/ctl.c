#include "tests/unit/ctl/ctl.h"

#include <check.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct ctl ctl;

static int make_file(struct str content)
{
    int fd = memfd_create("ctl", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, content.ptr, content.len), (int)content.len);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int open_or_make(const char *path, int flags, struct str content)
{
    int fd = path ? open(path, flags | O_CLOEXEC) : make_file(content);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static size_t read_file(int fd, char *out, size_t capacity)
{
    ssize_t length = pread(fd, out, capacity - 1, 0);

    out[length > 0 ? length : 0] = '\0';
    return length > 0 ? (size_t)length : 0;
}

/* Not fork(): that takes a sanitized process long. */
static pid_t start(const char *const *arguments, const int fds[3])
{
    posix_spawn_file_actions_t actions;
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++) {
        posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    }
    ck_assert_int_eq(
        posix_spawn(&child, REEVECTL, &actions, NULL, (char *const *)(uintptr_t)arguments, environ),
        0);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

static int run_with(const char *const *words, const int fds[3])
{
    const char *arguments[CTL_WORDS_MAX + 2] = {REEVECTL};
    int status;

    for (size_t i = 0; words[i]; i++) {
        ck_assert_uint_lt(i, CTL_WORDS_MAX);
        arguments[i + 1] = words[i];
    }
    pid_t child = start(arguments, fds);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

void ctl_run_list(const char *const *words, struct str input)
{
    const int fds[3] = {open_or_make(ctl.input_path, O_RDONLY, input),
                        open_or_make(ctl.output_path, O_WRONLY, STR("")), make_file(STR(""))};

    ctl.status = run_with(words, fds);
    ctl.out_length = read_file(fds[1], ctl.out, sizeof(ctl.out));
    ctl.err_length = read_file(fds[2], ctl.err, sizeof(ctl.err));
    for (int i = 0; i < 3; i++) {
        close(fds[i]);
    }
    ck_assert_msg(!strstr(ctl.err, "Sanitizer") && !strstr(ctl.err, "runtime error"), "%s",
                  ctl.err);
}

void ctl_run(const char *command, struct str input)
{
    const char *words[CTL_WORDS_MAX + 1];
    char copy[1024];
    size_t count = 0;
    char *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", command);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        ck_assert_uint_lt(count, CTL_WORDS_MAX);
        words[count++] = word;
    }
    words[count] = NULL;
    ctl_run_list(words, input);
}

static bool is_printable(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~')) {
            return false;
        }
    }
    return true;
}

bool ctl_is_printable(void)
{
    return is_printable(ctl.out, ctl.out_length) && is_printable(ctl.err, ctl.err_length);
}
