#include "agent/directory/value.h"

#include <string.h>

#include "agent/base/enc.h"
#include "agent/base/phc.h"

#define PEPPER_BYTES_MAX    32 /* of the id; config/pepper.h */
#define ZONE_NAME_BYTES_MAX 64

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Every byte is a letter, a digit, or one of `others`. */
static bool is_made_of(struct str value, const char *others)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (!is_alnum(c) && (c == '\0' || !strchr(others, c))) {
            return false;
        }
    }
    return true;
}

const char *value_name(struct str value, struct str *out)
{
    if (!str_is_name(value)) {
        return "expected a name, 1 to 64 of [A-Za-z0-9._@-]";
    }
    *out = value;
    return NULL;
}

/* One of two words. */
static const char *choice_read(struct str value, struct str yes, struct str no, const char *fault,
                               bool *out)
{
    if (!str_equal(value, yes) && !str_equal(value, no)) {
        return fault;
    }
    *out = str_equal(value, yes);
    return NULL;
}

const char *value_state(struct str value, bool *is_active)
{
    return choice_read(value, STR("active"), STR("disabled"), "expected active or disabled",
                       is_active);
}

const char *value_mode(struct str value, bool *is_shadow)
{
    return choice_read(value, STR("shadow"), STR("enforce"), "expected enforce or shadow",
                       is_shadow);
}

const char *value_time(struct str value, int64_t *out)
{
    uint64_t time;

    if (!str_to_uint64(value, (uint64_t)RECORD_TIME_MAX, &time) || time == 0) {
        return "expected UNIX seconds, 1 to 253402300799";
    }
    *out = (int64_t)time;
    return NULL;
}

const char *value_priority(struct str value, int *out)
{
    uint64_t priority;

    if (!str_to_uint64(value, RECORD_PRIORITY_MAX, &priority)) {
        return "expected 0 to 2047";
    }
    *out = (int)priority;
    return NULL;
}

static bool is_lower_hex(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}

static const char *digest_read(struct str hex, struct draft_hash *hash, struct draft_hash *out)
{
    if (!is_lower_hex(hex) || !enc_unhex(hex, hash->digest, sizeof(hash->digest))) {
        return "expected 64 lower-case hex digits behind the last colon";
    }
    *out = *hash;
    return NULL;
}

const char *value_fingerprint(struct str value, struct draft_digest *out)
{
    out->is_there = is_lower_hex(value) && enc_unhex(value, out->bytes, sizeof(out->bytes));
    return out->is_there ? NULL : "expected 64 lower-case hex digits";
}

const char *value_hash(struct str value, struct draft_hash *out)
{
    static const char expected[] = "expected sha256:<hex> or hmac-sha256:<pepper id>:<hex>";
    struct draft_hash hash = {.scheme = RECORD_HASH_SHA256};
    struct str rest = value;
    struct str scheme;

    (void)str_cut(&rest, ':', &scheme);
    if (str_is_absent(rest)) {
        return expected;
    }
    if (str_equal(scheme, STR("sha256"))) {
        return digest_read(rest, &hash, out);
    }
    hash.scheme = RECORD_HASH_HMAC_SHA256;
    (void)str_cut(&rest, ':', &hash.pepper);
    if (!str_equal(scheme, STR("hmac-sha256")) || str_is_absent(rest)) {
        return expected;
    }
    if (hash.pepper.len == 0 || hash.pepper.len > PEPPER_BYTES_MAX ||
        !is_made_of(hash.pepper, "._-")) {
        return "expected a pepper id, 1 to 32 of [A-Za-z0-9._-]";
    }
    return digest_read(rest, &hash, out);
}

