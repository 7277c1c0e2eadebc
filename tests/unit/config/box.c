#include "tests/unit/config/box.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static char *errors;

void box_open(void)
{
    strcpy(directory, "/tmp/reeve-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
}

/* Two levels are enough for what tests make. */
static void empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.' && unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (dir) {
        closedir(dir);
    }
}

void box_close(void)
{
    empty("conf.d");
    empty(".");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(directory), 0);
    free(errors);
    errors = NULL;
}

void box_write(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static enum err load(const char *path, const struct config_override *overrides, size_t count,
                     struct config **out)
{
    size_t length;
    FILE *stream;

    free(errors);
    errors = NULL;
    stream = open_memstream(&errors, &length);
    ck_assert_ptr_nonnull(stream);
    enum err e = config_load(path, overrides, count, stream, out);
    fclose(stream);
    return e;
}

struct config *box_load_with(const char *text, const struct config_override *overrides,
                             size_t count)
{
    struct config *config = NULL;

    box_write("reeve.conf", text, 0644);
    ck_assert_msg(load("reeve.conf", overrides, count, &config) == ERR_OK, "%s", errors);
    ck_assert_str_eq(errors, "");
    return config;
}

struct config *box_load(const char *text)
{
    return box_load_with(text, NULL, 0);
}

static const char *fail_to_load(const char *path, const struct config_override *overrides,
                                size_t count)
{
    struct config untouched, *config = &untouched;

    ck_assert_int_ne(load(path, overrides, count, &config), ERR_OK);
    ck_assert_ptr_eq(config, &untouched);
    ck_assert_str_ne(errors, "");
    return errors;
}

const char *box_errors_with(const char *text, const struct config_override *overrides, size_t count)
{
    box_write("reeve.conf", text, 0644);
    return fail_to_load("reeve.conf", overrides, count);
}

const char *box_errors(const char *text)
{
    return box_errors_with(text, NULL, 0);
}

const char *box_errors_of(const char *path)
{
    return fail_to_load(path, NULL, 0);
}
