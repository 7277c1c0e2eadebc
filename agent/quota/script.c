#include "agent/quota/script.h"

/* NUL-terminated texts, made of lua/ by CMakeLists.txt. */
extern const char script_window_take[], script_window_adjust[];
extern const char script_bucket_take[], script_bucket_adjust[];

static struct store_script scripts[SCRIPT_COUNT];

static const struct {
    const char *name;
    const char *text;
} sources[SCRIPT_COUNT] = {
    [SCRIPT_WINDOW_TAKE] = {"window_take", script_window_take},
    [SCRIPT_WINDOW_ADJUST] = {"window_adjust", script_window_adjust},
    [SCRIPT_BUCKET_TAKE] = {"bucket_take", script_bucket_take},
    [SCRIPT_BUCKET_ADJUST] = {"bucket_adjust", script_bucket_adjust},
};

enum err script_start(void)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < SCRIPT_COUNT && e == ERR_OK; i++) {
        scripts[i] =
            (struct store_script){.name = sources[i].name, .text = str_from_c(sources[i].text)};
        e = store_script_init(&scripts[i]);
    }
    return e;
}

const struct store_script *script_get(enum script_id id)
{
    return &scripts[id];
}
