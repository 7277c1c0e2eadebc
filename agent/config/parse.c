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
#include "agent/config/scan.h"
#include "agent/config/section.h"
#include "agent/config/text.h"

#define FILE_BYTES_MAX (1024u * 1024)
#define DEPTH_MAX      8
#define SECTIONS_MAX   4

struct parse {
    struct draft *draft;
    const char *text;     /* of the file being read */
    unsigned depth;       /* of include() */
    unsigned fields_seen; /* of the section being read, bits by place in the table */
    bool section_is_bad;
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

static void refuse_section(const cfg_t *section, const char *what)
{
    current->section_is_bad = true;
    draft_error(current->draft, position(section).text, "%s \"%s\": %s", section->name,
                log_quote(str_from_c(section->title)).text, what);
}

/* libconfuse takes "gate|mode" at the top level for the first gate's. */
static void refuse_stray(cfg_t *cfg, const char *name)
{
    for (size_t i = 0; sections[i]; i++) {
        if (section_field_find(sections[i], name)) {
            draft_error(current->draft, position(cfg).text, "%s: belongs into %s", name,
                        sections[i]->one);
            return;
        }
    }
}

static enum err try_value(const struct section *section, const struct section_field *field,
                          const char *value, struct diag *why)
{
    void *scratch = calloc(1, section->bytes);

    if (!scratch) {
        diag_set(why, "out of memory");
        return ERR_MEMORY;
    }
    enum err e = section_set(field, scratch, str_from_c(value), why);
    section->fini(scratch);
    free(scratch);
    return e;
}

static int section_field_cb(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    const struct section *section = cfg_title(cfg) ? section_find(cfg->name) : NULL;
    struct diag why, what;

    if (!section) {
        refuse_stray(cfg, opt->name);
        return keep(value, result);
    }
    const struct section_field *field = section_field_find(section, opt->name);
    unsigned bit = 1u << (field - section->fields);
    if (cfg_opt_size(opt) == 1 && (current->fields_seen & bit) != 0) {
        diag_set(&what, "%s: already set", field->name);
        refuse_section(cfg, what.text);
    }
    current->fields_seen |= bit;
    if (try_value(section, field, value, &why) != ERR_OK) {
        diag_set(&what, "%s: %s", field->name, why.text);
        refuse_section(cfg, what.text);
    }
    return keep(value, result);
}

/* An empty list has no value to call back for, and would take back what was set before it. */
static bool is_emptied(const struct section *section, const struct section_field *field,
                       cfg_opt_t *opt)
{
    return cfg_opt_size(opt) == 0 && (current->fields_seen & 1u << (field - section->fields)) != 0;
}

/* The values were checked one by one; here those that stand at the section's end count. */
static enum err read_section(const struct section *section, void *item, cfg_t *cfg,
                             struct diag *diag)
{
    for (const struct section_field *field = section->fields; field->name; field++) {
        cfg_opt_t *opt = cfg_getopt(cfg, field->name);

        if (is_emptied(section, field, opt)) {
            diag_set(diag, "%s: already set", field->name);
            return ERR_SYNTAX;
        }
        for (unsigned i = 0; i < cfg_opt_size(opt); i++) {
            struct diag why;
            enum err e = section_set(field, item, str_from_c(cfg_opt_getnstr(opt, i)), &why);

            if (e != ERR_OK) {
                diag_set(diag, "%s: %s", field->name, why.text);
                return e;
            }
        }
    }
    return section->check(item, diag);
}

static bool begins_with_word(struct str line, struct str word)
{
    struct str rest = str_skip(line, word.len);

    return str_starts_with(line, word) && (rest.len == 0 || strchr(" \t\"'{", rest.ptr[0]));
}

/* Where the section begins that ends at `last`, which is all that libconfuse tells. */
static int first_line(const char *name, int last)
{
    struct str rest = str_from_c(current->text), line;
    int first = last;

    for (int number = 1; number <= last && str_cut(&rest, '\n', &line); number++) {
        if (begins_with_word(str_trim(line), str_from_c(name))) {
            first = number;
        }
    }
    return first;
}

static enum err set_origin(const struct section *section, void *item, const cfg_t *cfg,
                           struct diag *diag)
{
    struct str *origin = (struct str *)(void *)((char *)item + section->origin_offset);
    struct diag where;

