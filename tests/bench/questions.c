#include "tests/bench/questions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/spop_peer.h"

enum field { METHOD, HOST, PATH, KEY, SOURCE, VERDICT, FIELD_COUNT };

static const char *const verdict_texts[VERDICT_COUNT] = {
    [VERDICT_ANY] = "*",
    [VERDICT_ALLOW] = "allow",
    [VERDICT_THROTTLE] = "throttle",
    [VERDICT_DENY] = "deny",
};

const char *question_verdict_text(enum question_verdict verdict)
{
    return verdict_texts[verdict];
}

static bool parse_verdict(const char *text, enum question_verdict *out)
{
    for (unsigned i = 0; i < VERDICT_COUNT; i++) {
        if (strcmp(text, verdict_texts[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static const char *optional(const char *field)
{
    return strcmp(field, "-") == 0 ? NULL : field;
}

static bool is_address(const char *text)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_authorization(const char *field)
{
    return strncmp(field, "Basic ", strlen("Basic ")) == 0 ||
           strncmp(field, "Bearer ", strlen("Bearer ")) == 0;
}

static bool encode(char *const fields[FIELD_COUNT], const char *frontend, struct question *out)
{
    static const char placeholder[] = "0000000000000000";
    uint8_t memory[QUESTION_BYTES_MAX];
    struct spop_out wire = spop_out_over(memory, sizeof(memory));
    const struct spop_question question = {
        .rid = placeholder,
        .frontend = frontend,
        .source = fields[SOURCE],
        .method = fields[METHOD],
        .path = fields[PATH],
        .host = optional(fields[HOST]),
        .apikey = is_authorization(fields[KEY]) ? NULL : optional(fields[KEY]),
        .authorization = is_authorization(fields[KEY]) ? fields[KEY] : NULL,
    };

    spop_put_message(&wire, "reeve-check", SPOP_QUESTION_ARGS);
    spop_put_question_args(&wire, &question);
    const uint8_t *rid = memmem(memory, wire.length, placeholder, QUESTION_RID_DIGITS);
    out->rid_at = (size_t)(rid - memory);
    out->length = wire.length;
    out->payload = malloc(wire.length);
    if (!out->payload) {
        return false;
    }
    memcpy(out->payload, memory, wire.length);
    return true;
}

/* NULL, or what is wrong. */
static const char *parse_line(char *line, const char *frontend, struct question *out)
{
    char *fields[FIELD_COUNT];
    char *rest = line;

    line[strcspn(line, "\r\n")] = '\0';
    if (strlen(line) > QUESTION_BYTES_MAX / 2) {
        return "too long";
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        fields[i] = strsep(&rest, "\t");
        if (!fields[i]) {
            return "expected six fields with tabs between";
        }
    }
    if (rest || !parse_verdict(fields[VERDICT], &out->expected)) {
        return "expected allow, throttle, deny or * as the last field";
    }
    if (!is_address(fields[SOURCE])) {
        return "expected an IPv4 or IPv6 address as the fifth field";
    }
    return encode(fields, frontend, out) ? NULL : "out of memory";
}

static bool append(struct questions *questions, const struct question *question)
{
    /* Doubles whenever the count is a power of two. */
    if ((questions->count & (questions->count - 1)) == 0) {
        size_t capacity = questions->count > 0 ? 2 * questions->count : 1;
        struct question *grown = realloc(questions->items, capacity * sizeof(*grown));
        if (!grown) {
            return false;
        }
        questions->items = grown;
    }
    questions->items[questions->count++] = *question;
    if (question->length > questions->longest) {
        questions->longest = question->length;
    }
    return true;
}

static bool load_lines(FILE *file, const char *path, const char *frontend, struct questions *out)
{
    char *line = NULL;
    size_t capacity = 0;
    const char *wrong = NULL;

    for (unsigned number = 1; !wrong && getline(&line, &capacity, file) > 0; number++) {
        struct question question;
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        wrong = parse_line(line, frontend, &question);
        if (!wrong && !append(out, &question)) {
            free(question.payload);
            wrong = "out of memory";
        }
        if (wrong) {
            fprintf(stderr, "%s:%u: %s\n", path, number, wrong);
        }
    }
    free(line);
    return !wrong;
}

bool questions_load(const char *path, const char *frontend, struct questions *out)
{
    FILE *file = fopen(path, "r");

    *out = (struct questions){0};
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    bool is_loaded = load_lines(file, path, frontend, out);
    fclose(file);
    if (is_loaded && out->count == 0) {
        fprintf(stderr, "%s: no requests\n", path);
        is_loaded = false;
    }
    if (!is_loaded) {
        questions_free(out);
    }
    return is_loaded;
}

void questions_free(struct questions *questions)
{
    for (size_t i = 0; i < questions->count; i++) {
        free(questions->items[i].payload);
    }
    free(questions->items);
    *questions = (struct questions){0};
}
