#include "agent/config/config.h"
#include "agent/config/section.h"

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

static void print_field(const struct section_field *field, FILE *out)
{
    struct diag allowed;

    diag_set(&allowed, "%s", field->takes ? field->takes : "");
    if (field->choices) {
        choice_describe(field->choices, &allowed);
    }
    fprintf(out, "    %s", field->name);
    if (field->initial) {
        fprintf(out, " = %s", field->initial);
    }
    fputc('\n', out);
    if (allowed.text[0] != '\0') {
        fprintf(out, "        Takes %s%s.\n", field->is_list ? "a list of " : "", allowed.text);
    }
    fprintf(out, "        %s\n\n", field->help);
}

static void print_section(const struct section *section, FILE *out)
{
    fprintf(out, "%s \"name\" { ... }\n%s\n", section->name, section->help);
    for (const struct section_field *field = section->fields; field->name; field++) {
        print_field(field, out);
    }
}

void config_print_reference(FILE *out)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        print_setting(setting, out);
    }
    fputs("include(\"file\")\n    Reads another file here; relative to the one it stands in.\n\n",
          out);
    for (size_t i = 0; sections[i]; i++) {
        print_section(sections[i], out);
    }
}
