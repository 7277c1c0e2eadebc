#include "agent/ctl/explain/replay.h"

#include "agent/base/enc.h"
#include "agent/ctl/audit/files.h"
#include "agent/ctl/command.h"
#include "agent/ctl/json_out.h"

#define SEQUENCE_MAX UINT64_MAX

/* ---- the record ---- */

struct wanted {
    const char *boot;
    int64_t worker;
    uint64_t sequence;
};

static bool is_wanted(const struct wanted *wanted, const struct scan *scan)
{
    uint64_t sequence, worker;

    return str_to_uint64(scan->sequence, SEQUENCE_MAX, &sequence) && sequence == wanted->sequence &&
           (!wanted->boot || str_starts_with(scan->boot, str_from_c(wanted->boot))) &&
           (wanted->worker < 0 || (str_to_uint64(scan->worker, UINT16_MAX, &worker) &&
                                   (int64_t)worker == wanted->worker));
}

static bool is_same_record(const struct scan *a, const struct scan *b)
{
    return str_equal(a->boot, b->boot) && str_equal(a->worker, b->worker);
}

/* The first record that is meant, and whether another one is, too. */
static size_t search(struct files *files, const struct wanted *wanted, struct heap *heap,
                     struct scan *out)
{
    struct scan_shape shape = {{0}};
    struct files_line line;
    struct scan scan;
    size_t found = 0;

    while (files_next(files, &line) == FILES_LINE) {
        if (scan_line(&shape, line.text, &scan) != SCAN_RECORD || !is_wanted(wanted, &scan)) {
            continue;
        }
        if (found == 0) {
            (void)scan_line(&shape, heap_copy(heap, line.text), out);
            found = 1;
        } else if (!is_same_record(&scan, out)) {
            found = 2;
        }
    }
    return found;
}

static bool find(struct replay *replay, const struct question *question, struct heap *heap)
{
    const char *colon = strrchr(question->record, ':');
    struct wanted wanted = {.boot = question->boot, .worker = question->worker};

    if (!colon || colon == question->record ||
        !str_to_uint64(str_from_c(colon + 1), SEQUENCE_MAX, &wanted.sequence)) {
        command_fail("explain: --record: expected FILE:SEQUENCE");
        return false;
    }
    struct str path =
        heap_copy(heap, str_make(question->record, (size_t)(colon - question->record)));
    struct files *files = files_of(heap, (char *[]){(char *)(uintptr_t)path.ptr}, 1);
    size_t found = search(files, &wanted, heap, &replay->then);
    files_free(files);
    if (found != 1) {
        command_fail("explain: %s: %s", question->record,
                     found == 0 ? "no such record"
                                : "several records: say which by --boot and --worker");
    }
    return found == 1;
}

/* ---- as a question ---- */

static void note(struct replay *replay, const char *text)
{
    if (replay->note_count < REPLAY_NOTES_MAX) {
        replay->notes[replay->note_count++] = text;
    }
}

static struct str value(const struct replay *replay, enum audit_field field, struct heap *heap)
{
    struct str raw = replay->then.values[field];

    return str_is_absent(raw) ? raw : scan_unescape(raw, heap_take(heap, raw.len + 1));
}

static void set_request(struct replay *replay, struct question *question, struct heap *heap)
{
    struct request *request = &question->request;
    struct ip_prefix source;

    request->method = value(replay, AUDIT_FIELD_METHOD, heap);
    request->host = value(replay, AUDIT_FIELD_HOST, heap);
    request->host_count = str_is_absent(request->host) ? -1 : 1;
    request->path = value(replay, AUDIT_FIELD_PATH, heap);
    request->source = (struct ip){0};
    request->is_tls = str_equal(value(replay, AUDIT_FIELD_TLS, heap), STR("true"));
    if (ip_prefix_parse(value(replay, AUDIT_FIELD_SOURCE, heap), &source)) {
        request->source = source.base;
        if (source.bits < 8 * source.base.length) {
            note(replay, "the source's address was cut");
        }
    } else {
        note(replay, "the source's address is not in the record as it was");
    }
    if (str_is_absent(question->gate)) {
        question->gate = value(replay, AUDIT_FIELD_FRONTEND, heap);
    }
    if (str_is_absent(question->gate)) {
        question->gate = value(replay, AUDIT_FIELD_GATE, heap);
    }
    request_check(request);
}

static const struct jwt_policy *find_issuer(const struct config *config, struct str name)
{
    for (size_t i = 0; i < config->issuer_count; i++) {
        if (str_equal(config->issuers[i].name, name)) {
            return &config->issuers[i];
        }
    }
    return NULL;
}

/* Good by itself: what it said is what the record has. */
static void set_token(struct replay *replay, const struct jwt_policy *policy, struct str revocation,
                      struct heap *heap)
{
    struct token *token = &replay->token;
    struct str roles = value(replay, AUDIT_FIELD_ROLES, heap), role;

