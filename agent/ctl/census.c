#include "agent/ctl/census.h"

#include "agent/ctl/command.h"

#define CURSOR_BYTES  24
#define PATTERN_BYTES 128
#define KEY_BYTES_MAX 512

/* It touches no key. Servers judge by the one that is named whether it may run. */
static const char page_text[] =
    "local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', '500')\n"
    "local out = { 'cursor', page[1] }\n"
    "for _, key in ipairs(page[2]) do\n"
    "    out[#out + 1] = 'key'\n"
    "    out[#out + 1] = key\n"
    "end\n"
    "return out\n";

static struct store_script page_script = {
    .name = "page",
    .text = {page_text, sizeof(page_text) - 1},
};

struct census {
    struct rehearsal *rehearsal;
    enum record_kind kind;
    census_cb *callback;
    void *context;
    char cursor[CURSOR_BYTES];
    struct str *keys; /* of the page */
    size_t key_count;
    size_t waiting_count; /* for answers */
    bool has_failed;
};

/* One record that is asked for. */
struct record_question {
    struct census *census;
    struct str key;
};

static void page_cb(void *context, const struct store_reply *reply)
{
    struct census *census = context;
    struct heap *heap = census->rehearsal->heap;

    census->waiting_count--;
    census->has_failed |= reply->status != STORE_OK || reply->field_count == 0 ||
                          reply->fields[0].value.len >= CURSOR_BYTES;
    if (census->has_failed) {
        return;
    }
    memcpy(census->cursor, reply->fields[0].value.ptr, reply->fields[0].value.len);
    census->cursor[reply->fields[0].value.len] = '\0';
    census->keys = heap_take(heap, reply->field_count * sizeof(*census->keys));
    census->key_count = reply->field_count - 1;
    for (size_t i = 0; i < census->key_count; i++) {
        census->keys[i] = heap_copy(heap, reply->fields[i + 1].value);
    }
}

static void record_cb(void *context, const struct store_reply *reply)
{
    const struct record_question *question = context;
    struct census *census = question->census;
    char name[DIRECTORY_NAME_BYTES_MAX];
    enum record_kind kind;
    struct str whose;

    census->waiting_count--;
    census->has_failed |= reply->status != STORE_OK && reply->status != STORE_WRONGTYPE;
    if (reply->status == STORE_OK && reply->field_count > 0 &&
        record_key_read(str_from_c(census->rehearsal->config->prefix), question->key, &kind, name,
                        sizeof(name), &whose) &&
        kind == census->kind) {
        census->callback(census->context, whose, reply->fields, reply->field_count);
    }
}

static void wait_for_all(struct census *census)
{
    while (census->waiting_count > 0) {
        rehearsal_turn(census->rehearsal);
    }
}

static void ask_page(struct census *census, struct str pattern, struct str any_key)
{
    const struct str arguments[] = {str_from_c(census->cursor), pattern};
    const struct store_call call = {
        .script = &page_script, .key = any_key, .arguments = arguments, .argument_count = 2};

    census->waiting_count = 1;
    if (store_run_script(census->rehearsal->store, &call, page_cb, census) != ERR_OK) {
        census->waiting_count = 0;
        census->has_failed = true;
    }
    wait_for_all(census);
}

static void ask_records(struct census *census)
{
    struct record_question *questions =
        heap_take(census->rehearsal->heap, (census->key_count + 1) * sizeof(*questions));

    for (size_t i = 0; i < census->key_count && !census->has_failed; i++) {
        questions[i] = (struct record_question){census, census->keys[i]};
        census->waiting_count++;
        if (store_get_hash(census->rehearsal->store, questions[i].key, record_cb, &questions[i]) !=
            ERR_OK) {
            census->waiting_count--;
            census->has_failed = true;
        }
    }
    wait_for_all(census);
}

/* The key of any name, with a star in the name's place. */
static struct str pattern_of(const struct census *census, char out[PATTERN_BYTES])
{
    struct str prefix = str_from_c(census->rehearsal->config->prefix);
    size_t length = record_key(census->kind, prefix, STR("x"), out, PATTERN_BYTES);
    char *name = memrchr(out, 'x', length);

    if (name) {
        *name = '*';
    }
    return str_make(out, length);
}

bool census_take(struct rehearsal *rehearsal, enum record_kind kind, census_cb *callback,
                 void *context)
{
    struct census census = {.rehearsal = rehearsal,
                            .kind = kind,
                            .callback = callback,
                            .context = context,
                            .cursor = "0"};
    char pattern[PATTERN_BYTES], key[KEY_BYTES_MAX];
    int length = snprintf(key, sizeof(key), "%sused:{page}:page", rehearsal->config->prefix);

    if (store_script_init(&page_script) != ERR_OK) {
        heap_fail();
    }
    do {
        ask_page(&census, pattern_of(&census, pattern), str_make(key, (size_t)length));
        if (!census.has_failed) {
            ask_records(&census);
        }
    } while (!census.has_failed && strcmp(census.cursor, "0") != 0);
    if (census.has_failed) {
        command_fail("the store does not list its records");
    }
    return !census.has_failed;
}
