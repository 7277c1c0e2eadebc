#include "agent/audit/syslog.h"

#include <stdio.h>
#include <string.h>

#define TIME_BYTES   (sizeof("2024-05-06T07:08:09.123456Z") - 1)
#define MSGID_MAX    32
#define VALUE_MAX    100
#define FACILITY     8
#define HOST_MAX     255
#define NUMBER_BYTES 24

enum severity { SEVERITY_WARNING = 4, SEVERITY_NOTICE = 5, SEVERITY_INFORMATIONAL = 6 };

static const struct {
    const char *type;
    enum severity severity;
} severities[] = {
    {"sink", SEVERITY_WARNING},       {"audit_gap", SEVERITY_WARNING},
    {"superseded", SEVERITY_WARNING}, {"lifecycle", SEVERITY_NOTICE},
    {"count", SEVERITY_NOTICE},       {NULL, SEVERITY_INFORMATIONAL},
};

struct text {
    char *out;
    size_t length;
};

static void put(struct text *text, struct str s)
{
    memcpy(text->out + text->length, s.ptr, s.len);
    text->length += s.len;
}

static bool is_printable(char c)
{
    return c > 0x20 && c < 0x7f;
}

void syslog_clean(char *text)
{
    size_t length = 0;

    for (; text[length] != '\0' && length < HOST_MAX; length++) {
        text[length] = is_printable(text[length]) ? text[length] : '-';
    }
    text[length] = '\0';
    if (length == 0) {
        memcpy(text, "-", 2);
    }
}

static enum severity severity_of(const struct audit_read_line *line)
{
    size_t i = 0;
    struct str verdict;

    while (severities[i].type && !str_equal(line->type, str_from_c(severities[i].type))) {
        i++;
    }
    if (!severities[i].type && audit_read_text(line->text, "verdict", &verdict) &&
        !str_equal(verdict, STR("allow"))) {
        return SEVERITY_NOTICE;
    }
    return severities[i].severity;
}

/* RFC 3339 with six digits of a second and Z, which is what the writer prints; "-" otherwise. */
static struct str time_of(const struct audit_read_line *line)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    struct str time;

    if (!audit_read_text(line->text, "time", &time) || time.len != TIME_BYTES) {
        return STR("-");
    }
    for (size_t i = 0; i < TIME_BYTES; i++) {
        bool is_digit = time.ptr[i] >= '0' && time.ptr[i] <= '9';
        if (form[i] == 'd' ? !is_digit : time.ptr[i] != form[i]) {
            return STR("-");
        }
    }
    return time;
}

static struct str msgid_of(const struct audit_read_line *line)
{
    for (size_t i = 0; i < line->type.len; i++) {
        if (!is_printable(line->type.ptr[i])) {
            return STR("-");
        }
    }
    return line->type.len <= MSGID_MAX ? line->type : STR("-");
}

/* RFC 5424 6.3.3: three characters have a backslash before them. */
static void put_param(struct text *text, const char *name, struct str value)
{
    put(text, STR(" "));
    put(text, str_from_c(name));
    put(text, STR("=\""));
    for (size_t i = 0; i < value.len && i < VALUE_MAX; i++) {
        char c = value.ptr[i];
        char escaped[2] = {'\\', is_printable(c) || c == ' ' ? c : '?'};
        bool is_special = c == '"' || c == '\\' || c == ']';

        put(text, str_make(is_special ? escaped : escaped + 1, is_special ? 2 : 1));
    }
    put(text, STR("\""));
}

static void put_number(struct text *text, const char *name, uint64_t number)
{
    char digits[NUMBER_BYTES];
    int length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);

    put_param(text, name, str_make(digits, (size_t)length));
}

static void put_member(struct text *text, const struct audit_read_line *line, const char *name)
{
    struct str value;
    uint64_t number;

    if (audit_read_text(line->text, name, &value)) {
        put_param(text, name, value);
    } else if (audit_read_number(line->text, name, &number)) {
        put_number(text, name, number);
    }
}

static void put_data(struct text *text, const struct syslog_source *source,
                     const struct audit_read_line *line, bool is_cut)
{
    put(text, STR(" ["));
    put(text, str_from_c(source->sd_id));
    put_member(text, line, "agent");
    if (line->sequence > 0) {
        put_member(text, line, "id");
        put_number(text, "seq", line->sequence);
    } else {
        put_member(text, line, "segment");
        put_member(text, line, "block");
    }
    if (is_cut) {
        put_number(text, "truncated", line->text.len);
    }
    put(text, STR("] "));
}

static size_t put_head(const struct syslog_source *source, const struct audit_read_line *line,
                       bool is_cut, char *out)
{
    struct str time = time_of(line), msgid = msgid_of(line);
    int length = snprintf(out, SYSLOG_HEAD_MAX, "<%u>1 %.*s %s %s %u %.*s",
                          source->facility * FACILITY + severity_of(line), STR_ARG(time),
                          source->host, source->app, source->process, STR_ARG(msgid));
    struct text text = {.out = out, .length = (size_t)length};

    put_data(&text, source, line, is_cut);
    return text.length;
}

/* No more than `most`, and no part of a character at the end. */
static struct str cut(struct str line, size_t most)
{
    size_t length = line.len < most ? line.len : most;

    while (length > 0 && length < line.len && ((unsigned char)line.ptr[length] & 0xc0) == 0x80) {
        length--;
    }
    return str_make(line.ptr, length);
}

size_t syslog_print(const struct syslog_source *source, const struct audit_read_line *line,
                    size_t most, char *out)
{
    struct text text = {.out = out};

    if (line->type.len == 0) {
        return 0;
    }
    text.length = put_head(source, line, false, out);
    if (text.length + line->text.len > most) {
        text.length = put_head(source, line, true, out);
    }
    put(&text, cut(line->text, text.length < most ? most - text.length : 0));
    return text.length;
}