    token->identity.policy = policy;
    token->identity.user = value(replay, AUDIT_FIELD_USER, heap);
    token->identity.team = value(replay, AUDIT_FIELD_TEAM, heap);
    token->identity.narrows_roles = policy->roles_claim.len > 0;
    token->identity.issued_at_s = INT64_MAX; /* not known: no tokens_not_before ends it */
    token->revocation = revocation;
    token->seen = &replay->seen;
    while (roles.len > 0 && token->role_count < JWT_ROLES_MAX && str_cut(&roles, ',', &role)) {
        token->roles[token->role_count++] = role;
    }
    note(replay, "a token's roles are those of the record; tokens_not_before is not looked at");
}

/* A section narrows certificates at this gate. */
static bool may_narrow(const struct config *config, struct str gate)
{
    for (size_t i = 0; i < config->certificates_count; i++) {
        const struct cert_policy *policy = &config->certificates[i];

        if (policy->roles.count > 0 && str_list_has(&policy->gates, gate)) {
            return true;
        }
    }
    return false;
}

/* Its record in the store counts as it is now; without one, its names said who and which roles. */
static void set_cert(struct replay *replay, struct question *question, const struct config *config,
                     struct str fingerprint, struct heap *heap)
{
    struct str roles = value(replay, AUDIT_FIELD_ROLES, heap), role;
    struct str_list *list = &replay->narrowing.roles;

    question->caller = (struct explain_caller){
        .kind = EXPLAIN_CERT,
        .name = fingerprint,
        .identity = {.user = value(replay, AUDIT_FIELD_USER, heap)},
    };
    while (roles.len > 0 && str_cut(&roles, ',', &role)) {
        list->items = heap_grow(heap, list->items, list->count, sizeof(*list->items));
        list->items[list->count++] = role;
    }
    if (list->count > 0 && may_narrow(config, value(replay, AUDIT_FIELD_GATE, heap))) {
        question->caller.identity.policy = &replay->narrowing;
    }
    note(replay, "where the certificate has no record, its user and roles are those of this one");
}

static void set_password(struct replay *replay, struct question *question, struct heap *heap)
{
    question->caller = (struct explain_caller){.kind = EXPLAIN_PASSWORD,
                                               .name = value(replay, AUDIT_FIELD_USER, heap)};
}

static void set_user(struct replay *replay, struct question *question, struct heap *heap)
{
    question->caller = (struct explain_caller){.kind = EXPLAIN_USER,
                                               .name = value(replay, AUDIT_FIELD_USER, heap)};
    note(replay, "the credential is not looked at, nor what it narrows");
}

static void set_caller(struct replay *replay, struct question *question,
                       const struct config *config, struct heap *heap)
{
    struct str rest = value(replay, AUDIT_FIELD_CREDENTIAL, heap), kind, name;
    struct explain_caller *caller = &question->caller;

    *caller = (struct explain_caller){.kind = EXPLAIN_ANONYMOUS};
    if (rest.len == 0 && replay->then.values[AUDIT_FIELD_USER].len == 0) {
        if (str_equal(replay->then.values[AUDIT_FIELD_REASON], STR("bad_credential"))) {
            note(replay, "the record does not say who called: explained as who offers nothing");
        }
        return;
    }
    if (!str_cut(&rest, ':', &kind)) {
        kind = STR("");
    }
    if (str_equal(kind, STR("password"))) {
        set_password(replay, question, heap);
        return;
    }
    if (str_equal(kind, STR("cert"))) {
        set_cert(replay, question, config, rest, heap);
        return;
    }
    if (str_equal(kind, STR("key")) && str_cut(&rest, '#', &name)) {
        *caller = (struct explain_caller){.kind = EXPLAIN_KEY, .name = name};
        return;
    }
    const struct jwt_policy *policy = NULL;
    if (str_equal(kind, STR("jwt")) && str_cut(&rest, ':', &name)) {
        policy = find_issuer(config, name);
    }
    if (!policy) {
        set_user(replay, question, heap);
        return;
    }
    set_token(replay, policy, rest, heap);
    *caller = (struct explain_caller){.kind = EXPLAIN_TOKEN, .token = &replay->token};
}

static void set_config(struct replay *replay, const struct config *config, struct heap *heap)
{
    replay->then_config = value(replay, AUDIT_FIELD_CONFIG, heap);
    replay->now_config = str_from_c(config->hash);
    if (str_is_absent(replay->then_config)) {
        note(replay, "the record does not say which configuration decided");
    }
}

static bool is_config_another(const struct replay *replay)
{
    return !str_is_absent(replay->then_config) &&
           !str_equal(replay->then_config, replay->now_config);
}

