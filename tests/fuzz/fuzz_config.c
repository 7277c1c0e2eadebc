/*
 * Aims at config_load(): scan_clean(), libconfuse with our callbacks, the settings table, gates,
 * issuers.
 *
 * Input: a reeve.conf. Whatever stands in it:
 *  - it is taken without a word, or refused with lines that each name a place and end;
 *  - what is taken has every gate under its own name, and what a worker relies on within bounds;
 *  - it is taken or refused the same way a second time: libconfuse keeps nothing.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/ensure.h"
#include "agent/config/config.h"

/* Not a name that include() in an input could guess: a file that includes itself often takes long.
 */
static char path[] = "/tmp/reeve-fuzz-XXXXXX";
static int file = -1;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/* Of an allocation only who asked for it is kept: what our callbacks lose, which libconfuse calls,
 * is not suppressed. */
const char *__asan_default_options(void)
{
    return "malloc_context_size=2:print_suppressions=0";
}

/* It loses the arguments of a call, include("a", that ends in a syntax error. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfuse";
}

static void remove_file(void)
{
    unlink(path);
}

static void put_file(const uint8_t *data, size_t size)
{
    if (file < 0) {
        file = mkstemp(path);
        ensure(file >= 0);
        atexit(remove_file);
    }
    ensure(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
}

/* Gives the errors, which the caller frees; *config is NULL where there are some. */
static char *load(struct config **config)
{
    const struct config_override none = {0};
    char *errors = NULL;
    size_t length;
    FILE *stream = open_memstream(&errors, &length);

    ensure(stream);
    *config = NULL;
    enum err e = config_load(path, &none, 0, stream, config);
    fclose(stream);
    ensure((e == ERR_OK) == (*config != NULL) && (e == ERR_OK) == (length == 0));
    ensure(length == 0 || errors[length - 1] == '\n');
    return errors;
}

static void check_errors(const char *errors)
{
    while (*errors) {
        const char *end = strchr(errors, '\n');
        ensure(end > errors && memchr(errors, ':', (size_t)(end - errors)));
        errors = end + 1;
    }
}

static void check_gates(const struct config *config)
{
    for (size_t i = 0; i < config->gate_count; i++) {
        const struct gate *gate = &config->gates[i];
        ensure(config_gate(config, gate->name) == gate);
        ensure(gate->accept != CREDENTIAL_NONE || gate->anonymous.len > 0);
        ensure(gate->anonymous.len == 0 || str_is_name(gate->anonymous));
    }
    const struct gate *other = config_gate(config, STR("\n"));
    ensure(!other || str_equal(other->name, STR("*")));
}

static void check_issuers(const struct config *config)
{
    for (size_t i = 0; i < config->issuer_count; i++) {
        const struct jwt_policy *policy = &config->issuers[i];
        ensure(str_is_name(policy->name) && policy->issuer.len > 0 && policy->user_claim.len > 0);
        ensure(policy->keys->count > 0 && policy->algorithms != 0 && policy->types != 0);
        ensure(policy->audiences.count > 0 && policy->leeway_s >= 0 && policy->leeway_s <= 60);
        ensure(!policy->has_users || policy->roles_claim.len > 0);
    }
}

static void check_config(const struct config *config)
{
    char changed[256];

    check_gates(config);
    check_issuers(config);
    ensure(config->max_frame_size >= 256 && config->deadline_us > 0 && config->max_age_us > 0);
    ensure(config->spool_bytes >= 64 * 1024 && config->listen.count > 0 && config->workers > 0);
    config_restart_only(config, config, changed, sizeof(changed));
    ensure(changed[0] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config, *again;

    put_file(data, size);
    char *errors = load(&config), *same_errors = load(&again);
    ensure(strcmp(errors, same_errors) == 0);
    check_errors(errors);
    if (config) {
        check_config(config);
    }
    config_unref(config);
    config_unref(again);
    free(errors);
    free(same_errors);
    return 0;
}
