#include "tests/corpus/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool is_met, const struct corpus *corpus, const char *what)
{
    if (!is_met) {
        fprintf(stderr, "records.txt:%u: %s\n", corpus->line, what);
        abort();
    }
}

void corpus_open(struct corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "rb");
    long size = 0;

    *corpus = (struct corpus){0};
    require(file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0, corpus, path);
    rewind(file);
    corpus->text = malloc((size_t)size + 1);
    require(corpus->text && fread(corpus->text, 1, (size_t)size, file) == (size_t)size, corpus,
            path);
    corpus->text[size] = '\0';
    corpus->next = corpus->text;
    (void)fclose(file);
}

void corpus_close(struct corpus *corpus)
{
    free(corpus->text);
}

/* The next line that is no comment, without its end; NULL at the end of the file. */
static char *line_next(struct corpus *corpus)
{
    while (*corpus->next != '\0') {
        char *line = corpus->next;
        char *end = strchr(line, '\n');
        require(end != NULL, corpus, "the last line has no end");
        *end = '\0';
        corpus->next = end + 1;
        corpus->line++;
        if (line[0] != '#') {
            return line;
        }
    }
    return NULL;
}

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c) : NULL;

    return found ? (int)(found - digits) : -1;
}

static struct str unescape(const struct corpus *corpus, char *text)
{
    char *out = text;

    for (const char *in = text; *in != '\0';) {
        if (in[0] != '\\') {
            *out++ = *in++;
        } else if (in[1] == '\\') {
            *out++ = '\\';
            in += 2;
        } else {
            int high = in[1] == 'x' ? hex_value(in[2]) : -1;
            int low = high >= 0 ? hex_value(in[3]) : -1;
            require(low >= 0, corpus, "an escape is \\\\ or \\xHH");
            *out++ = (char)(high * 16 + low);
            in += 4;
        }
    }
    return str_make(text, (size_t)(out - text));
}

static void head_read(const struct corpus *corpus, const char *head, struct corpus_record *out)
{
    static const char *const kinds[RECORD_KIND_COUNT] = {
        [RECORD_KEY] = "key ",   [RECORD_USER] = "user ",   [RECORD_TEAM] = "team ",
        [RECORD_ROLE] = "role ", [RECORD_LIMIT] = "limit ", [RECORD_REVOKED] = "revoked ",
        [RECORD_CERT] = "cert ",
    };
    int kind = 0;

    while (kind < RECORD_KIND_COUNT && strncmp(head, kinds[kind], strlen(kinds[kind])) != 0) {
        kind++;
    }
    require(kind < RECORD_KIND_COUNT, corpus, "unknown kind");
    const char *verdict = head + strlen(kinds[kind]);
    require(strncmp(verdict, "good ", 5) == 0 || strncmp(verdict, "bad ", 4) == 0, corpus,
            "expected good or bad");
    *out = (struct corpus_record){
        .kind = (enum record_kind)kind,
        .is_good = verdict[0] == 'g',
        .head = head,
        .line = corpus->line,
    };
}

static void field_read(const struct corpus *corpus, char *line, struct corpus_record *out)
{
    char *tab = strchr(line, '\t');

    require(tab != NULL, corpus, "a field without a tab");
    require(out->field_count < CORPUS_FIELDS_MAX, corpus, "too many fields");
    *tab = '\0';
    out->fields[out->field_count].name = unescape(corpus, line);
    out->fields[out->field_count++].value = unescape(corpus, tab + 1);
}

bool corpus_next(struct corpus *corpus, struct corpus_record *out)
{
    char *line = line_next(corpus);

    while (line && line[0] == '\0') {
        line = line_next(corpus);
    }
    if (!line) {
        return false;
    }
    head_read(corpus, line, out);
    while ((line = line_next(corpus)) && line[0] != '\0') {
        field_read(corpus, line, out);
    }
    require(out->field_count > 0, corpus, "a record without fields");
    return true;
}
