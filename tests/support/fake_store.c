#include "tests/support/fake_store.h"

#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"

struct text_pair {
    char *name;
    char *value;
};

/* Never freed before the store: it counts the requests of its key too. */
struct fake_store_record {
    struct fake_store_record *next;
    char *key;
    enum store_status status;
    struct text_pair *pairs;
    size_t pair_count;
    size_t request_count;
};

struct fake_store_request {
    struct fake_store_request *next;
    struct fake_store_record *record; /* whose content is answered; a copy once executed */
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

static char *copy_text(const char *text, size_t length)
{
    char *copy = take(length + 1);

    memcpy(copy, text, length);
    return copy;
}

static void clear_pairs(struct fake_store_record *record)
{
    for (size_t i = 0; i < record->pair_count; i++) {
        free(record->pairs[i].name);
        free(record->pairs[i].value);
    }
    free(record->pairs);
    record->pairs = NULL;
    record->pair_count = 0;
}

static void free_record(struct fake_store_record *record)
{
    clear_pairs(record);
    free(record->key);
    free(record);
}

static void add_pair(struct fake_store_record *record, const char *name, const char *value)
{
    size_t count = record->pair_count + 1;

    record->pairs = realloc(record->pairs, count * sizeof(*record->pairs));
    ensure(record->pairs != NULL);
    record->pairs[record->pair_count] =
        (struct text_pair){copy_text(name, strlen(name)), copy_text(value, strlen(value))};
    record->pair_count = count;
}

static struct fake_store_record *copy_record(const struct fake_store_record *record)
{
    struct fake_store_record *copy = take(sizeof(*copy));

    copy->status = record->status;
    for (size_t i = 0; i < record->pair_count; i++) {
        add_pair(copy, record->pairs[i].name, record->pairs[i].value);
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
        record->key = copy_text(key.ptr, key.len);
        record->status = STORE_OK;
        record->next = fake->records;
        fake->records = record;
    }
    return record;
}

static enum err get_hash(struct store *store, struct str key, store_reply_cb *callback,
                         void *context)
{
    struct fake_store *fake = (struct fake_store *)(void *)store;
    struct fake_store_record *record = find_or_add(fake, key);

    record->request_count++;
    fake->request_count++;
    if (fake->mode == FAKE_STORE_DOWN) {
        return ERR_IO;
    }
    if (fake->mode == FAKE_STORE_FULL) {
        return ERR_FULL;
    }
    struct fake_store_request *request = take(sizeof(*request));
    *request =
        (struct fake_store_request){.record = record, .callback = callback, .context = context};
    if (fake->last) {
        fake->last->next = request;
    } else {
        fake->first = request;
    }
    fake->last = request;
    fake->pending_count++;
    return ERR_OK;
}

static bool is_up(const struct store *store)
{
    const struct fake_store *fake = (const struct fake_store *)(const void *)store;

    return fake->mode != FAKE_STORE_DOWN;
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

static void answer(struct fake_store_request *request, enum store_status status)
{
    const struct fake_store_record *record = request->record;
    struct store_field *fields = take((record->pair_count + 1) * sizeof(*fields));
    struct store_reply reply = {.status = status};

    if (status == STORE_OK) {
        reply.status = record->status;
    }
    if (reply.status == STORE_OK) {
        for (size_t i = 0; i < record->pair_count; i++) {
            fields[i] = (struct store_field){str_from_c(record->pairs[i].name),
                                             str_from_c(record->pairs[i].value)};
        }
        reply.fields = fields;
        reply.field_count = record->pair_count;
    }
    request->callback(request->context, &reply);
    free(fields);
    if (request->is_executed) {
        free_record(request->record);
    }
    free(request);
}

static size_t answer_oldest(struct fake_store *fake, enum store_status status)
{
    size_t count = fake->pending_count;

    for (size_t i = 0; i < count; i++) {
        answer(unlink_after(fake, NULL), status);
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

static const struct store_ops ops = {.get_hash = get_hash, .is_up = is_up, .free = free_store};

struct fake_store *fake_store_new(void)
{
    struct fake_store *fake = take(sizeof(*fake));

    fake->store.ops = &ops;
    return fake;
}

void fake_store_set(struct fake_store *fake, const char *key, const char *field, const char *value)
{
    struct fake_store_record *record = find_or_add(fake, str_from_c(key));

    for (size_t i = 0; i < record->pair_count; i++) {
        if (strcmp(record->pairs[i].name, field) == 0) {
            free(record->pairs[i].value);
            record->pairs[i].value = copy_text(value, strlen(value));
            return;
        }
    }
    add_pair(record, field, value);
}

void fake_store_delete(struct fake_store *fake, const char *key)
{
    clear_pairs(find_or_add(fake, str_from_c(key)));
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
    answer(unlink_after(fake, NULL), status_of_mode(fake));
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
    answer(unlink_after(fake, previous), status_of_mode(fake));
    return true;
}

void fake_store_execute(struct fake_store *fake)
{
    for (struct fake_store_request *request = fake->first; request; request = request->next) {
        if (!request->is_executed) {
            request->record = copy_record(request->record);
            request->is_executed = true;
        }
    }
}

size_t fake_store_drop(struct fake_store *fake)
{
    return answer_oldest(fake, STORE_DOWN);
}

size_t fake_store_requests(const struct fake_store *fake, const char *key)
{
    const struct fake_store_record *record = find(fake, str_from_c(key));

    return record ? record->request_count : 0;
}
