#include "tests/support/fake_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"

/* Never freed before the store: it counts the requests of its key too. */
struct fake_store_record {
    struct fake_store_record *next;
    char *key;
    enum store_status status;
    struct store_field *fields; /* their texts are the record's */
    size_t field_count;
    size_t request_count;
};

/* A script that waits, and what it answered once it is executed. One block with its texts. */
struct fake_store_run {
    struct store_call call;
    struct str arguments[STORE_SCRIPT_ARGUMENTS_MAX];
    struct fake_store_answer answer;
    char bytes[];
};

struct fake_store_request {
    struct fake_store_request *next;
    struct fake_store_record *record; /* whose content is answered; a copy once executed */
    struct fake_store_run *run;       /* a script's, instead of a record */
    bool is_executed;
    store_reply_cb *callback;
    void *context;
};

static void *take(size_t bytes)
{
    void *memory = calloc(1, bytes);

    ensure(memory != NULL);
    return memory;
}

static struct str copy_text(struct str text)
{
    char *copy = take(text.len + 1);

    memcpy(copy, text.ptr, text.len);
    return str_make(copy, text.len);
}

static void free_text(struct str text)
{
    free((void *)(uintptr_t)text.ptr);
}

static void clear_fields(struct fake_store_record *record)
{
    for (size_t i = 0; i < record->field_count; i++) {
        free_text(record->fields[i].name);
        free_text(record->fields[i].value);
    }
    free(record->fields);
    record->fields = NULL;
    record->field_count = 0;
}

static void free_record(struct fake_store_record *record)
{
    clear_fields(record);
    free(record->key);
    free(record);
}

static void add_field(struct fake_store_record *record, struct str name, struct str value)
{
    size_t count = record->field_count + 1;

    record->fields = realloc(record->fields, count * sizeof(*record->fields));
    ensure(record->fields != NULL);
    record->fields[record->field_count] = (struct store_field){copy_text(name), copy_text(value)};
    record->field_count = count;
}

static struct fake_store_record *copy_record(const struct fake_store_record *record)
{
    struct fake_store_record *copy = take(sizeof(*copy));

    copy->status = record->status;
    for (size_t i = 0; i < record->field_count; i++) {
        add_field(copy, record->fields[i].name, record->fields[i].value);
    }
    return copy;
}

static struct fake_store_record *find(const struct fake_store *fake, struct str key)
{
    for (struct fake_store_record *record = fake->records; record; record = record->next) {
        if (str_equal(str_from_c(record->key), key)) {
            return record;
        }
    }
    return NULL;
}

static struct fake_store_record *find_or_add(struct fake_store *fake, struct str key)
{
    struct fake_store_record *record = find(fake, key);

    if (!record) {
        record = take(sizeof(*record));
        record->key = (char *)(uintptr_t)copy_text(key).ptr;
        record->status = STORE_OK;
        record->next = fake->records;
        fake->records = record;
    }
    return record;
}

static enum err check_mode(const struct fake_store *fake)
{
    return fake->mode == FAKE_STORE_DOWN   ? ERR_IO
           : fake->mode == FAKE_STORE_FULL ? ERR_FULL
                                           : ERR_OK;
}

static enum err enqueue(struct fake_store *fake, const struct fake_store_request *wanted)
{
    struct fake_store_request *request = malloc(sizeof(*request));

    if (!request) {
        return ERR_MEMORY;
    }
    *request = *wanted;
    if (fake->last) {
        fake->last->next = request;
    } else {
        fake->first = request;
    }
    fake->last = request;
    fake->pending_count++;
    return ERR_OK;
}

static enum err get_hash(struct store *store, struct str key, store_reply_cb *callback,
                         void *context)
{
    struct fake_store *fake = (struct fake_store *)(void *)store;
    struct fake_store_record *record = find_or_add(fake, key);
    enum err e = check_mode(fake);

    record->request_count++;
    fake->request_count++;
    if (e != ERR_OK) {
        return e;
    }
    return enqueue(fake, &(struct fake_store_request){
                             .record = record, .callback = callback, .context = context});
}

