/*
 * libconfuse reads the file; this is the only file that knows it. Every option is a text for it, so
 * that the file and -o are read by the same table, and so that each value is checked while
 * libconfuse still knows its line: it keeps no lines after the parse.
 *
 * libconfuse's lexer is global and its callbacks get no context, so the draft being read stands in
 * a static variable for the time of the parse.
 */
#include <confuse.h>
#include <stdarg.h>
#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/config/draft.h"
#include "agent/config/file.h"
#include "agent/config/gate_field.h"
#include "agent/config/scan.h"

#define FILE_BYTES_MAX (1024u * 1024)
#define DEPTH_MAX      8
#define GATES_MAX      1024
#define GATE_OPTS_MAX  16

struct parse {
    struct draft *draft;
    unsigned depth;            /* of include() */
    unsigned gate_fields_seen; /* of the gate being read, bits by place in the table */
    bool gate_is_bad;
};

static struct parse *current;

static struct diag position(const cfg_t *cfg)
{
    struct diag where;

    diag_set(&where, "%s:%d", cfg->filename, cfg->line);
    return where;
}

__attribute__((format(printf, 2, 0))) static void error_cb(cfg_t *cfg, const char *format,
                                                           va_list args)
{
    struct diag text;

    if (vsnprintf(text.text, sizeof(text.text), format, args) >= 0) {
        draft_error(current->draft, position(cfg).text, "%s", text.text);
    }
}

/* Value callbacks always give the value back: an error is noted, and the parse goes on to the next
 * one. */
static int keep(const char *value, void *result)
{
    *(const char **)result = value;
    return 0;
}

static int setting_cb(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct draft *draft = current->draft;
    const struct setting *setting = setting_find(opt->name);
    struct diag where = position(cfg);
    /* The value has its place already; the first of a list has just replaced what was there. */
    bool is_first = cfg_opt_size(opt) == 1;

    ensure(setting);
    const char *origin = draft->origins[setting_index(setting)];
    if (is_first && origin) {
        draft_error(draft, where.text, "%s: already set at %s", setting->name, origin);
        return keep(value, result);
    }
    if (is_first) {
        setting_clear(setting, draft->config);
    }
    draft_set(draft, setting, where.text, str_from_c(value));
    return keep(value, result);
}

static void refuse_gate(const cfg_t *section, const char *what)
{
    current->gate_is_bad = true;
    draft_error(current->draft, position(section).text, "gate \"%s\": %s",
                log_quote(str_from_c(section->title)).text, what);
}

static int gate_field_cb(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    const struct gate_field *field = gate_field_find(opt->name);
    unsigned bit = 1u << (field - gate_fields);
    struct gate scratch = {.anonymous = STR("")};
    struct diag why, what;

    /* libconfuse takes "gate|mode" at the top level for the first gate's. */
    if (!cfg_title(cfg)) {
        draft_error(current->draft, position(cfg).text, "%s: belongs into a gate", field->name);
        return keep(value, result);
    }
    if (cfg_opt_size(opt) == 1 && (current->gate_fields_seen & bit) != 0) {
        diag_set(&what, "%s: already set", field->name);
        refuse_gate(cfg, what.text);
    }
    current->gate_fields_seen |= bit;
    if (gate_set(&scratch, field, str_from_c(value), &why) != ERR_OK) {
        diag_set(&what, "%s: %s", field->name, why.text);
        refuse_gate(cfg, what.text);
    }
    gate_fini(&scratch);
    return keep(value, result);
}

/* The values were checked one by one; here those that stand at the section's end count. */
static enum err read_gate(struct gate *gate, cfg_t *section, struct diag *diag)
{
    for (const struct gate_field *field = gate_fields; field->name; field++) {
        cfg_opt_t *opt = cfg_getopt(section, field->name);

        for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
            enum err e = gate_set(gate, field, str_from_c(cfg_opt_getnstr(opt, i)), diag);
            if (e != ERR_OK) {
                return e;
            }
        }
    }
    return gate_check(gate, diag);
}

static enum err add_gate(struct config *config, struct gate *gate, struct diag *diag)
{
    struct gate *grown;

    if (config->gate_count == GATES_MAX) {
        diag_set(diag, "more than %d gates", GATES_MAX);
        return ERR_FULL;
    }
    grown = realloc(config->gates, (config->gate_count + 1) * sizeof(*grown));
    if (!grown) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    config->gates = grown;
    config->gates[config->gate_count++] = *gate;
    return ERR_OK;
}

static enum err make_gate(struct config *config, cfg_t *section, struct diag *diag)
{
    struct gate gate;
    enum err e = gate_init(&gate, cfg_title(section), diag);

    if (e != ERR_OK) {
        return e;
    }
    e = read_gate(&gate, section, diag);
    if (e == ERR_OK) {
        e = add_gate(config, &gate, diag);
    }
    if (e != ERR_OK) {
        gate_fini(&gate);
    }
    return e;
}

/* The end of a section. */
static int gate_cb(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_t *section = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    struct diag diag;

    (void)cfg;
    if (!current->gate_is_bad && make_gate(current->draft->config, section, &diag) != ERR_OK) {
        refuse_gate(section, diag.text);
    }
    current->gate_is_bad = false;
    current->gate_fields_seen = 0;
    return 0;
}