bool replay_find(struct replay *replay, struct question *question, const struct config *config,
                 struct heap *heap)
{
    *replay = (struct replay){0};
    if (!find(replay, question, heap)) {
        return false;
    }
    if (!str_is_absent(replay->then.values[AUDIT_FIELD_REQUESTS])) {
        command_fail("explain: %s: stands for several requests", question->record);
        return false;
    }
    set_request(replay, question, heap);
    set_caller(replay, question, config, heap);
    question->caller.has_also = true;
    set_config(replay, config, heap);
    if (replay->then.is_truncated) {
        note(replay, "a text of the record was cut");
    }
    return true;
}

/* ---- then and now ---- */

static void compare(struct replay *replay, const char *name, struct str then, struct str now)
{
    bool is_same = then.len == now.len && str_equal(then, now);

    if (!is_same && replay->difference_count < REPLAY_DIFFERENCES_MAX) {
        replay->differences[replay->difference_count++] =
            (struct replay_difference){name, then, now};
    }
}

static void note_trouble(struct replay *replay, struct heap *heap)
{
    static const char *const reasons[] = {"store_down",    "overload",          "deadline",
                                          "audit_blocked", "too_many_failures", "bad_credential"};
    struct str reason = value(replay, AUDIT_FIELD_REASON, heap);

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (str_equal(reason, str_from_c(reasons[i]))) {
            note(replay, "what decided then can not be replayed: it was no matter of policy");
        }
    }
    if (replay->then.values[AUDIT_FIELD_LIMITS].len > 0 ||
        replay->then.values[AUDIT_FIELD_LIMIT].len > 0) {
        note(replay, "limits are as they are now, not as they were then");
    }
}

void replay_compare(struct replay *replay, struct story *story)
{
    struct heap *heap = story->heap;
    const struct verdict *now = &story->verdict;
    struct str status = heap_print(heap, "%d", verdict_status(now));

    compare(replay, "verdict", value(replay, AUDIT_FIELD_VERDICT, heap), verdict_text(now->kind));
    compare(replay, "status", value(replay, AUDIT_FIELD_STATUS, heap), status);
    compare(replay, "reason", value(replay, AUDIT_FIELD_REASON, heap), reason_code(now->reason));
    compare(replay, "rule", value(replay, AUDIT_FIELD_RULE, heap), now->rule);
    compare(replay, "user", value(replay, AUDIT_FIELD_USER, heap), now->user);
    compare(replay, "team", value(replay, AUDIT_FIELD_TEAM, heap), now->team);
    compare(replay, "roles", value(replay, AUDIT_FIELD_ROLES, heap), now->roles);
    compare(replay, "limit", value(replay, AUDIT_FIELD_LIMIT, heap), now->limit);
    compare(replay, "shadow", value(replay, AUDIT_FIELD_SHADOW, heap), now->shadow);
    note_trouble(replay, heap);
}

static void put(struct str s)
{
    json_escaped(stdout, s.len > 0 ? s : STR("(none)"));
}

void replay_text(const struct replay *replay)
{
    fputs("\nrecord of ", stdout);
    put(replay->then.values[AUDIT_FIELD_TIME]);
    puts(replay->difference_count == 0 ? ": the same answer now" : ": another answer now");
    for (size_t i = 0; i < replay->difference_count; i++) {
        printf("  %-10s then ", replay->differences[i].name);
        put(replay->differences[i].then);
        fputs(", now ", stdout);
        put(replay->differences[i].now);
        putchar('\n');
    }
    if (is_config_another(replay)) {
        fputs("  config     then ", stdout);
        put(replay->then_config);
        fputs(", now ", stdout);
        put(replay->now_config);
        puts(": the configuration is another");
    }
    for (size_t i = 0; i < replay->note_count; i++) {
        printf("  note       %s\n", replay->notes[i]);
    }
}

void replay_json(const struct replay *replay, struct json_out *json)
{
    json_begin(json, "record", '{');
    json_text(json, "time", replay->then.values[AUDIT_FIELD_TIME]);
    json_bool(json, "same", replay->difference_count == 0);
    json_begin(json, "differences", '[');
    for (size_t i = 0; i < replay->difference_count; i++) {
        json_begin(json, NULL, '{');
        json_text(json, "name", str_from_c(replay->differences[i].name));
        json_text(json, "then", replay->differences[i].then);
        json_text(json, "now", replay->differences[i].now);
        json_end(json, '}');
    }
    json_end(json, ']');
    json_begin(json, "config", '{');
    json_text(json, "then", replay->then_config);
    json_text(json, "now", replay->now_config);
    json_bool(json, "same", !is_config_another(replay));
    json_end(json, '}');
    json_begin(json, "notes", '[');
    for (size_t i = 0; i < replay->note_count; i++) {
        json_text(json, NULL, str_from_c(replay->notes[i]));
    }
    json_end(json, ']');
    json_end(json, '}');
}
