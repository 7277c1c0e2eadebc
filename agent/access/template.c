#include "agent/access/template.h"

#include <string.h>

#define NAME_BYTES_MAX 64

/* What is known of a template while it is read. */
struct reading {
    struct template *out;
    struct str names[RULE_SEGMENTS_MAX];
    size_t name_count;
};

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_unreserved(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-._~", c));
}

static bool is_literal(char c)
{
    return is_unreserved(c) || (c != '\0' && strchr("!$&'()+,;=:@", c));
}

/* The value of an upper-case hex digit; -1 for anything else. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_any_hex(char c)
{
    return hex_value(c) >= 0 || (c >= 'a' && c <= 'f');
}

/* What is wrong with the escape at text[at]; NULL: nothing. */
static const char *escape_fault(struct str text, size_t at)
{
    int high = at + 2 < text.len ? hex_value(text.ptr[at + 1]) : -1;
    int low = at + 2 < text.len ? hex_value(text.ptr[at + 2]) : -1;

    if (high < 0 || low < 0) {
        return "an escape needs two upper-case hex digits";
    }
    int value = high * 16 + low;
    if (value < 0x80 && is_unreserved((char)value)) {
        return "an escape of an unreserved character";
    }
    if (value < 0x20 || value == 0x7f || value == '\\') {
        return "an escape of a control byte or a backslash";
    }
    if (value == '%' && at + 4 < text.len && is_any_hex(text.ptr[at + 3]) &&
        is_any_hex(text.ptr[at + 4])) {
        return "a double escape";
    }
    return NULL;
}

static const char *literal_fault(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '%') {
            const char *fault = escape_fault(text, i);
            if (fault) {
                return fault;
            }
            i += 2;
        } else if (!is_literal(text.ptr[i])) {
            return "a character that has to be escaped or has no place here";
        }
    }
    return NULL;
}

static const char *literal_read(struct str segment, bool is_last, struct template_part *part)
{
    if (segment.len == 0 && !is_last) {
        return "empty";
    }
    if (str_equal(segment, STR(".")) || str_equal(segment, STR(".."))) {
        return "a dot segment";
    }
    *part = (struct template_part){.class = TEMPLATE_LITERAL, .prefix = segment};
    return literal_fault(segment);
}

static const char *caller_read(struct str segment, struct template_part *part)
{
    if (str_equal(segment, STR("{@user}"))) {
        *part = (struct template_part){.class = TEMPLATE_USER};
        return NULL;
    }
    if (str_equal(segment, STR("{@team}"))) {
        *part = (struct template_part){.class = TEMPLATE_TEAM};
        return NULL;
    }
    return "only {@user} and {@team}, with nothing around them, name the caller";
}

static const char *name_read(struct reading *reading, struct str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX) {
        return "a parameter's name has 1 to 64 characters";
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_alnum(name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-') {
            return "a parameter's name is made of letters, digits, '_' and '-'";
        }
    }
    for (size_t i = 0; i < reading->name_count; i++) {
        if (str_equal(reading->names[i], name)) {
            return "a parameter's name stands twice";
        }
    }
    reading->names[reading->name_count++] = name;
    return NULL;
}

/* A segment whose first '*' or '{' stands at `wild`. */
static const char *wild_read(struct reading *reading, struct str segment, size_t wild,
                             struct template_part *part)
{
    size_t end = wild + 1;

    if (segment.ptr[wild] == '{') {
        const char *brace = memchr(segment.ptr + wild, '}', segment.len - wild);
        if (!brace) {
            return "a '{' without '}'";
        }
        struct str name =
            str_make(segment.ptr + wild + 1, (size_t)(brace - segment.ptr) - wild - 1);
        if (name.len > 0 && name.ptr[0] == '@') {
            return caller_read(segment, part);
        }
        const char *fault = name_read(reading, name);
        if (fault) {
            return fault;
        }
        end = (size_t)(brace - segment.ptr) + 1;
    }
    *part = (struct template_part){
        .class = segment.len > end - wild ? TEMPLATE_AFFIX : TEMPLATE_PARAM,
        .prefix = str_make(segment.ptr, wild),
        .suffix = str_make(segment.ptr + end, segment.len - end),
    };
    const char *fault = literal_fault(part->prefix);
    return fault ? fault : literal_fault(part->suffix);
}

static const char *segment_read(struct reading *reading, struct str segment, bool is_last,
                                struct template_part *part)
{
    size_t wild = 0;

    if (str_equal(segment, STR("**"))) {
        *part = (struct template_part){.class = TEMPLATE_REST};
        return is_last ? NULL : "** stands only at the end";
    }
    while (wild < segment.len && segment.ptr[wild] != '*' && segment.ptr[wild] != '{') {
        wild++;
    }
    return wild == segment.len ? literal_read(segment, is_last, part)
                               : wild_read(reading, segment, wild, part);
}

enum err template_parse(struct str text, struct template *out, struct diag *diag)
{
    struct reading reading = {.out = out};
    struct str rest = str_skip(text, 1);
    struct str segment;
    size_t count = 0;

    if (text.len == 0 || text.ptr[0] != '/') {
        diag_set(diag, "does not start with '/'");
        return ERR_SYNTAX;
    }
    while (str_cut(&rest, '/', &segment)) {
        if (count == RULE_SEGMENTS_MAX) {
            diag_set(diag, "more than %d segments", RULE_SEGMENTS_MAX);
            return ERR_RANGE;
        }
        const char *fault =
            segment_read(&reading, segment, str_is_absent(rest), &out->parts[count++]);
        if (fault) {
            diag_set(diag, "segment %zu: %s", count, fault);
            return ERR_SYNTAX;
        }
    }
    out->count = count;
    return ERR_OK;
}
