#include "agent/fleet/script.h"

/* NUL-terminated texts, made of lua/ by CMakeLists.txt. */
extern const char script_describe[], script_join[], script_acknowledge[];
extern const char script_leave[], script_erase[];

static struct store_script scripts[FLEET_SCRIPT_COUNT];

static const struct {
    const char *name;
    const char *text;
} sources[FLEET_SCRIPT_COUNT] = {
    [FLEET_SCRIPT_DESCRIBE] = {"describe", script_describe},
    [FLEET_SCRIPT_JOIN] = {"join", script_join},
    [FLEET_SCRIPT_ACKNOWLEDGE] = {"acknowledge", script_acknowledge},
    [FLEET_SCRIPT_LEAVE] = {"leave", script_leave},
    [FLEET_SCRIPT_ERASE] = {"erase", script_erase},
};

enum err fleet_script_start(void)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < FLEET_SCRIPT_COUNT && e == ERR_OK; i++) {
        scripts[i] =
            (struct store_script){.name = sources[i].name, .text = str_from_c(sources[i].text)};
        e = store_script_init(&scripts[i]);
    }
    return e;
}

const struct store_script *fleet_script_get(enum fleet_script id)
{
    return &scripts[id];
}