static struct str put(char **at, struct str text)
{
    struct str copy = str_make(*at, text.len);

    memcpy(*at, text.ptr ? text.ptr : "", text.len);
    *at += text.len;
    return copy;
}

static struct fake_store_run *copy_call(const struct store_call *call)
{
    size_t length = call->key.len;
    struct fake_store_run *run;

    ensure(call->script->sha1[0] != '\0' && call->argument_count <= STORE_SCRIPT_ARGUMENTS_MAX);
    for (size_t i = 0; i < call->argument_count; i++) {
        length += call->arguments[i].len;
    }
    run = malloc(sizeof(*run) + length);
    if (!run) {
        return NULL;
    }
    char *at = run->bytes;
    run->call = *call;
    run->call.arguments = run->arguments;
    run->call.key = put(&at, call->key);
    for (size_t i = 0; i < call->argument_count; i++) {
        run->arguments[i] = put(&at, call->arguments[i]);
    }
    run->answer = (struct fake_store_answer){.status = STORE_OK};
    return run;
}

static enum err run_script(struct store *store, const struct store_call *call,
                           store_reply_cb *callback, void *context)
{
    struct fake_store *fake = (struct fake_store *)(void *)store;
    enum err e = check_mode(fake);

    fake->request_count++;
    if (e != ERR_OK) {
        return e;
    }
    struct fake_store_run *run = copy_call(call);
    if (!run) {
        return ERR_MEMORY;
    }
    e = enqueue(fake,
                &(struct fake_store_request){.run = run, .callback = callback, .context = context});
    if (e != ERR_OK) {
        free(run);
    }
    return e;
}

static uint64_t session(const struct store *store)
{
    const struct fake_store *fake = (const struct fake_store *)(const void *)store;

    return fake->mode != FAKE_STORE_DOWN ? fake->drop_count + 1 : 0;
}

/* Unlinks the request after `previous` (NULL: the first). */
static struct fake_store_request *unlink_after(struct fake_store *fake,
                                               struct fake_store_request *previous)
{
    struct fake_store_request *request = previous ? previous->next : fake->first;

    if (previous) {
        previous->next = request->next;
    } else {
        fake->first = request->next;
    }
    if (fake->last == request) {
        fake->last = previous;
    }
    fake->pending_count--;
    return request;
}

static void execute(const struct fake_store *fake, struct fake_store_request *request)
{
    if (request->is_executed) {
        return;
    }
    request->is_executed = true;
    if (request->run) {
        ensure(fake->script_cb != NULL);
        fake->script_cb(fake->script_context, &request->run->call, &request->run->answer);
    } else {
        request->record = copy_record(request->record);
    }
}

static struct store_reply reply_of_record(const struct fake_store_record *record)
{
    struct store_reply reply = {.status = record->status};

    if (reply.status == STORE_OK) {
        reply.fields = record->fields;
        reply.field_count = record->field_count;
    }
    return reply;
}

static struct store_reply reply_of_run(const struct fake_store_answer *answer)
{
    struct store_reply reply = {.status = answer->status};

    if (reply.status == STORE_OK || reply.status == STORE_UNSYNCED) {
        reply.fields = answer->fields;
        reply.field_count = answer->field_count;
    }
    return reply;
}

static void free_request(struct fake_store_request *request)
{
    if (request->record && request->is_executed) {
        free_record(request->record);
    }
    free(request->run);
    free(request);
}

/* A script that was not executed before is now, where it is answered with what it says. */
static void answer(const struct fake_store *fake, struct fake_store_request *request,
                   enum store_status status)
{
    struct store_reply reply = {.status = status};

    if (status == STORE_OK && request->run) {
        execute(fake, request);
        reply = reply_of_run(&request->run->answer);
    } else if (status == STORE_OK) {
        reply = reply_of_record(request->record);
    }
    request->callback(request->context, &reply);
    free_request(request);
}

static size_t answer_oldest(struct fake_store *fake, enum store_status status)
{
    size_t count = fake->pending_count;

    for (size_t i = 0; i < count; i++) {
        answer(fake, unlink_after(fake, NULL), status);
    }
    return count;
}

