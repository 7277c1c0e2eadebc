#include "agent/config/config.h"
#include "agent/config/gate_field.h"
#include "agent/config/setting.h"

static void print_setting(const struct setting *setting, FILE *out)
{
    struct diag allowed;

    setting->type->describe(setting, &allowed);
    fprintf(out, "%s", setting->name);
    if (setting->initial) {
        fprintf(out, setting->is_list ? " = {\"%s\"}" : " = \"%s\"", setting->initial);
    }
    fprintf(out, "\n    Takes %s.%s\n    %s\n\n", allowed.text,
            setting->needs_restart ? " Changes at a restart only." : "", setting->help);
}

static void print_gate_field(const struct gate_field *field, FILE *out)
{
    struct diag allowed = {"a role's name, or nothing"};

    if (field->choices) {
        choice_describe(field->choices, &allowed);
    }
    fprintf(out, "    %s = %s\n", field->name, field->initial);
    if (allowed.text[0] != '\0') {
        fprintf(out, "        Takes %s%s.\n", field->is_list ? "a list of " : "", allowed.text);
    }
    fprintf(out, "        %s\n\n", field->help);
}

void config_print_reference(FILE *out)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        print_setting(setting, out);
    }
    fputs("include(\"file\")\n    Reads another file here; relative to the one it stands in.\n\n"
          "gate \"name\" { ... }\n"
          "    What one HAProxy frontend accepts; \"*\" is for frontends without a gate of their\n"
          "    own. A frontend without a gate is denied.\n\n",
          out);
    for (const struct gate_field *field = gate_fields; field->name; field++) {
        print_gate_field(field, out);
    }
}
