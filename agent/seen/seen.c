#include "agent/seen/seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/base/log.h"
#include "agent/directory/directory.h"
#include "agent/seen/board.h"

#define PREFIX_BYTES_MAX 80
#define KEY_BYTES_MAX    (PREFIX_BYTES_MAX + 16 + 3 * DIRECTORY_NAME_BYTES_MAX)
#define LOG_INTERVAL_US  INT64_C(60000000)

/* NUL-terminated, made of lua/ by CMakeLists.txt. */
extern const char script_note[];

static struct store_script note_script;

static const struct str fields[SEEN_USE_COUNT] = {
    [SEEN_HASH] = {"hash", 4},   [SEEN_HASH2] = {"hash2", 5}, [SEEN_PASSWORD] = {"password", 8},
    [SEEN_TOKEN] = {"token", 5}, [SEEN_CERT] = {"cert", 4},
};

struct note {
    int64_t at_us; /* monotonic */
    uint8_t kind;  /* enum record_kind */
    uint8_t use;   /* enum seen_use */
    uint16_t length;
    char name[DIRECTORY_NAME_BYTES_MAX];
};

struct seen {
    struct store *store; /* NULL: freed, but for the answers that are to come */
    struct seen_settings settings;
    uint32_t interval_s;
    char prefix[PREFIX_BYTES_MAX]; /* <prefix>seen: */
    int64_t now_us;                /* of the last tick */
    unsigned call_count;           /* on their way */
    struct seen_counters counters;
    struct log_limit drop_log;
    size_t first, count; /* of notes, a ring */
    struct note notes[SEEN_QUEUE_MAX];
};

enum err seen_start(void)
{
    note_script = (struct store_script){.name = "note", .text = str_from_c(script_note)};
    return store_script_init(&note_script);
}

struct seen *seen_new(struct store *store, const struct seen_settings *settings)
{
    struct seen *seen = calloc(1, sizeof(*seen));

    if (seen) {
        seen->store = store;
        seen->settings = *settings;
        seen->interval_s = (uint32_t)((settings->interval_us + 999999) / 1000000);
        snprintf(seen->prefix, sizeof(seen->prefix), "%.*sseen:", STR_ARG(settings->prefix));
    }
    return seen;
}

void seen_free(struct seen *seen)
{
    if (!seen) {
        return;
    }
    seen->store = NULL;
    if (seen->call_count == 0) {
        free(seen);
    }
}

static void drop(struct seen *seen, const char *why)
{
    uint64_t swallowed;

    seen->counters.dropped++;
    if (log_limit_pass(&seen->drop_log, seen->now_us, LOG_INTERVAL_US, &swallowed)) {
        log_warning(
            "seen: the last use of a credential is not written: %s (%llu like it not logged)", why,
            (unsigned long long)swallowed);
    }
}

static void drop_first(struct seen *seen)
{
    seen->first = (seen->first + 1) % SEEN_QUEUE_MAX;
    seen->count--;
}

static void add_note(struct seen *seen, enum record_kind kind, struct str name, enum seen_use use,
                     struct now now)
{
    if (seen->count == SEEN_QUEUE_MAX) {
        drop(seen, "too many wait for the store");
        drop_first(seen);
    }
    struct note *note = &seen->notes[(seen->first + seen->count++) % SEEN_QUEUE_MAX];
    *note = (struct note){.at_us = now.mono_us,
                          .kind = (uint8_t)kind,
                          .use = (uint8_t)use,
                          .length = (uint16_t)name.len};
    memcpy(note->name, name.ptr, name.len);
    seen->counters.noted++;
}

void seen_note(struct seen *seen, enum record_kind kind, struct str name, enum seen_use use,
               uint32_t *mark, struct now now)
{
    if (!seen) {
        return;
    }
    uint32_t second = board_second(now);
    if (board_is_recent(*mark, second, seen->interval_s)) {
        return;
    }
    if (name.len > DIRECTORY_NAME_BYTES_MAX) {
        *mark = second;
        return;
    }
    if (board_claim(seen->settings.board, kind, name, use, second, seen->interval_s, mark)) {
        add_note(seen, kind, name, use, now);
    }
}

static void answer_cb(void *context, const struct store_reply *reply)
{
    struct seen *seen = context;

    seen->call_count--;
    if (!seen->store) {
        if (seen->call_count == 0) {
            free(seen);
        }
    } else if (reply->status == STORE_OK) {
        seen->counters.written++;
    } else {
        drop(seen, "the store did not take it");
    }
}

static enum err send_note(struct seen *seen, const struct note *note, struct now now)
{
    char key[KEY_BYTES_MAX], age[24], ttl[24];
    size_t length = record_key(note->kind, str_from_c(seen->prefix),
                               str_make(note->name, note->length), key, sizeof(key));

    snprintf(age, sizeof(age), "%" PRId64, (now.mono_us - note->at_us) / 1000);
    snprintf(ttl, sizeof(ttl), "%" PRId64, seen->settings.ttl_us / 1000);
    const struct str arguments[] = {fields[note->use], str_from_c(age), seen->settings.agent_id,
                                    str_from_c(ttl)};
    const struct store_call call = {.script = &note_script,
                                    .key = str_make(key, length),
                                    .arguments = arguments,
                                    .argument_count = 4};
    return store_run_script(seen->store, &call, answer_cb, seen);
}

void seen_tick(struct seen *seen, struct now now)
{
    seen->now_us = now.mono_us;
    while (seen->count > 0 && seen->call_count < SEEN_CALLS_MAX && store_is_up(seen->store) &&
           send_note(seen, &seen->notes[seen->first], now) == ERR_OK) {
        seen->call_count++;
        drop_first(seen);
    }
}

void seen_counters(const struct seen *seen, struct seen_counters *out)
{
    *out = seen->counters;
}
