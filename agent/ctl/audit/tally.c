#include "agent/ctl/audit/tally.h"

static void tally_init(struct tally *tally, struct heap *heap)
{
    map_init(&tally->reasons, heap, sizeof(struct tally_use));
    map_init(&tally->limits, heap, sizeof(struct tally_use));
    map_init(&tally->credentials, heap, sizeof(struct tally_use));
    map_init(&tally->sources, heap, sizeof(struct tally_use));
}

void tallies_init(struct tallies *tallies, struct heap *heap)
{
    *tallies = (struct tallies){.heap = heap};
    tally_init(&tallies->all, heap);
    map_init(&tallies->users, heap, sizeof(struct tally));
    map_init(&tallies->teams, heap, sizeof(struct tally));
    map_init(&tallies->rules, heap, sizeof(struct tally_use));
    map_init(&tallies->keys, heap, sizeof(struct tally_use));
}

static void use(struct tally_use *use, const struct scan *scan)
{
    use->count += scan->count;
    if (scan->first > 0 && (use->first == 0 || scan->first < use->first)) {
        use->first = scan->first;
    }
    if (scan->last > use->last) {
        use->last = scan->last;
    }
}

static void use_named(struct map *map, struct str name, const struct scan *scan)
{
    if (name.len > 0) {
        use(map_get(map, name), scan);
    }
}

/* Without what tells one token or one of a key's two hashes from another. */
static struct str credential_of(struct str credential)
{
    const char *mark = memchr(credential.ptr, '#', credential.len);
    size_t colons = 0;

    if (mark) {
        return str_make(credential.ptr, (size_t)(mark - credential.ptr));
    }
    for (size_t i = 0; i < credential.len; i++) {
        if (credential.ptr[i] == ':' && ++colons == 2) {
            return str_make(credential.ptr, i);
        }
    }
    return credential;
}

static void add_source(struct tally *tally, const struct scan *scan)
{
    struct str source = scan->values[AUDIT_FIELD_SOURCE];

    struct tally_use *known = map_find(&tally->sources, source);

    if (known) {
        use(known, scan);
    } else if (tally->sources.count < TALLY_SOURCES_MAX) {
        use_named(&tally->sources, source, scan);
    } else {
        tally->more_sources += scan->count;
    }
}

static void add_verdict(struct tally *tally, const struct scan *scan)
{
    struct str verdict = scan->values[AUDIT_FIELD_VERDICT];
    bool is_ok = str_equal(scan->values[AUDIT_FIELD_REASON], STR("ok"));

    if (str_equal(verdict, STR("allow"))) {
        tally->allow += scan->count;
        tally->observed += is_ok ? 0 : scan->count;
    } else if (str_equal(verdict, STR("throttle"))) {
        tally->throttle += scan->count;
    } else {
        tally->deny += scan->count;
    }
}

static void tally_add(struct tally *tally, const struct scan *scan, struct str credential)
{
    use(&tally->use, scan);
    add_verdict(tally, scan);
    use_named(&tally->reasons, scan->values[AUDIT_FIELD_REASON], scan);
    use_named(&tally->limits, scan->values[AUDIT_FIELD_LIMIT], scan);
    use_named(&tally->credentials, credential, scan);
    add_source(tally, scan);
}

static struct tally *tally_of(struct tallies *tallies, struct map *map, struct str name)
{
    struct tally *tally = map_get(map, name);

    if (!tally->reasons.heap) {
        tally_init(tally, tallies->heap);
    }
    return tally;
}

void tallies_add(struct tallies *tallies, const struct scan *scan)
{
    const struct str key = STR("key:");
    struct str team = scan->values[AUDIT_FIELD_TEAM];
    struct str credential = scan->values[AUDIT_FIELD_CREDENTIAL];

    credential = credential.len > 0 ? credential_of(credential) : credential;
    use(&tallies->all.use, scan);
    add_verdict(&tallies->all, scan);
    use_named(&tallies->all.reasons, scan->values[AUDIT_FIELD_REASON], scan);
    struct str name = scan->values[AUDIT_FIELD_USER];
    struct tally *user = tally_of(tallies, &tallies->users, name.len > 0 ? name : STR(""));
    tally_add(user, scan, credential);
    if (team.len > 0) {
        if (!str_equal(user->team, team)) {
            user->team = heap_copy(tallies->heap, team);
        }
        tally_add(tally_of(tallies, &tallies->teams, team), scan, credential);
    }
    use_named(&tallies->rules, scan->values[AUDIT_FIELD_RULE], scan);
    if (str_starts_with(credential, key)) {
        use_named(&tallies->keys, str_skip(credential, key.len), scan);
    }
}
