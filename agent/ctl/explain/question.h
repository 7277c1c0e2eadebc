/* The question: what reevectl explain is asked, as a request and who makes it. */
#ifndef REEVE_CTL_EXPLAIN_QUESTION_H
#define REEVE_CTL_EXPLAIN_QUESTION_H

#include "agent/config/file.h"
#include "agent/ctl/heap.h"
#include "agent/decide/explain.h"

struct question {
    const char *config_file;
    const char *record; /* FILE:SEQ; NULL: none */
    const char *boot;   /* of the record; NULL: any */
    int64_t worker;     /* -1: any */
    bool is_json;
    bool is_batch; /* the questions are lines of stdin */

    bool has_caller;
    bool proves; /* the request has the credential itself; else caller is presumed */
    struct explain_caller caller;
    struct str gate; /* the frontend; absent: not said */
    bool has_source; /* --src was given */
    struct request request;
    struct file_text token; /* its file; NULL bytes: none */
    bool has_cert;
};

/* 0, or the exit status; told on stderr. `config_file`: unless the words name one. The request has its gate from question_set_gate(). */
int question_parse(struct question *question, const char *config_file, int argc, char **argv,
                   struct heap *heap);
void question_fini(struct question *question);

/* The gate that was named or, of a configuration with one gate or with "*", that. False: told. */
bool question_set_gate(struct question *question, const struct config *config);

#endif
