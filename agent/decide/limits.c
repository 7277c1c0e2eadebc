/*
 * Whether the limits that apply have what the request costs. Every one is checked before any is
 * spent, and what is denied costs nothing. Exact limits come last, since their units are asked for
 * by the request itself: only one that the other limits admit asks.
 *
 * A limit that does not exist, or counts by something that the caller has not, denies: what an
 * operator meant to be limited is never unlimited. Unless it is only measured, which never changes
 * a verdict.
 */
#include "agent/decide/explain.h"
#include "agent/decide/memo.h"
#include "agent/decide/ratelimit.h"
#include "agent/decide/run.h"

#define SECOND_US INT64_C(1000000)

/* Positive only, so that retries are never too early, and spread over a tenth of the wait. */
#define JITTER_SHARE 10
#define JITTER_MAX_S 30

void run_add_limit(struct run *run, struct str name, struct str role, bool is_shadow)
{
    for (size_t i = 0; i < run->limit_count; i++) {
        struct limit *limit = &run->limits[i];
        if (!str_equal(limit->name, name)) {
            continue;
        }
        if (str_equal(limit->role, role)) {
            limit->is_shadow &= is_shadow;
            return;
        }
        run->has_twin_limits = true;
    }
    if (!run->limits) {
        run->limits = arena_take_open(run->arena, RUN_LIMITS_MAX * sizeof(*run->limits));
    }
    if (!run->limits || run->limit_count == RUN_LIMITS_MAX) {
        run->has_too_many_limits = true;
        return;
    }
    run->limits[run->limit_count++] =
        (struct limit){.name = name, .role = role, .is_shadow = is_shadow};
}

static const struct limit_record *record_of(const struct limit *limit)
{
    return &limit->entry->record->limit;
}

/* The memo knows users by where their names stand. A name that no record gave may be gone, and
 * another's stand there, while directory and leases stay as they are. */
static struct memo *memo_of(const struct run *run)
{
    bool is_lasting = run->credential_entry || run->offer.kind == CREDENTIAL_NONE;

    return is_lasting ? run->context->memo : NULL;
}

static bool recall(struct run *run, struct limit *limit)
{
    const struct decide_context *context = run->context;
    const struct memo_line *line = memo_find(memo_of(run), limit->name, run->out->verdict.user,
                                             context->directory, context->quota);

    if (!line || !directory_is_current(context->directory, line->entry, run->now)) {
        return false;
    }
    limit->entry = line->entry;
    limit->lease = line->lease;
    limit->is_exact = line->is_exact;
    quota_keep(limit->lease, run->now);
    return true;
}

/* What a limit that is only measured would have said; the first to say something is told. */
static void tell_shadow(struct run *run, enum verdict_kind kind, enum reason reason,
                        struct str name)
{
    struct verdict *verdict = &run->out->verdict;
    struct str parts[] = {verdict_text(kind), STR(":"), reason_code(reason), STR(":"), name};

    if (verdict->shadow.len == 0) {
        verdict->shadow = run_join(run, parts, 5);
    }
}

/* The i-th limit can not be counted. One that is only measured is told and left out. */
static enum step_result reject(struct run *run, size_t i, const char *fault)
{
    struct limit limit = run->limits[i];

    if (!limit.is_shadow) {
        run->out->verdict.limit = limit.name;
        return run_deny(run, REASON_BAD_RECORD, fault);
    }
    tell_shadow(run, VERDICT_DENY, REASON_BAD_RECORD, limit.name);
    run->limits[i] = run->limits[--run->limit_count];
    return STEP_NEXT;
}

static enum step_result get_record(struct run *run, struct limit *limit)
{
    if (recall(run, limit)) {
        return STEP_NEXT;
    }
    enum step_result result = run_get(run, RECORD_LIMIT, limit->name, &limit->entry);
    if (result == STEP_NEXT && limit->entry) {
        limit->is_exact = quota_is_exact(record_of(limit));
    }
    return result;
}

/* Of limits by the same name only one stays, but for those that count roles: each role has its own
 * counter. */
