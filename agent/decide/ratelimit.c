#include "agent/decide/ratelimit.h"

#define SECOND_US   INT64_C(1000000)
#define VALUE_BYTES 256 /* of one variable; all of them share a kilobyte */
#define ITEM_BYTES  160

/* A text that grows item by item; one that does not fit is left out whole. */
struct list {
    char *text;
    size_t length;
    size_t capacity;
};

struct item {
    char text[ITEM_BYTES];
    size_t length;
};

static void put(struct item *item, struct str s)
{
    memcpy(item->text + item->length, s.ptr, s.len);
    item->length += s.len;
}

static void put_number(struct item *item, uint64_t number)
{
    char digits[20];
    size_t first = sizeof(digits);

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(item, str_make(digits + first, sizeof(digits) - first));
}

static void add_item(struct list *list, const struct item *item, struct str separator)
{
    size_t gap = list->length > 0 ? separator.len : 0;

    if (!list->text || gap + item->length > list->capacity - list->length) {
        return;
    }
    memcpy(list->text + list->length, separator.ptr, gap);
    memcpy(list->text + list->length + gap, item->text, item->length);
    list->length += gap + item->length;
}

static uint64_t seconds_up(int64_t us)
{
    return us > SECOND_US ? (uint64_t)((us + SECOND_US - 1) / SECOND_US) : 1;
}

static uint64_t limit_units(const struct limit_record *limit)
{
    return limit->kind == LIMIT_RATE ? limit->burst : limit->units;
}

static void begin_name(struct item *item, struct str name)
{
    item->length = 0;
    put(item, STR("\""));
    put(item, name);
    put(item, STR("\""));
}

static void add_ratelimit(struct list *list, const struct quota_claim *claim)
{
    struct item item;

    begin_name(&item, claim->name);
    put(&item, STR(";r="));
    put_number(&item, claim->left);
    put(&item, STR(";t="));
    put_number(&item, seconds_up(claim->wait_us));
    add_item(list, &item, STR(", "));
}

static void add_policy(struct list *list, const struct quota_claim *claim)
{
    struct item item;

    begin_name(&item, claim->name);
    put(&item, STR(";q="));
    put_number(&item, limit_units(claim->limit));
    put(&item, STR(";w="));
    put_number(&item, seconds_up(claim->window_us));
    add_item(list, &item, STR(", "));
}

static void add_audit(struct list *list, const struct quota_claim *claim, bool is_shadow)
{
    struct item item;

    item.length = 0;
    put(&item, claim->name);
    put(&item, STR(":"));
    put_number(&item, claim->cost);
    put(&item, STR(":"));
    put_number(&item, claim->left);
    if (claim->granted_us > 0) {
        put(&item, STR("@"));
        put_number(&item, (uint64_t)claim->granted_us);
    }
    if (claim->is_outage) {
        put(&item, STR("!"));
    }
    if (is_shadow) {
        put(&item, STR("~"));
    }
    add_item(list, &item, STR(","));
}

static bool is_shadow(const struct run *run, struct str name)
{
    for (size_t i = 0; i < run->limit_count; i++) {
        if (str_equal(run->limits[i].name, name)) {
            return run->limits[i].is_shadow;
        }
    }
    return false;
}

static struct list new_list(struct run *run, size_t capacity)
{
    return (struct list){.text = arena_take(run->arena, capacity), .capacity = capacity};
}

void ratelimit_tell(struct run *run, const struct quota_claim *claims)
{
    struct list left = new_list(run, VALUE_BYTES), policy = new_list(run, VALUE_BYTES);
    struct list audit = new_list(run, 2 * VALUE_BYTES);

    for (size_t i = 0; i < run->limit_count; i++) {
        const struct quota_claim *claim = &claims[i];
        bool is_hidden = is_shadow(run, claim->name);

        if (!claim->lease) {
            continue;
        }
        if (!is_hidden) {
            add_ratelimit(&left, claim);
            add_policy(&policy, claim);
        }
        add_audit(&audit, claim, is_hidden);
    }
    run->out->verdict.ratelimit = str_make(left.text, left.length);
    run->out->verdict.ratelimit_policy = str_make(policy.text, policy.length);
    run->out->limits = str_make(audit.text, audit.length);
}
