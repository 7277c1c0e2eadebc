#include "agent/jose/json.h"

/* Inside of a text, where braces and commas mean nothing. True at its end. */
static bool skip_text(struct str text, size_t *at)
{
    while (++*at < text.len) {
        if (text.ptr[*at] == '\\') {
            ++*at;
        } else if (text.ptr[*at] == '"') {
            return true;
        }
    }
    return false;
}

/* Counts what jansson would build. What is not JSON is jansson's to refuse. */
static bool is_bounded(struct str text)
{
    size_t depth = 0, values = 1;

    for (size_t at = 0; at < text.len; at++) {
        char c = text.ptr[at];

        if (c == '"' && !skip_text(text, &at)) {
            return false;
        }
        depth += c == '{' || c == '[';
        depth -= (c == '}' || c == ']') && depth > 0;
        values += c == ',' || c == '{' || c == '[';
        if (depth > JOSE_JSON_DEPTH_MAX || values > JOSE_JSON_VALUES_MAX) {
            return false;
        }
    }
    return true;
}

json_t *jose_json_object(struct str text)
{
    if (text.len == 0 || !is_bounded(text)) {
        return NULL;
    }
    json_t *value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

struct str jose_json_text(const json_t *value)
{
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value))
                                 : STR_ABSENT;
}

/* jansson leaves DEL as it is. */
static void blank_deletes(char *line)
{
    for (; *line; line++) {
        *line = *line == 0x7f ? '?' : *line;
    }
}

char *jose_json_printable(struct str text)
{
    json_t *object = jose_json_object(text);
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

    json_decref(object);
    if (line) {
        blank_deletes(line);
    }
    return line;
}