static void join_twins(struct run *run)
{
    for (size_t i = run->limit_count; i-- > 1;) {
        const struct limit *twin = &run->limits[i];
        size_t first = 0;

        while (!str_equal(run->limits[first].name, twin->name)) {
            first++;
        }
        if (first < i && record_of(twin)->scope != LIMIT_SCOPE_ROLE) {
            run->limits[first].is_shadow &= twin->is_shadow;
            run->limits[i] = run->limits[--run->limit_count];
        }
    }
}

static enum step_result get_records(struct run *run)
{
    enum step_result result = STEP_NEXT;

    for (size_t i = run->limit_count; i > 0 && result == STEP_NEXT; i--) {
        struct limit *limit = &run->limits[i - 1];

        result = get_record(run, limit);
        if (result == STEP_NEXT && limit->entry) {
            limit->is_shadow |= record_of(limit)->is_shadow;
        } else if (result == STEP_NEXT) {
            result = reject(run, i - 1, "a limit that does not exist");
        }
    }
    if (result == STEP_NEXT && run->has_twin_limits) {
        join_twins(run);
    }
    return result;
}

static void remember(struct run *run, const struct limit *limit, const struct quota_claim *claim)
{
    const struct decide_context *context = run->context;

    if (limit->lease || !claim->lease || claim->limit->scope == LIMIT_SCOPE_SOURCE) {
        return;
    }
    const struct memo_line line = {
        .name = limit->name.ptr,
        .user = run->out->verdict.user.ptr,
        .directory_generation = directory_generation(context->directory),
        .quota_generation = quota_generation(context->quota),
        .entry = limit->entry,
        .lease = claim->lease,
        .is_exact = limit->is_exact,
    };
    memo_keep(memo_of(run), &line);
}

static struct str source_text(const struct ip *source, char out[IP_TEXT_MAX])
{
    struct ip counted = *source;

    if (counted.length == 16) {
        memset(counted.bytes + 8, 0, 8);
    }
    return str_make(out, ip_print(&counted, out));
}

/* Who is counted, as in the counter's key; absent: the caller has no such thing. */
static struct str subject_of(struct run *run, const struct limit *limit)
{
    char address[IP_TEXT_MAX];
    struct str scope, id;

    switch (record_of(limit)->scope) {
    case LIMIT_SCOPE_USER:
        scope = STR("user:");
        id = run->out->verdict.user;
        break;
    case LIMIT_SCOPE_KEY:
        scope = STR("key:");
        id = run->keyid;
        break;
    case LIMIT_SCOPE_TEAM:
        scope = STR("team:");
        id = run->out->verdict.team;
        break;
    case LIMIT_SCOPE_ROLE:
        scope = STR("role:");
        id = limit->role;
        break;
    case LIMIT_SCOPE_SOURCE:
        id = source_text(&run->request->source, address);
        return run_join(run, (struct str[]){STR("source:"), id}, id.len > 0 ? 2 : 0);
    default:
        return STR("global:all");
    }
    char *out = id.len > 0 ? arena_take(run->arena, QUOTA_SUBJECT_BYTES_MAX) : NULL;
    if (!out) {
        return STR_ABSENT;
    }
    memcpy(out, scope.ptr, scope.len);
    size_t length = record_key_name(id, out + scope.len, QUOTA_SUBJECT_BYTES_MAX - scope.len);
    return length > 0 ? str_make(out, scope.len + length) : STR_ABSENT;
}

static enum step_result get_subjects(struct run *run)
{
    enum step_result result = STEP_NEXT;

    for (size_t i = run->limit_count; i > 0 && result == STEP_NEXT; i--) {
        struct limit *limit = &run->limits[i - 1];

        limit->subject = limit->lease ? STR_ABSENT : subject_of(run, limit);
        if (!limit->lease && limit->subject.len == 0) {
            result = reject(run, i - 1, "a limit counts by what the caller has not");
        }
    }
    return result;
}

static void set_claims(struct run *run, struct quota_claim *claims)
{
    for (size_t i = 0; i < run->limit_count; i++) {
        const struct limit *limit = &run->limits[i];

        claims[i] = (struct quota_claim){
            .name = limit->name,
            .limit = record_of(limit),
            .subject = limit->subject,
            .cost = run->cost,
            .lease = limit->lease,
        };
    }
}

