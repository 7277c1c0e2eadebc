#include "tests/unit/request/path_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/base/enc.h"
#include "agent/base/ensure.h"
#include "agent/config/gate.h"

#define FILE_BYTES_MAX (256u * 1024)

static const struct {
    struct str name;
    unsigned bits;
} relaxations[] = {
    {{"-", 1}, 0},
    {{"encoded_slash", 13}, PATH_RELAX_ENCODED_SLASH},
    {{"empty_segment", 13}, PATH_RELAX_EMPTY_SEGMENT},
    {{"semicolon", 9}, PATH_RELAX_SEMICOLON},
    {{"non_utf8", 8}, PATH_RELAX_NON_UTF8},
    {{"all", 3},
     PATH_RELAX_ENCODED_SLASH | PATH_RELAX_EMPTY_SEGMENT | PATH_RELAX_SEMICOLON |
         PATH_RELAX_NON_UTF8},
};

static const struct {
    struct str name;
    enum reason reason;
    bool is_different;
} outcomes[] = {
    {{"same", 4}, REASON_OK, false},
    {{"case", 4}, REASON_OK, false},
    {{"different", 9}, REASON_OK, true},
    {{"ambiguous", 9}, REASON_AMBIGUOUS_PATH, false},
    {{"bad_request", 11}, REASON_BAD_REQUEST, false},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void fail(struct str line, const char *what)
{
    fprintf(stderr, "path_cases.txt: %s: %.*s\n", what, STR_ARG(line));
    abort();
}

/* Turns \xHH and \\ into bytes, in place. */
static struct str unescape(char *text, size_t length, struct str line)
{
    size_t to = 0;

    for (size_t from = 0; from < length; from++) {
        uint8_t byte = (uint8_t)text[from];
        if (text[from] == '\\') {
            struct str rest = str_make(text + from + 1, length - from - 1);
            if (str_starts_with(rest, STR("\\"))) {
                from++;
            } else if (str_starts_with(rest, STR("x")) && rest.len >= 3 &&
                       enc_unhex(str_make(rest.ptr + 1, 2), &byte, 1)) {
                from += 3;
            } else {
                fail(line, "bad escape");
            }
        }
        text[to++] = (char)byte;
    }
    return str_make(text, to);
}

static unsigned read_relaxations(struct str names, struct str line)
{
    struct str name;
    unsigned bits = 0;

    while (str_cut(&names, ',', &name)) {
        size_t i = 0;
        while (i < COUNT(relaxations) && !str_equal(relaxations[i].name, name)) {
            i++;
        }
        if (i == COUNT(relaxations)) {
            fail(line, "unknown relaxation");
        }
        bits |= relaxations[i].bits;
    }
    return bits;
}

static void read_outcome(struct str name, struct str line, struct path_case *out)
{
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        if (str_equal(outcomes[i].name, name)) {
            out->reason = outcomes[i].reason;
            out->is_different = outcomes[i].is_different;
            return;
        }
    }
    fail(line, "unknown outcome");
}

static void read_line(struct str line, char *text, struct path_case *out)
{
    struct str rest = line, columns[5];
    size_t count = 0;

    while (count < 5 && str_cut(&rest, '\t', &columns[count])) {
        count++;
    }
    if (count != 5 || !str_is_absent(rest)) {
        fail(line, "not five columns");
    }
    read_outcome(columns[0], line, out);
    out->relax = read_relaxations(columns[1], line);
    out->name = columns[4];
    out->canonical = STR_ABSENT;
    char *canonical = text + (columns[3].ptr - line.ptr);
    bool is_same = str_equal(columns[3], STR("="));
    if (out->reason == REASON_OK && !is_same) {
        out->canonical = unescape(canonical, columns[3].len, line);
    }
    out->raw = unescape(text + (columns[2].ptr - line.ptr), columns[2].len, line);
    if (is_same) {
        out->canonical = out->raw;
    }
}

void path_table_load(const char *file_name, struct path_table *out)
{
    FILE *file = fopen(file_name, "rb");
    struct str rest, line;

    ensure(file);
    out->text = malloc(FILE_BYTES_MAX);
    ensure(out->text);
    rest = str_make(out->text, fread(out->text, 1, FILE_BYTES_MAX, file));
    ensure(rest.len < FILE_BYTES_MAX && fclose(file) == 0);
    out->count = 0;
    while (str_cut(&rest, '\n', &line)) {
        if (line.len > 0 && line.ptr[0] != '#') {
            ensure(out->count < PATH_TABLE_MAX);
            read_line(line, out->text + (line.ptr - out->text), &out->cases[out->count++]);
        }
    }
}

void path_table_fini(struct path_table *table)
{
    free(table->text);
}