    diag_set(&where, "%s:%d", cfg->filename, first_line(section->name, cfg->line));
    return text_own(str_from_c(where.text), origin, diag);
}

static enum err make_section(const struct section *section, cfg_t *cfg, struct diag *diag)
{
    void *item = calloc(1, section->bytes);

    if (!item) {
        diag_set(diag, "out of memory");
        return ERR_MEMORY;
    }
    enum err e = section->init(item, cfg_title(cfg), diag);
    if (e == ERR_OK) {
        e = set_origin(section, item, cfg, diag);
    }
    if (e == ERR_OK) {
        e = read_section(section, item, cfg, diag);
    }
    if (e == ERR_OK) {
        e = section_add(section, current->draft->config, item, diag);
    }
    if (e != ERR_OK) {
        section->fini(item);
    }
    free(item);
    return e;
}

/* The end of a section. */
static int section_cb(cfg_t *cfg, cfg_opt_t *opt)
{
    cfg_t *inside = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
    struct diag diag;

    (void)cfg;
    if (!current->section_is_bad &&
        make_section(section_find(opt->name), inside, &diag) != ERR_OK) {
        refuse_section(inside, diag.text);
    }
    current->section_is_bad = false;
    current->fields_seen = 0;
    return 0;
}

/* Parses text with its own name and lines into cfg. False where the parse ended early. */
static bool parse_text(cfg_t *cfg, const char *path, char *text)
{
    char *outer_name = cfg->filename;
    int outer_line = cfg->line;
    const char *outer_text = current->text;
    bool is_whole = false;

    FILE *stream = fmemopen(text, strlen(text), "r");
    cfg->filename = strdup(path);
    current->text = text;
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
    current->text = outer_text;
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
    draft_hash(current->draft, str_make(text.bytes, text.length));
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

static void list_fields(const struct section *section, cfg_opt_t opts[SECTION_FIELDS_MAX + 1])
{
    const cfg_opt_t end = CFG_END();

    for (const struct section_field *field = section->fields; field->name; field++, opts++) {
        ensure(field < section->fields + SECTION_FIELDS_MAX);
        cfg_opt_t scalar = CFG_STR_CB(field->name, NULL, CFGF_NODEFAULT, section_field_cb);
        cfg_opt_t list = CFG_STR_LIST_CB(field->name, NULL, CFGF_NODEFAULT, section_field_cb);

        *opts = field->is_list ? list : scalar;
    }
    *opts = end;
}

static cfg_t *new_parser(void)
{
    cfg_opt_t fields[SECTIONS_MAX][SECTION_FIELDS_MAX + 1];
    cfg_opt_t opts[SETTINGS_MAX + SECTIONS_MAX + 2];
    const cfg_opt_t tail[] = {CFG_FUNC("include", include_cb), CFG_END()};
    size_t count = 0;

    while (settings[count].name) {
        count++;
    }
    list_settings(opts);
    for (size_t i = 0; sections[i]; i++) {
        const cfg_opt_t section =
            CFG_SEC(sections[i]->name, fields[i], CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);

        ensure(i < SECTIONS_MAX);
        list_fields(sections[i], fields[i]);
        opts[count++] = section;
    }
    memcpy(opts + count, tail, sizeof(tail));
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    if (cfg) {
        cfg_set_error_function(cfg, error_cb);
        for (size_t i = 0; sections[i]; i++) {
            cfg_set_validate_func(cfg, sections[i]->name, section_cb);
        }
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
