#include "tests/unit/request/path_reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/gate.h"
#include "agent/request/path.h"

/* One byte of the path that is meant, and how it stood there. */
struct token {
    unsigned char byte;
    bool is_escaped;
};

struct segment {
    size_t begin, end; /* tokens */
};

struct tokens {
    struct token items[PATH_BYTES_MAX];
    size_t count;
};

static const char unreserved_marks[] = "-._~";
static const char raw_marks[] = "-._~!$&'()*+,=:@/";

static bool is_alnum(unsigned char c)
{
    return c < 0x80 && isalnum(c);
}

static bool is_one_of(unsigned char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool tokenise(struct str raw, bool takes_semicolon, struct tokens *out)
{
    out->count = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];
        struct token token = {c, false};
        if (c == '%') {
            if (raw.len - i < 3 || !isxdigit((unsigned char)raw.ptr[i + 1]) ||
                !isxdigit((unsigned char)raw.ptr[i + 2])) {
                return false;
            }
            char digits[] = {raw.ptr[i + 1], raw.ptr[i + 2], '\0'};
            token = (struct token){(unsigned char)strtoul(digits, NULL, 16), true};
            if (is_alnum(token.byte) || is_one_of(token.byte, unreserved_marks)) {
                token.is_escaped = false;
            }
            i += 2;
        } else if (!is_alnum(c) && !is_one_of(c, raw_marks) && !(takes_semicolon && c == ';')) {
            return false;
        }
        out->items[out->count++] = token;
    }
    return true;
}

static bool has_refused_escape(const struct tokens *tokens, unsigned relax)
{
    for (size_t i = 0; i < tokens->count; i++) {
        unsigned char c = tokens->items[i].byte;
        if (!tokens->items[i].is_escaped) {
            continue;
        }
        if (c < 0x20 || c == 0x7f || c == '\\' ||
            (c == '/' && !(relax & PATH_RELAX_ENCODED_SLASH)) ||
            (c == ';' && !(relax & PATH_RELAX_SEMICOLON))) {
            return true;
        }
    }
    return false;
}

static bool has_double_encoding(const struct tokens *tokens)
{
    for (size_t i = 0; i + 2 < tokens->count; i++) {
        const struct token *t = &tokens->items[i];
        if (t[0].is_escaped && t[0].byte == '%' && !t[1].is_escaped && isxdigit(t[1].byte) &&
            !t[2].is_escaped && isxdigit(t[2].byte)) {
            return true;
        }
    }
    return false;
}

/* Decodes one character and encodes it again: only its shortest form comes out the same. */
static size_t character_length(const struct tokens *tokens, size_t at)
{
    unsigned char lead = tokens->items[at].byte;
    size_t length = lead >= 0xf8 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
    unsigned long code = length ? lead & (0xffu >> (length + 1)) : 0;

    if (length == 0 || at + length > tokens->count) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        const struct token *token = &tokens->items[at + i];
        if (!token->is_escaped || token->byte < 0x80 || token->byte > 0xbf) {
            return 0;
        }
        code = code << 6 | (token->byte & 0x3f);
    }
    size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return shortest == length && !is_surrogate && code <= 0x10ffff ? length : 0;
}