static int64_t retry_after_s(const struct run *run, const struct quota_claim *claim)
{
    int64_t wait_s = (claim->wait_us + SECOND_US - 1) / SECOND_US;
    int64_t spread = wait_s / JITTER_SHARE + 1;
    uint64_t dice = (uint64_t)run->now.mono_us * UINT64_C(0x9e3779b97f4a7c15) >> 33;

    spread = spread < JITTER_MAX_S ? spread : JITTER_MAX_S;
    return (wait_s > 1 ? wait_s : 1) + (int64_t)(dice % (uint64_t)(spread + 1));
}

static enum reason refusal_reason(const struct quota_claim *claim)
{
    switch (claim->answer) {
    case QUOTA_EXHAUSTED:
        return claim->limit->kind == LIMIT_RATE ? REASON_RATE : REASON_QUOTA;
    case QUOTA_COST:
        return REASON_COST;
    case QUOTA_DOWN:
        return REASON_STORE_DOWN;
    case QUOTA_BAD:
        return REASON_BAD_RECORD;
    default:
        return REASON_OVERLOAD;
    }
}

static enum step_result refuse(struct run *run, const struct quota_claim *claim)
{
    enum reason reason = refusal_reason(claim);

    if (claim->answer == QUOTA_EXHAUSTED) {
        return run_throttle(run, reason, claim->name, retry_after_s(run, claim));
    }
    run->out->verdict.limit = claim->name;
    return run_deny(run, reason, claim->answer == QUOTA_BAD ? "a counter does not parse" : NULL);
}

static enum step_result check(struct run *run, const struct limit *limit, struct quota_claim *claim)
{
    enum quota_answer answer = quota_check(run->context->quota, claim, run->now, run->waiter);

    remember(run, limit, claim);
    switch (answer) {
    case QUOTA_ENOUGH:
        return STEP_NEXT;
    case QUOTA_PENDING:
        return STEP_WAIT;
    default:
        break;
    }
    if (limit->is_shadow) {
        tell_shadow(run, claim->answer == QUOTA_EXHAUSTED ? VERDICT_THROTTLE : VERDICT_DENY,
                    refusal_reason(claim), claim->name);
        return STEP_NEXT;
    }
    return refuse(run, claim);
}

static enum step_result check_all(struct run *run, struct quota_claim *claims)
{
    for (int exact = 0; exact <= 1; exact++) {
        for (size_t i = 0; i < run->limit_count; i++) {
            if (run->limits[i].is_exact != (exact == 1)) {
                continue;
            }
            enum step_result result = check(run, &run->limits[i], &claims[i]);
            if (result != STEP_NEXT) {
                return result;
            }
        }
    }
    return STEP_NEXT;
}

static void trace_limits(const struct run *run, const struct quota_claim *claims)
{
    for (size_t i = 0; i < run->limit_count; i++) {
        run->trace->limit(run->trace, &claims[i], run->limits[i].is_shadow);
    }
}

/* The claims that were met come first then; those of shadow limits may not be. */
static void spend(struct run *run, struct quota_claim *claims)
{
    size_t count = 0;

    for (size_t i = 0; i < run->limit_count; i++) {
        if (claims[i].answer != QUOTA_ENOUGH) {
            continue;
        }
        if (i != count) {
            struct quota_claim met = claims[i];
            claims[i] = claims[count];
            claims[count] = met;
        }
        count++;
    }
    quota_spend(run->context->quota, claims, count, run->now);
    run->out->spent = claims;
    run->out->spent_count = count;
}

enum step_result step_limits(struct run *run)
{
    if (run->has_too_many_limits) {
        return run_deny(run, REASON_BAD_RECORD, "more limits than a request may have");
    }
    enum step_result result = get_records(run);
    if (result == STEP_NEXT) {
        result = get_subjects(run);
    }
    if (result != STEP_NEXT) {
        return result;
    }
    if (run->limit_count == 0) {
        return run_allow(run);
    }
    struct quota_claim *claims =
        arena_take_open(run->arena, run->limit_count * sizeof(struct quota_claim));
    if (!claims) {
        return run_deny(run, REASON_OVERLOAD, "arena");
    }
    set_claims(run, claims);
    result = check_all(run, claims);
    if (result == STEP_WAIT) {
        return result;
    }
    if (run->trace) {
        trace_limits(run, claims);
    }
    if (result == STEP_NEXT) {
        spend(run, claims);
        result = run_allow(run);
    }
    ratelimit_tell(run, claims);
    return result;
}
