#include "agent/config/setting.h"

void choice_describe(const struct choice *choices, struct diag *out)
{
    size_t count = 0, named = 0;

    for (size_t i = 0; choices[i].name; i++) {
        count += choices[i].refusal ? 0 : 1;
    }
    diag_set(out, "%s", "");
    for (size_t i = 0; choices[i].name; i++) {
        if (!choices[i].refusal) {
            struct diag before = *out;
            const char *joint = named == 0 ? "" : named + 1 == count ? " or " : ", ";

            diag_set(out, "%s%s%s", before.text, joint, choices[i].name);
            named++;
        }
    }
}

enum err choice_find(const struct choice *choices, struct str text, unsigned *value,
                     struct diag *diag)
{
    for (; choices->name; choices++) {
        if (!str_equal(text, str_from_c(choices->name))) {
            continue;
        }
        if (choices->refusal) {
            diag_set(diag, "%s", choices->refusal);
            return ERR_RANGE;
        }
        *value = choices->value;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}