static bool is_utf8(const struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count;) {
        if (tokens->items[i].byte < 0x80) {
            i++;
            continue;
        }
        size_t length = character_length(tokens, i);
        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

static bool is_token(const struct token *token, unsigned char byte, bool is_escaped)
{
    return token->byte == byte && token->is_escaped == is_escaped;
}

/* The next token from `begin` on that is a slash, escaped or not as asked; `end` without one. */
static size_t find_slash(const struct tokens *tokens, size_t begin, size_t end, bool is_escaped)
{
    while (begin < end && !is_token(&tokens->items[begin], '/', is_escaped)) {
        begin++;
    }
    return begin;
}

/* 1 for ".", 2 for "..", 0 for anything else; parameters are not looked at but told. */
static int dots_of(const struct tokens *tokens, size_t begin, size_t end, bool *has_parameters)
{
    size_t name_end = begin;

    while (name_end < end && tokens->items[name_end].byte != ';') {
        name_end++;
    }
    *has_parameters = name_end < end;
    size_t length = name_end - begin;
    for (size_t i = begin; i < name_end; i++) {
        if (tokens->items[i].byte != '.') {
            return 0;
        }
    }
    return length <= 2 ? (int)length : 0;
}

/* What a segment says: -1 refused, 0 keep it, 1 ".", 2 "..". */
static int judge_segment(const struct tokens *tokens, struct segment segment, bool is_last,
                         bool takes_empty)
{
    bool is_whole = find_slash(tokens, segment.begin, segment.end, true) == segment.end;

    for (size_t begin = segment.begin;;) {
        size_t end = find_slash(tokens, begin, segment.end, true);
        bool has_parameters;
        int dots = dots_of(tokens, begin, end, &has_parameters);
        if (begin == end && !(is_last && end == segment.end) && !takes_empty) {
            return -1;
        }
        if (dots > 0) {
            return is_whole && !has_parameters ? dots : -1;
        }
        if (end == segment.end) {
            return 0;
        }
        begin = end + 1;
    }
}

struct stack {
    struct segment items[PATH_BYTES_MAX];
    size_t count;
};

static bool pop(const struct tokens *tokens, struct stack *stack)
{
    if (stack->count == 0) {
        return false;
    }
    struct segment top = stack->items[--stack->count];
    return top.begin != top.end && find_slash(tokens, top.begin, top.end, true) == top.end;
}

static bool resolve(const struct tokens *tokens, bool takes_empty, struct stack *stack)
{
    stack->count = 0;
    for (size_t begin = 1;;) {
        struct segment segment = {begin, find_slash(tokens, begin, tokens->count, false)};
        bool is_last = segment.end == tokens->count;
        int verdict = judge_segment(tokens, segment, is_last, takes_empty);
        if (verdict < 0 || (verdict == 2 && !pop(tokens, stack))) {
            return false;
        }
        if (verdict == 0) {
            stack->items[stack->count++] = segment;
        } else if (is_last) {
            stack->items[stack->count++] = (struct segment){segment.end, segment.end};
        }
        if (is_last) {
            return true;
        }
        begin = segment.end + 1;
    }
}

static size_t render(const struct tokens *tokens, const struct stack *stack, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = 0;

    for (size_t s = 0; s < stack->count; s++) {
        out[length++] = '/';
        for (size_t i = stack->items[s].begin; i < stack->items[s].end; i++) {
            unsigned char c = tokens->items[i].byte;
            if (tokens->items[i].is_escaped) {
                out[length++] = '%';
                out[length++] = digits[c / 16];
                out[length++] = digits[c % 16];
            } else {
                out[length++] = (char)c;
            }
        }
    }
    return length;
}

/* Equal but for the case of the two digits after each '%'. */
static bool differs(struct str raw, struct str canonical)
{
    size_t escape = 0;

    if (raw.len != canonical.len) {
        return true;
    }
    for (size_t i = 0; i < raw.len; i++) {
        int a = (unsigned char)raw.ptr[i], b = (unsigned char)canonical.ptr[i];
        if (a != b && !(escape > 0 && toupper(a) == toupper(b))) {
            return true;
        }
        escape = a == '%' ? 2 : escape > 0 ? escape - 1 : 0;
    }
    return false;
}

enum reason path_reference(struct str raw, unsigned relax, char *out, size_t *length,
                           bool *is_different)
{
    static struct tokens tokens;
    static struct stack stack;

    if (raw.len == 0 || raw.len > PATH_BYTES_MAX || raw.ptr[0] != '/') {
        return REASON_BAD_REQUEST;
    }
    if (!tokenise(raw, relax & PATH_RELAX_SEMICOLON, &tokens) ||
        has_refused_escape(&tokens, relax) || has_double_encoding(&tokens) ||
        (!(relax & PATH_RELAX_NON_UTF8) && !is_utf8(&tokens)) ||
        !resolve(&tokens, relax & PATH_RELAX_EMPTY_SEGMENT, &stack)) {
        return REASON_AMBIGUOUS_PATH;
    }
    *length = render(&tokens, &stack, out);
    *is_different = differs(raw, str_make(out, *length));
    return REASON_OK;
}

static bool holds(struct str text, const char *part)
{
    return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static bool ends_with(struct str text, const char *part)
{
    size_t length = strlen(part);

    return text.len >= length && memcmp(text.ptr + text.len - length, part, length) == 0;
}

static const char *broken_byte(struct str canonical)
{
    for (size_t i = 0; i < canonical.len; i++) {
        unsigned char c = (unsigned char)canonical.ptr[i];
        if (c <= 0x20 || c >= 0x7f || is_one_of(c, "\"#<>?[\\]^`{|}")) {
            return "forbidden byte";
        }
        if (c == '%' &&
            (i + 2 >= canonical.len || is_one_of((unsigned char)canonical.ptr[i + 1], "abcdef") ||
             is_one_of((unsigned char)canonical.ptr[i + 2], "abcdef"))) {
            return "escape cut or not in upper case";
        }
    }
    return NULL;
}

const char *path_broken_promise(struct str canonical, unsigned relax)
{
    static const struct {
        const char *part;
        unsigned relaxed_by;
        const char *text;
    } forbidden[] = {
        {"/./", 0, "dot segment"},
        {"/../", 0, "parent segment"},
        {"/..;", 0, "parent segment with parameters"},
        {"/..%2F", 0, "parent before an encoded slash"},
        {"%2F../", 0, "parent after an encoded slash"},
        {"//", PATH_RELAX_EMPTY_SEGMENT, "empty segment"},
        {"%2F", PATH_RELAX_ENCODED_SLASH, "encoded slash"},
        {";", PATH_RELAX_SEMICOLON, "semicolon"},
        {"%3B", PATH_RELAX_SEMICOLON, "encoded semicolon"},
        {"%5C", 0, "encoded backslash"},
        {"%0", 0, "encoded control byte"},
        {"%1", 0, "encoded control byte"},
        {"%7F", 0, "encoded control byte"},
        {"%2E", 0, "encoded dot"},
        {"%41", 0, "encoded letter"},
        {"%61", 0, "encoded letter"},
        {"%30", 0, "encoded digit"},
        {"%252F", 0, "doubly encoded slash"},
        {"%252e", 0, "doubly encoded dot"},
        {"%255c", 0, "doubly encoded backslash"},
        {"%C0%A", PATH_RELAX_NON_UTF8, "overlong form"},
        {"%FF", PATH_RELAX_NON_UTF8, "byte that is not UTF-8"},
    };

    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        if (!(relax & forbidden[i].relaxed_by) && holds(canonical, forbidden[i].part)) {
            return forbidden[i].text;
        }
    }
    if (ends_with(canonical, "/.") || ends_with(canonical, "/..") ||
        ends_with(canonical, "%2F..")) {
        return "dot segment at the end";
    }
    return canonical.len == 0 || canonical.ptr[0] != '/' ? "no leading slash"
                                                         : broken_byte(canonical);
}