static void free_store(struct store *store)
{
    struct fake_store *fake = (struct fake_store *)(void *)store;

    fake->mode = FAKE_STORE_DOWN;
    answer_oldest(fake, STORE_DOWN);
    while (fake->records) {
        struct fake_store_record *next = fake->records->next;
        free_record(fake->records);
        fake->records = next;
    }
    free(fake);
}

static const struct store_ops ops = {
    .get_hash = get_hash, .run_script = run_script, .session = session, .free = free_store};

struct fake_store *fake_store_new(void)
{
    struct fake_store *fake = take(sizeof(*fake));

    fake->store.ops = &ops;
    return fake;
}

void fake_store_set(struct fake_store *fake, const char *key, const char *field, const char *value)
{
    struct fake_store_record *record = find_or_add(fake, str_from_c(key));

    for (size_t i = 0; i < record->field_count; i++) {
        if (str_equal(record->fields[i].name, str_from_c(field))) {
            free_text(record->fields[i].value);
            record->fields[i].value = copy_text(str_from_c(value));
            return;
        }
    }
    add_field(record, str_from_c(field), str_from_c(value));
}

void fake_store_delete(struct fake_store *fake, const char *key)
{
    clear_fields(find_or_add(fake, str_from_c(key)));
}

void fake_store_set_status(struct fake_store *fake, const char *key, enum store_status status)
{
    find_or_add(fake, str_from_c(key))->status = status;
}

void fake_store_set_mode(struct fake_store *fake, enum fake_store_mode mode)
{
    fake->mode = mode;
}

static enum store_status status_of_mode(const struct fake_store *fake)
{
    return fake->mode == FAKE_STORE_DOWN ? STORE_DOWN : STORE_OK;
}

size_t fake_store_step(struct fake_store *fake)
{
    return fake->mode == FAKE_STORE_HANG ? 0 : answer_oldest(fake, status_of_mode(fake));
}

bool fake_store_step_first(struct fake_store *fake)
{
    if (fake->mode == FAKE_STORE_HANG || !fake->first) {
        return false;
    }
    answer(fake, unlink_after(fake, NULL), status_of_mode(fake));
    return true;
}

bool fake_store_step_last(struct fake_store *fake)
{
    struct fake_store_request *previous = NULL;

    if (fake->mode == FAKE_STORE_HANG || !fake->first) {
        return false;
    }
    for (struct fake_store_request *r = fake->first; r->next; r = r->next) {
        previous = r;
    }
    answer(fake, unlink_after(fake, previous), status_of_mode(fake));
    return true;
}

void fake_store_execute(struct fake_store *fake)
{
    for (struct fake_store_request *request = fake->first; request; request = request->next) {
        execute(fake, request);
    }
}

size_t fake_store_drop(struct fake_store *fake)
{
    fake->drop_count++;
    return answer_oldest(fake, STORE_DOWN);
}

const struct str *fake_store_last_arguments(const struct fake_store *fake, size_t *count)
{
    ensure(fake->last && fake->last->run);
    *count = fake->last->run->call.argument_count;
    return fake->last->run->arguments;
}

size_t fake_store_requests(const struct fake_store *fake, const char *key)
{
    const struct fake_store_record *record = find(fake, str_from_c(key));

    return record ? record->request_count : 0;
}

static struct str add_text(struct fake_store_answer *answer, const char *text)
{
    size_t length = strlen(text);
    char *copy = answer->text + answer->text_length;

    ensure(length <= sizeof(answer->text) - answer->text_length);
    memcpy(copy, text, length);
    answer->text_length += length;
    return str_make(copy, length);
}

void fake_store_answer_add(struct fake_store_answer *answer, const char *name, const char *value)
{
    ensure(answer->field_count < FAKE_STORE_ANSWER_FIELDS_MAX);
    answer->fields[answer->field_count++] =
        (struct store_field){add_text(answer, name), add_text(answer, value)};
}

void fake_store_answer_number(struct fake_store_answer *answer, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    fake_store_answer_add(answer, name, text);
}
