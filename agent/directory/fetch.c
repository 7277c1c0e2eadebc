#include "agent/directory/fetch.h"

#include <stdlib.h>

#include "agent/base/ensure.h"
#include "agent/directory/directory_inside.h"
#include "agent/directory/keep.h"
#include "agent/directory/print.h"

/* Prefix, "user:{", a name whose every byte is escaped, "}". */
#define KEY_BYTES_MAX   1024
#define LOG_INTERVAL_US 1000000

static struct str write_key(const struct directory *directory, const struct slot *slot,
                            char out[KEY_BYTES_MAX])
{
    size_t length = record_key(slot->kind, directory->settings.prefix,
                               str_make(slot_name(slot), slot->name_length), out, KEY_BYTES_MAX);

    return str_make(out, length);
}

static void log_bad(struct directory *directory, const struct fetch *fetch, const char *text)
{
    uint64_t swallowed;

    if (log_limit_pass(&directory->bad_log, fetch->sent_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning("bad record: %s (%llu like it not logged)", text,
                    (unsigned long long)swallowed);
    }
}

static void take_bad(struct directory *directory, struct fetch *fetch,
                     const struct siphash_digest *print, const char *text)
{
    directory->counters.bad_records++;
    log_bad(directory, fetch, text);
    keep_bad(directory, fetch->slot, print);
    keep_renew(fetch->slot, fetch);
}

/* Not a hash, or one beyond the store's bounds. */
static void take_unreadable(struct directory *directory, struct fetch *fetch, const char *fault)
{
    char key[KEY_BYTES_MAX];
    struct diag diag;

    diag_set(&diag, "%s: %s", log_quote(write_key(directory, fetch->slot, key)).text, fault);
    take_bad(directory, fetch, NULL, diag.text);
}

static void take_failure(struct directory *directory, struct fetch *fetch)
{
    directory->counters.store_failures++;
    fetch->has_failed = true;
    keep_unknown(directory, fetch->slot);
}

static void take_absent(struct directory *directory, struct fetch *fetch)
{
    directory->counters.absents++;
    keep_absent(directory, fetch->slot);
    keep_renew(fetch->slot, fetch);
}

static void take_changed(struct directory *directory, struct fetch *fetch,
                         const struct store_reply *reply, const struct siphash_digest *print)
{
    enum record_kind kind = fetch->slot->kind;
    char key[KEY_BYTES_MAX];
    struct record_draft draft;
    struct diag diag;

    enum err e = record_read(kind, write_key(directory, fetch->slot, key), reply->fields,
                             reply->field_count, &draft, &diag);
    if (e == ERR_OK && keep_found(directory, fetch->slot, &draft, print) != ERR_OK) {
        record_fini(&draft.record);
        e = ERR_MEMORY;
    }
    if (e == ERR_MEMORY) {
        /* What there is has changed, and must not be served. */
        fetch->slot->epoch = 0;
        take_failure(directory, fetch);
    } else if (e != ERR_OK) {
        take_bad(directory, fetch, print, diag.text);
    } else {
        keep_renew(fetch->slot, fetch);
    }
}

/* The same fields as before need no parsing, and a role no compiling; what was verified against
 * them still holds. */
static void take_fields(struct directory *directory, struct fetch *fetch,
                        const struct store_reply *reply)
{
    struct siphash_digest print =
        print_fields(&directory->print_key, reply->fields, reply->field_count);

    if (keep_has_print(fetch->slot, &print)) {
        keep_renew(fetch->slot, fetch);
    } else {
        take_changed(directory, fetch, reply, &print);
    }
}

static void take(struct directory *directory, struct fetch *fetch, const struct store_reply *reply)
{
    switch (reply->status) {
    case STORE_OK:
        if (reply->field_count == 0) {
            take_absent(directory, fetch);
        } else {
            take_fields(directory, fetch, reply);
        }
        break;
    case STORE_WRONGTYPE:
        take_unreadable(directory, fetch, "not a hash");
        break;
    case STORE_BAD_REPLY:
        take_unreadable(directory, fetch, "too big, or not a hash");
        break;
    case STORE_DOWN:
    case STORE_REFUSED:
    case STORE_UNSYNCED: /* of scripts only */
        take_failure(directory, fetch);
        break;
    }
}

static void reply_cb(void *context, const struct store_reply *reply)
{
    struct fetch *fetch = context;
    struct directory *directory = fetch->directory;

    if (!directory) {
        free(fetch);
        return;
    }
    directory->fetch_count--;
    sources_give(&directory->sources, fetch->source);
    fetch->source = NULL;
    if (fetch->epoch == directory->epoch) {
        take(directory, fetch, reply);
    } else {
        /* Read before the change, or after it: nobody knows. Who waits asks again. */
        keep_unknown(directory, fetch->slot);
    }
    fetch->is_done = true;
    if (directory->done_last) {
        directory->done_last->next_done = fetch;
    } else {
        directory->done_first = fetch;
    }
    directory->done_last = fetch;
}

enum err fetch_start(struct directory *directory, struct slot *slot, struct source *source,
                     struct now now)
{
    char text[KEY_BYTES_MAX];
    struct str key = write_key(directory, slot, text);

    ensure(!slot->fetch);
    if (key.len == 0) {
        return ERR_RANGE;
    }
    struct fetch *fetch = calloc(1, sizeof(*fetch));
    if (!fetch) {
        return ERR_MEMORY;
    }
    *fetch = (struct fetch){.directory = directory,
                            .slot = slot,
                            .source = source,
                            .epoch = directory->epoch,
                            .session = directory->is_followed ? directory->session : 0,
                            .sent_us = now.mono_us};
    waiter_queue_init(&fetch->waiters);
    enum err e = store_get_hash(directory->store, key, reply_cb, fetch);
    if (e != ERR_OK) {
        free(fetch);
        return e;
    }
    slot->fetch = fetch;
    directory->fetch_count++;
    return ERR_OK;
}

/* From here on a get sees the answer, or asks anew. */
static void release(struct fetch *fetch, struct now now)
{
    struct slot *slot = fetch->slot;

    slot->fetch = NULL;
    if (fetch->has_failed) {
        slot->retry_us = now.mono_us + DIRECTORY_RETRY_US;
    }
}

void fetch_end_all(struct directory *directory, struct now now)
{
    struct fetch *first = directory->done_first;

    directory->done_first = NULL;
    directory->done_last = NULL;
    for (struct fetch *fetch = first; fetch; fetch = fetch->next_done) {
        release(fetch, now);
    }
    for (struct fetch *fetch = first; fetch; fetch = fetch->next_done) {
        waiter_wake_all(&fetch->waiters, now);
    }
    while (first) {
        struct fetch *next = first->next_done;
        keep_drop_pending(directory, first->slot);
        free(first);
        first = next;
    }
}

void fetch_abandon(struct fetch *fetch)
{
    waiter_cancel_all(&fetch->waiters);
    fetch->directory = NULL;
    fetch->slot = NULL;
    fetch->source = NULL;
    if (fetch->is_done) {
        free(fetch);
    }
}