/* Parses text with its own name and lines into cfg. False where the parse ended early. */
static bool parse_text(cfg_t *cfg, const char *path, char *text)
{
    char *outer_name = cfg->filename;
    int outer_line = cfg->line;
    bool is_whole = false;

    FILE *stream = fmemopen(text, strlen(text), "r");
    cfg->filename = strdup(path);
    if (stream && cfg->filename) {
        is_whole = cfg_parse_fp(cfg, stream) == CFG_SUCCESS;
    } else {
        draft_error(current->draft, path, "out of memory");
    }
    if (stream) {
        fclose(stream);
    }
    free(cfg->filename);
    cfg->filename = outer_name;
    cfg->line = outer_line;
    return is_whole;
}

static bool parse_file(cfg_t *cfg, const char *where, const char *path)
{
    struct file_text text;
    struct diag diag;

    if (file_read(path, FILE_ANY, FILE_BYTES_MAX, &text, &diag) != ERR_OK) {
        draft_error(current->draft, where, "%s", diag.text);
        return false;
    }
    bool is_whole = scan_clean(current->draft, path, text.bytes) &&
                    (text.length == 0 || parse_text(cfg, path, text.bytes));
    file_text_free(&text);
    return is_whole;
}

/* Not cfg_include(): that ends the process when it is given a directory, leaks its file after an
 * error, and counts it against the depth of every later parse. */
static int include_cb(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
    struct diag where = position(cfg);
    const char *slash = strrchr(cfg->filename, '/');
    int dir_length = slash ? (int)(slash - cfg->filename) + 1 : 0;
    char *path;

    (void)opt;
    if (argc != 1 || argv[0][0] == '\0') {
        draft_error(current->draft, where.text, "include: expected one file");
        return -1;
    }
    if (current->depth == DEPTH_MAX) {
        draft_error(current->draft, where.text, "include: more than %d deep", DEPTH_MAX);
        return -1;
    }
    if (argv[0][0] == '/') {
        dir_length = 0;
    }
    if (asprintf(&path, "%.*s%s", dir_length, cfg->filename, argv[0]) < 0) {
        draft_error(current->draft, where.text, "include: out of memory");
        return -1;
    }
    current->depth++;
    bool is_whole = parse_file(cfg, where.text, path);
    current->depth--;
    free(path);
    return is_whole ? 0 : -1;
}

/* An empty list has no value to call back for. */
static void check_lists(cfg_t *cfg)
{
    for (const struct setting *setting = settings; setting->name; setting++) {
        const cfg_opt_t *opt = cfg_getopt(cfg, setting->name);

        if (setting->is_list && (opt->flags & CFGF_MODIFIED) != 0 && opt->nvalues == 0) {
            draft_error(current->draft, current->draft->path, "%s: must not be empty",
                        setting->name);
        }
    }
}

static void list_settings(cfg_opt_t *opts)
{
    for (const struct setting *setting = settings; setting->name; setting++, opts++) {
        cfg_opt_t scalar = CFG_STR_CB(setting->name, NULL, CFGF_NODEFAULT, setting_cb);
        cfg_opt_t list = CFG_STR_LIST_CB(setting->name, NULL, CFGF_NODEFAULT, setting_cb);

        *opts = setting->is_list ? list : scalar;
    }
}

static void list_gate_fields(cfg_opt_t *opts)
{
    const cfg_opt_t end = CFG_END();

    for (const struct gate_field *field = gate_fields; field->name; field++, opts++) {
        cfg_opt_t scalar = CFG_STR_CB(field->name, NULL, CFGF_NODEFAULT, gate_field_cb);
        cfg_opt_t list = CFG_STR_LIST_CB(field->name, NULL, CFGF_NODEFAULT, gate_field_cb);

        *opts = field->is_list ? list : scalar;
    }
    *opts = end;
}

static cfg_t *new_parser(void)
{
    cfg_opt_t gate[GATE_OPTS_MAX];
    const cfg_opt_t tail[] = {CFG_SEC("gate", gate, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
                              CFG_FUNC("include", include_cb), CFG_END()};
    cfg_opt_t opts[SETTINGS_MAX + 3];
    size_t count = 0;

    while (settings[count].name) {
        count++;
    }
    list_gate_fields(gate);
    list_settings(opts);
    memcpy(opts + count, tail, sizeof(tail));
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    if (cfg) {
        cfg_set_error_function(cfg, error_cb);
        cfg_set_validate_func(cfg, "gate", gate_cb);
    }
    return cfg;
}

bool draft_parse_file(struct draft *draft)
{
    struct parse parse = {.draft = draft};
    cfg_t *cfg = new_parser();

    if (!cfg) {
        draft_error(draft, draft->path, "out of memory");
        return false;
    }
    current = &parse;
    bool is_whole = parse_file(cfg, "configuration", draft->path);
    if (is_whole) {
        check_lists(cfg);
    }
    current = NULL;
    /* Frees the lexer too, which a broken file may have left inside a string. */
    cfg_free(cfg);
    return is_whole;
}
