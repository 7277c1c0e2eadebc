#include "agent/quota/script.h"

/* NUL-terminated texts, made of lua/ by CMakeLists.txt. */
extern const char script_window_take[], script_window_adjust[];
extern const char script_bucket_take[], script_bucket_adjust[];
extern const char script_rehearse_window_take[], script_rehearse_window_adjust[];
extern const char script_rehearse_bucket_take[], script_rehearse_bucket_adjust[];

static struct store_script scripts[SCRIPT_COUNT], rehearsals[SCRIPT_COUNT];

static const struct {
    const char *name;
    const char *text;
    const char *rehearsal;
} sources[SCRIPT_COUNT] = {
    [SCRIPT_WINDOW_TAKE] = {"window_take", script_window_take, script_rehearse_window_take},
    [SCRIPT_WINDOW_ADJUST] = {"window_adjust", script_window_adjust, script_rehearse_window_adjust},
    [SCRIPT_BUCKET_TAKE] = {"bucket_take", script_bucket_take, script_rehearse_bucket_take},
    [SCRIPT_BUCKET_ADJUST] = {"bucket_adjust", script_bucket_adjust, script_rehearse_bucket_adjust},
};

static enum err start(struct store_script *script, const char *name, const char *text)
{
    *script = (struct store_script){.name = name, .text = str_from_c(text)};
    return store_script_init(script);
}

enum err script_start(void)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < SCRIPT_COUNT && e == ERR_OK; i++) {
        e = start(&scripts[i], sources[i].name, sources[i].text);
        if (e == ERR_OK) {
            e = start(&rehearsals[i], sources[i].name, sources[i].rehearsal);
        }
    }
    return e;
}

const struct store_script *script_get(enum script_id id, bool is_rehearsal)
{
    return is_rehearsal ? &rehearsals[id] : &scripts[id];
}