const char *value_phc(struct str value, struct str *out)
{
    struct phc phc;
    const char *fault = phc_parse(value, &phc);

    crypto_wipe(&phc, sizeof(phc));
    *out = value;
    return fault;
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The word's place in a table, or `count`. */
static size_t word_find(struct str value, const char *const *words, size_t count)
{
    size_t i = 0;

    while (i < count && !str_equal(value, str_from_c(words[i]))) {
        i++;
    }
    return i;
}

const char *value_rate(struct str value, struct limit_record *out)
{
    static const char *const names[] = {"s", "min", "h"};
    static const int64_t seconds[COUNT(names)] = {1, 60, 3600};
    struct str rest = value;
    struct str number;
    uint64_t units;

    (void)str_cut(&rest, '/', &number);
    size_t i = word_find(rest, names, COUNT(names));
    if (i == COUNT(names) || !str_to_uint64(number, LIMIT_RATE_MAX, &units) || units == 0) {
        return "expected <units>/s, /min or /h, with units from 1 to 10^9";
    }
    out->kind = LIMIT_RATE;
    out->units = units;
    out->period_us = seconds[i] * 1000000;
    return NULL;
}

const char *value_burst(struct str value, uint64_t *out)
{
    uint64_t burst;

    if (!str_to_uint64(value, LIMIT_RATE_MAX, &burst) || burst == 0) {
        return "expected 1 to 10^9";
    }
    *out = burst;
    return NULL;
}

const char *value_quota(struct str value, struct limit_record *out)
{
    if (!str_to_uint64(value, LIMIT_QUOTA_MAX, &out->units)) {
        return "expected 0 to 10^15";
    }
    out->kind = LIMIT_QUOTA;
    return NULL;
}

const char *value_per(struct str value, enum limit_per *out)
{
    static const char *const words[LIMIT_PER_COUNT] = {
        [LIMIT_PER_MINUTE] = "minute", [LIMIT_PER_HOUR] = "hour",   [LIMIT_PER_DAY] = "day",
        [LIMIT_PER_WEEK] = "week",     [LIMIT_PER_MONTH] = "month",
    };
    size_t i = word_find(value, words, COUNT(words));

    if (i == COUNT(words)) {
        return "expected minute, hour, day, week or month";
    }
    *out = (enum limit_per)i;
    return NULL;
}

const char *value_scope(struct str value, enum limit_scope *out)
{
    static const char *const words[LIMIT_SCOPE_COUNT] = {
        [LIMIT_SCOPE_USER] = "user",     [LIMIT_SCOPE_KEY] = "key",
        [LIMIT_SCOPE_TEAM] = "team",     [LIMIT_SCOPE_ROLE] = "role",
        [LIMIT_SCOPE_SOURCE] = "source", [LIMIT_SCOPE_GLOBAL] = "global",
    };
    size_t i = word_find(value, words, COUNT(words));

    if (i == COUNT(words)) {
        return "expected key, user, team, role, source or global";
    }
    *out = (enum limit_scope)i;
    return NULL;
}

const char *value_tz(struct str value, struct str *out)
{
    bool is_good = value.len > 0 && value.len <= ZONE_NAME_BYTES_MAX;
    struct str rest = value;
    struct str part;

    while (is_good && str_cut(&rest, '/', &part)) {
        is_good = part.len > 0 && is_made_of(part, "_+-");
    }
    if (!is_good) {
        return "expected a time zone's name, like Europe/Berlin";
    }
    *out = value;
    return NULL;
}

static bool percent_read(struct str text, unsigned *out)
{
    uint64_t percent;

    if (text.len == 0 || text.ptr[text.len - 1] != '%' ||
        !str_to_uint64(str_make(text.ptr, text.len - 1), 100, &percent) || percent == 0) {
        return false;
    }
    *out = (unsigned)percent;
    return true;
}

const char *value_outage(struct str value, struct limit_record *out)
{
    static const struct str budget = {"budget:", 7};

    if (str_equal(value, STR("deny"))) {
        out->outage = LIMIT_OUTAGE_DENY;
    } else if (str_equal(value, STR("allow"))) {
        out->outage = LIMIT_OUTAGE_ALLOW;
    } else if (str_starts_with(value, budget) &&
               percent_read(str_skip(value, budget.len), &out->budget_percent)) {
        out->outage = LIMIT_OUTAGE_BUDGET;
    } else {
        return "expected deny, allow or budget:<1 to 100>%";
    }
    return NULL;
}

const char *value_last4(struct str value)
{
    return value.len == 4 && is_made_of(value, "") ? NULL : "expected four of [0-9A-Za-z]";
}

const char *value_text(struct str value)
{
    if (value.len > RECORD_TEXT_BYTES_MAX) {
        return "more than 256 bytes";
    }
    if (!enc_is_utf8(value)) {
        return "not UTF-8";
    }
    return enc_has_control(value) ? "a control character" : NULL;
}

/* The items of a list, none empty. */
static const char *list_cut(struct str value, struct str *items, size_t max, size_t *count)
{
    struct str item;

    *count = 0;
    while (str_cut(&value, ',', &item)) {
        if (item.len == 0) {
            return "an item is empty";
        }
        if (*count == max) {
            return "too many items";
        }
        items[(*count)++] = item;
    }
    return NULL;
}

static struct str unmarked(struct str name, bool may_lift)
{
    return may_lift && str_starts_with(name, STR("!")) ? str_skip(name, 1) : name;
}

const char *value_names(struct str value, bool may_lift, struct str *items, size_t max,
                        size_t *count)
{
    const char *fault = value.len > 0 ? list_cut(value, items, max, count) : NULL;

    if (value.len == 0) {
        *count = 0;
    }
    for (size_t i = 0; !fault && i < *count; i++) {
        struct str name = unmarked(items[i], may_lift);
        if (!str_is_name(name)) {
            return "an item is not a name, 1 to 64 of [A-Za-z0-9._@-]";
        }
        for (size_t j = 0; j < i; j++) {
            if (str_equal(unmarked(items[j], may_lift), name)) {
                return "an item stands twice";
            }
        }
    }
    return fault;
}

const char *value_prefixes(struct str value, struct ip_prefix items[RECORD_PREFIXES_MAX],
                           size_t *count)
{
    struct str texts[RECORD_PREFIXES_MAX];
    const char *fault = list_cut(value, texts, RECORD_PREFIXES_MAX, count);

    for (size_t i = 0; !fault && i < *count; i++) {
        if (!ip_prefix_parse(texts[i], &items[i])) {
            return "an item is not an address or prefix, or has bits beyond its length";
        }
        for (size_t j = 0; j < i; j++) {
            if (str_equal(texts[j], texts[i])) {
                return "an item stands twice";
            }
        }
    }
    return fault;
}
