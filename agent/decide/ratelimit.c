#include "agent/decide/ratelimit.h"

#include "agent/base/copy.h"

#define SECOND_US   INT64_C(1000000)
#define VALUE_BYTES 256 /* of one variable; all of them share a kilobyte */
#define AUDIT_BYTES 512

#define NUMBER_BYTES 20
/* What stands around a name at most: two numbers, and text. */
#define ITEM_BYTES (2 * NUMBER_BYTES + 24)

/* A text that grows item by item; one that may not fit is left out whole. */
struct list {
    char *text;
    char *at;
    char *end;
};

static struct list new_list(struct run *run, size_t capacity)
{
    char *text = arena_take_open(run->arena, capacity);

    return (struct list){.text = text, .at = text, .end = text ? text + capacity : NULL};
}

static struct str list_text(const struct list *list)
{
    return str_make(list->text, (size_t)(list->at - list->text));
}

static bool has_room(const struct list *list, size_t bytes)
{
    return bytes <= (size_t)(list->end - list->at);
}

static inline void put(struct list *list, struct str s)
{
    list->at = copy_bytes(list->at, s.ptr, s.len);
}

struct digits {
    char text[NUMBER_BYTES];
};

/* Two digits a division: that is most of what these texts cost. */
static struct str print_number(struct digits *digits, uint64_t number)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "6869707172737475767778798081828384858687888990919293949596979899";
    size_t first = NUMBER_BYTES;

    for (; number >= 10; number /= 100) {
        first -= 2;
        memcpy(digits->text + first, pairs + 2 * (number % 100), 2);
    }
    if (number > 0 || first == NUMBER_BYTES) {
        digits->text[--first] = (char)('0' + number);
    }
    return str_make(digits->text + first, NUMBER_BYTES - first);
}

static void put_number(struct list *list, uint64_t number)
{
    struct digits digits;

    put(list, print_number(&digits, number));
}

static uint64_t seconds_up(int64_t us)
{
    return us > SECOND_US ? (uint64_t)((us + SECOND_US - 1) / SECOND_US) : 1;
}

/* The policy begins with the quoted name. */
static void add_ratelimit(struct list *list, const struct quota_claim *claim, struct str left)
{
    if (!has_room(list, claim->name.len + ITEM_BYTES)) {
        return;
    }
    if (list->at > list->text) {
        put(list, STR(", "));
    }
    put(list, str_make(claim->policy.ptr, claim->name.len + 2));
    put(list, STR(";r="));
    put(list, left);
    put(list, STR(";t="));
    put_number(list, seconds_up(claim->wait_us));
}

static void add_policy(struct list *list, const struct quota_claim *claim)
{
    if (!has_room(list, claim->policy.len + 2)) {
        return;
    }
    if (list->at > list->text) {
        put(list, STR(", "));
    }
    put(list, claim->policy);
}

static void add_audit(struct list *list, const struct quota_claim *claim, struct str left,
                      bool is_shadow)
{
    if (!has_room(list, claim->name.len + ITEM_BYTES + NUMBER_BYTES)) {
        return;
    }
    if (list->at > list->text) {
        put(list, STR(","));
    }
    put(list, claim->name);
    put(list, STR(":"));
    put_number(list, claim->cost);
    put(list, STR(":"));
    put(list, left);
    if (claim->granted_us > 0) {
        put(list, STR("@"));
        put_number(list, (uint64_t)claim->granted_us);
    }
    if (claim->is_outage) {
        put(list, STR("!"));
    }
    if (is_shadow) {
        put(list, STR("~"));
    }
}

/* Claims may have been put into another order, but mostly were not. */
static bool is_shadow(const struct run *run, const struct quota_claim *claim, size_t likely)
{
    if (&run->limits[likely].entry->record->limit == claim->limit) {
        return run->limits[likely].is_shadow;
    }
    for (size_t i = 0; i < run->limit_count; i++) {
        if (&run->limits[i].entry->record->limit == claim->limit) {
            return run->limits[i].is_shadow;
        }
    }
    return false;
}

void ratelimit_tell(struct run *run, const struct quota_claim *claims)
{
    struct list left = new_list(run, VALUE_BYTES), policy = new_list(run, VALUE_BYTES);
    struct list audit = new_list(run, AUDIT_BYTES);

    for (size_t i = 0; i < run->limit_count; i++) {
        const struct quota_claim *claim = &claims[i];

        if (claim->policy.len == 0) { /* not checked, or nothing is known of it */
            continue;
        }
        bool is_hidden = is_shadow(run, claim, i);
        struct digits digits;
        struct str units = print_number(&digits, claim->left);
        if (!is_hidden) {
            add_ratelimit(&left, claim, units);
            add_policy(&policy, claim);
        }
        add_audit(&audit, claim, units, is_hidden);
    }
    run->out->verdict.ratelimit = list_text(&left);
    run->out->verdict.ratelimit_policy = list_text(&policy);
    run->out->limits = list_text(&audit);
}
