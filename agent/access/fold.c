#include "agent/access/fold.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

unsigned char fold_decode(struct str text, size_t *at)
{
    size_t i = *at;

    if (text.ptr[i] == '%' && i + 2 < text.len) {
        int high = hex_value(text.ptr[i + 1]);
        int low = hex_value(text.ptr[i + 2]);
        if (high >= 0 && low >= 0) {
            *at = i + 3;
            return (unsigned char)(high * 16 + low);
        }
    }
    *at = i + 1;
    return (unsigned char)text.ptr[i];
}

/* Whether the escape of `byte` is another spelling of the plain byte. */
static bool is_spelling(unsigned char byte)
{
    return byte > 0x20 && byte < 0x7f && byte != '/' && byte != '\\' && byte != '%';
}

size_t fold_path(struct str text, char *out)
{
    size_t length = 0;

    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        unsigned char byte = fold_decode(text, &at);
        if (is_spelling(byte)) {
            out[length++] = lower((char)byte);
            continue;
        }
        while (from < at) {
            out[length++] = lower(text.ptr[from++]);
        }
    }
    return length;
}

struct str fold_trim(struct str path)
{
    while (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    return path;
}

struct str fold_method(struct str method, char *out)
{
    for (size_t i = 0; i < method.len; i++) {
        char c = method.ptr[i];
        out[i] = c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
    }
    return str_make(out, method.len);
}

static struct str fold_into(struct str text, char *out, size_t *used)
{
    struct str folded = str_make(out + *used, fold_path(text, out + *used));

    *used += folded.len;
    return folded;
}

void fold_rule(struct rule *rule, struct template *template, char texts[RULE_TEXT_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < rule->method_count; i++) {
        rule->methods[i] = fold_method(rule->methods[i], texts + used);
        used += rule->methods[i].len;
    }
    for (size_t i = 0; i < template->count; i++) {
        struct template_part *part = &template->parts[i];
        part->prefix = fold_into(part->prefix, texts, &used);
        part->suffix = fold_into(part->suffix, texts, &used);
    }
    const struct template_part *last = &template->parts[template->count - 1];
    if (last->class == TEMPLATE_LITERAL && last->prefix.len == 0) {
        template->count--;
    }
}
