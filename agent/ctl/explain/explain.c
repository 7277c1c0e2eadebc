/* reevectl explain: a decision, walked by the agent's own steps on the live store. */
#include <string.h>

#include "agent/ctl/command.h"
#include "agent/ctl/explain/replay.h"
#include "agent/ctl/explain/show.h"

#define LINE_BYTES_MAX 16384
#define WORDS_MAX      24

static int status_of(const struct story *story)
{
    if (story_is_in_trouble(story)) {
        return COMMAND_TROUBLE;
    }
    return story->verdict.kind == VERDICT_ALLOW ? 0 : 1;
}

/* `replay` may be NULL. */
static void show(struct story *story, const struct question *question, const struct replay *replay)
{
    struct json_out json = {.stream = stdout};

    if (!question->is_json) {
        show_text(story, question);
        if (replay) {
            replay_text(replay);
        }
        return;
    }
    json_begin(&json, NULL, '{');
    show_json(&json, story, question);
    if (replay) {
        replay_json(replay, &json);
    }
    json_end(&json, '}');
    putchar('\n');
}

/* The question's own gate, or the one that is said for all. */
static int answer(struct rehearsal *rehearsal, struct question *question)
{
    struct story story;

    if (!question_set_gate(question, rehearsal->config)) {
        return COMMAND_TROUBLE;
    }
    story_tell(&story, rehearsal, &question->request, question->proves ? NULL : &question->caller);
    show(&story, question, NULL);
    return status_of(&story);
}

static int answer_record(struct rehearsal *rehearsal, struct question *question)
{
    struct replay replay;
    struct story story;

    if (!replay_find(&replay, question, rehearsal->config, rehearsal->heap) ||
        !question_set_gate(question, rehearsal->config)) {
        return COMMAND_TROUBLE;
    }
    story_tell(&story, rehearsal, &question->request, &question->caller);
    replay_compare(&replay, &story);
    show(&story, question, &replay);
    return story_is_in_trouble(&story) ? COMMAND_TROUBLE : replay.difference_count > 0;
}

/* As it would stand behind the command, separated by single blanks. */
static size_t split(char *line, char *words[WORDS_MAX])
{
    char *rest = NULL;
    size_t count = 0;

    for (char *word = strtok_r(line, " ", &rest); word && count < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return count;
}

/* A line of stdin. Each is of the moment in which it is answered. */
static int answer_line(struct rehearsal *rehearsal, const struct question *all, char *line)
{
    char *words[WORDS_MAX];
    size_t count = split(line, words);
    struct question question;

    int status = question_parse(&question, all->config_file, (int)count, words, rehearsal->heap);
    if (status == 0 && (question.is_batch || question.record)) {
        status = command_refuse_argument("explain", "--batch");
    }
    if (status == 0) {
        question.is_json = true;
        status = rehearsal_renew(rehearsal) ? answer(rehearsal, &question) : COMMAND_TROUBLE;
    }
    question_fini(&question);
    return status < 0 ? COMMAND_TROUBLE : status;
}

/* Gives the highest status. */
static int answer_batch(struct rehearsal *rehearsal, const struct question *all)
{
    static char line[LINE_BYTES_MAX];
    size_t length;
    int worst = 0;

    while (command_read_line(line, sizeof(line), &length)) {
        int status = answer_line(rehearsal, all, line);
        worst = status > worst ? status : worst;
    }
    return feof(stdin) ? worst : COMMAND_TROUBLE;
}

static int explain(struct question *question, struct heap *heap)
{
    struct rehearsal rehearsal;
    int status = COMMAND_TROUBLE;

    if (rehearsal_open(&rehearsal, question->config_file, heap)) {
        status = question->is_batch ? answer_batch(&rehearsal, question)
                 : question->record ? answer_record(&rehearsal, question)
                                    : answer(&rehearsal, question);
    }
    rehearsal_close(&rehearsal);
    return status;
}

int command_explain(int argc, char **argv)
{
    struct heap heap = {0};
    struct question question;
    int status = question_parse(&question, NULL, argc, argv, &heap);

    if (status == 0) {
        status = explain(&question, &heap);
    }
    question_fini(&question);
    heap_free(&heap);
    return status;
}
