#include "agent/config/scan.h"

#include <stdlib.h>

#define VARIABLE_MAX 64

struct scan {
    struct draft *draft;
    const char *name;
    char *at;
    unsigned line;
    unsigned depth;     /* of braces */
    unsigned open_line; /* of the outermost open brace */
};

static void complain(struct scan *scan, unsigned line, const char *what)
{
    struct diag where;

    diag_set(&where, "%s:%u", scan->name, line);
    draft_error(scan->draft, where.text, "%s", what);
}

static void blank_line(struct scan *scan)
{
    while (*scan->at != '\0' && *scan->at != '\n') {
        *scan->at++ = ' ';
    }
}

static void blank_block(struct scan *scan)
{
    const char *end = strstr(scan->at + 2, "*/");
    unsigned begin = scan->line;

    if (!end) {
        complain(scan, begin, "this comment is never closed");
    }
    while (end ? scan->at < end + 2 : *scan->at != '\0') {
        if (*scan->at == '\n') {
            scan->line++;
        } else {
            *scan->at = ' ';
        }
        scan->at++;
    }
}

static bool is_variable_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* ${NAME} or ${NAME:-text}, which libconfuse is about to expand. */
static void check_variable(struct scan *scan)
{
    const char *name = scan->at + 2, *end = name;
    char copy[VARIABLE_MAX];

    while (is_variable_char(*end)) {
        end++;
    }
    size_t length = (size_t)(end - name);
    bool has_default = end[0] == ':' && end[1] == '-';
    if (has_default) {
        end += strcspn(end, "}\"\n\\");
    }
    if (length == 0 || length >= sizeof(copy) || *end != '}') {
        complain(scan, scan->line,
                 "expected ${NAME} or ${NAME:-default}; '${' needs single quotes");
        scan->at += 2;
        return;
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
    if (!has_default && !getenv(copy)) {
        struct diag what;

        diag_set(&what, "the environment variable %s is not set", copy);
        complain(scan, scan->line, what.text);
    }
    scan->at += end - scan->at + 1;
}

static void skip_string(struct scan *scan)
{
    char quote = *scan->at++;

    while (*scan->at != quote) {
        if (*scan->at == '\0' || *scan->at == '\n') {
            complain(scan, scan->line, "this string has no end on its line");
            return;
        }
        if ((unsigned char)*scan->at < 0x20 || *scan->at == 0x7f) {
            complain(scan, scan->line, "a control character in a string");
        }
        if (quote == '"' && scan->at[0] == '$' && scan->at[1] == '{') {
            check_variable(scan);
        } else if (*scan->at != '\\') {
            scan->at++;
        } else if (scan->at[1] == '\\' || scan->at[1] == quote) {
            scan->at += 2;
        } else {
            complain(scan, scan->line,
                     "a backslash in a string stands before \\ or the quote only");
            scan->at++;
        }
    }
    scan->at++;
}

static void open_brace(struct scan *scan)
{
    if (scan->depth++ == 0) {
        scan->open_line = scan->line;
    }
    scan->at++;
}

static void close_brace(struct scan *scan)
{
    if (scan->depth == 0) {
        complain(scan, scan->line, "nothing is open that this brace could close");
    } else {
        scan->depth--;
    }
    scan->at++;
}

/* A word as libconfuse sees it: "//" within one is no comment. */
static void skip_word(struct scan *scan)
{
    size_t length = strcspn(scan->at, " \t\r\n#\"'={}()+,*");

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)scan->at[i];

        if (c < 0x21 || c > 0x7e || c == '|' || c == '\\' || c == '$') {
            complain(scan, scan->line, "a character that must be quoted");
            break;
        }
    }
    scan->at += length;
}

static void step(struct scan *scan)
{
    switch (scan->at[0]) {
    case '\n':
        scan->line++;
        scan->at++;
        break;
    case '#':
        blank_line(scan);
        break;
    case '"':
    case '\'':
        skip_string(scan);
        break;
    case '{':
        open_brace(scan);
        break;
    case '}':
        close_brace(scan);
        break;
    case ' ':
    case '\t':
    case '\r':
    case '=':
    case '(':
    case ')':
    case ',':
        scan->at++;
        break;
    case '+':
    case '*':
        if (scan->at[0] == '*' || scan->at[1] != '=') {
            complain(scan, scan->line, "'*' and '+' must be quoted");
        }
        scan->at++;
        break;
    default:
        if (scan->at[0] == '/' && scan->at[1] == '/') {
            blank_line(scan);
        } else if (scan->at[0] == '/' && scan->at[1] == '*') {
            blank_block(scan);
        } else {
            skip_word(scan);
        }
    }
}

bool scan_clean(struct draft *draft, const char *name, char *text)
{
    struct scan scan = {.draft = draft, .name = name, .at = text, .line = 1};
    unsigned errors_before = draft->error_count;

    while (*scan.at != '\0') {
        step(&scan);
    }
    if (scan.depth > 0) {
        complain(&scan, scan.open_line, "this brace is never closed");
    }
    return draft->error_count == errors_before;
}
