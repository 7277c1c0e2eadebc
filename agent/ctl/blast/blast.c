/* reevectl blast-radius: what a leaked key could reach. */
#include <time.h>

#include "agent/ctl/blast/radius.h"
#include "agent/ctl/command.h"
#include "agent/ctl/json_out.h"

struct options {
    const char *config_file;
    const char *keyid;
    bool is_json;
};

/* ---- text ---- */

static void put(struct str s)
{
    json_escaped(stdout, s);
}

static void put_time(const char *what, int64_t unix_s, const char *otherwise)
{
    time_t time = (time_t)unix_s;
    struct tm tm;
    char text[32];

    printf("  %-12s ", what);
    if (unix_s != 0 && gmtime_r(&time, &tm) &&
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0) {
        puts(text);
    } else {
        puts(otherwise);
    }
}

static void put_line(const char *what, struct str value, const char *otherwise)
{
    printf("  %-12s ", what);
    put(value.len > 0 ? value : str_from_c(otherwise));
    putchar('\n');
}

static void put_head(const struct radius *radius)
{
    const struct key_record *key = &radius->key->key;
    int64_t until_s = record_seconds(key->hash2_until);

    fputs("key ", stdout);
    put(radius->keyid);
    putchar('\n');
    put_line("user", radius->user_name, "");
    put_line("team", radius->team, "none");
    if (radius->closed.len > 0) {
        put_line("closed", radius->closed, "");
    }
    put_line("from", radius->key_from, "anywhere");
    put_line("and from", radius->user_from, "anywhere (the user's)");
    put_time("until", record_seconds(key->expires), "it is revoked");
    if (until_s > 0) {
        put_time("old secret", until_s, "");
    }
    if (record_str(&key->cert).len > 0) {
        put_line("bound", STR("to a client certificate: of no use without it"), "");
    }
    put_time("last used", radius->seen_s, "not known");
    printf("  %-12s", "gates");
    for (size_t i = 0; i < radius->gate_count; i++) {
        putchar(' ');
        put(radius->gates[i]);
    }
    putchar('\n');
}

static void put_rule(const struct radius_rule *rule)
{
    const struct str words[] = {rule->methods, rule->host, rule->template, rule->more};

    fputs("  ", stdout);
    put(rule->role);
    putchar('/');
    put(rule->id);
    putchar(' ');
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (words[i].len > 0) {
            putchar(' ');
            put(words[i]);
        }
    }
    if (!str_is_absent(rule->shut_by)) {
        fputs("  shut by ", stdout);
        put(rule->shut_by);
    }
    putchar('\n');
}

static void put_rules(const char *title, const struct radius_rule *rules, size_t count)
{
    printf("\n%s\n", title);
    for (size_t i = 0; i < count; i++) {
        put_rule(&rules[i]);
    }
    if (count == 0) {
        puts("  none");
    }
}

static void put_limits(const struct radius *radius)
{
    puts("\nat most");
    for (size_t i = 0; i < radius->limit_count; i++) {
        const struct radius_limit *limit = &radius->limits[i];

        fputs("  ", stdout);
        put(limit->name);
        putchar(' ');
        put(limit->is_missing ? STR("is missing or does not parse: nothing passes") : limit->terms);
        if (!limit->is_missing) {
            fputs(" for each ", stdout);
            put(limit->scope);
        }
        fputs(", of ", stdout);
        put(limit->from);
        putchar('\n');
    }
    if (radius->limit_count == 0) {
        puts("  no limit");
    }
}

static void show_text(const struct radius *radius)
{
    put_head(radius);
    put_rules("could reach", radius->allows, radius->allow_count);
    put_rules("but never", radius->denies, radius->deny_count);
    put_limits(radius);
}

/* ---- JSON ---- */

static void json_rules(struct json_out *json, const char *name, const struct radius_rule *rules,
                       size_t count)
{
    json_begin(json, name, '[');
    for (size_t i = 0; i < count; i++) {
        json_begin(json, NULL, '{');
        json_text(json, "role", rules[i].role);
        json_text(json, "id", rules[i].id);
        json_text(json, "methods", rules[i].methods);
        json_text(json, "host", rules[i].host);
        json_text(json, "template", rules[i].template);
        json_text(json, "more", rules[i].more);
        json_text(json, "shut_by", rules[i].shut_by);
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void json_limits(struct json_out *json, const struct radius *radius)
{
    json_begin(json, "limits", '[');
    for (size_t i = 0; i < radius->limit_count; i++) {
        json_begin(json, NULL, '{');
        json_text(json, "limit", radius->limits[i].name);
        json_text(json, "terms", radius->limits[i].terms);
        json_text(json, "scope", radius->limits[i].scope);
        json_text(json, "of", radius->limits[i].from);
        json_bool(json, "missing", radius->limits[i].is_missing);
        json_end(json, '}');
    }
    json_end(json, ']');
}

static void show_json(const struct radius *radius)
{
    struct json_out json = {.stream = stdout};
    const struct key_record *key = &radius->key->key;

    json_begin(&json, NULL, '{');
    json_text(&json, "key", radius->keyid);
    json_text(&json, "user", radius->user_name);
    json_text(&json, "team", radius->team);
    json_text(&json, "closed", radius->closed);
    json_text(&json, "key_allow_from", radius->key_from);
    json_text(&json, "user_allow_from", radius->user_from);
    json_number(&json, "expires", record_seconds(key->expires));
    json_number(&json, "hash2_until", record_seconds(key->hash2_until));
    json_bool(&json, "bound_to_certificate", record_str(&key->cert).len > 0);
    json_number(&json, "last_used", radius->seen_s);
    json_number(&json, "old_secret_last_used", radius->seen_hash2_s);
    json_begin(&json, "gates", '[');
    for (size_t i = 0; i < radius->gate_count; i++) {
        json_text(&json, NULL, radius->gates[i]);
    }
    json_end(&json, ']');
    json_rules(&json, "allows", radius->allows, radius->allow_count);
    json_rules(&json, "denies", radius->denies, radius->deny_count);
    json_limits(&json, radius);
    json_end(&json, '}');
    putchar('\n');
}

/* ---- the command ---- */

static int parse(struct options *options, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            options->is_json = true;
        } else if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) {
            options->config_file = argv[++i];
        } else if (argv[i][0] == '-' || strncmp(argv[i], "rv_", 3) == 0 || options->keyid) {
            return command_refuse_argument("blast-radius", argv[i]);
        } else {
            options->keyid = argv[i];
        }
    }
    if (!options->config_file || !options->keyid) {
        command_fail("blast-radius: expected -f FILE and a key's id");
        return COMMAND_USAGE;
    }
    return 0;
}

int command_blast_radius(int argc, char **argv)
{
    struct options options = {0};
    struct heap heap = {0};
    struct rehearsal rehearsal;
    struct radius radius = {0};
    int status = parse(&options, argc, argv);

    if (status != 0) {
        return status;
    }
    bool is_found = rehearsal_open(&rehearsal, options.config_file, &heap) &&
                    radius_find(&radius, &rehearsal, str_from_c(options.keyid));
    if (is_found) {
        (options.is_json ? show_json : show_text)(&radius);
    }
    radius_fini(&radius);
    rehearsal_close(&rehearsal);
    heap_free(&heap);
    return is_found ? 0 : COMMAND_TROUBLE;
}
