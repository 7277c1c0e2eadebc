/* A user by its name and password (RFC 7617). */
#include "agent/base/enc.h"
#include "agent/base/phc.h"
#include "agent/decide/run.h"

/* The first colon ends the name. What no record can have costs no hash. */
static bool read_pair(struct str pair, struct str *name, struct str *password)
{
    *password = pair;
    return str_cut(password, ':', name) && name->len > 0 && name->len <= PASSWORDS_NAME_BYTES_MAX &&
           enc_is_utf8(*name) && !enc_has_control(*name) && !phc_password_fault(*password);
}

static struct str hash_of(const struct directory_entry *entry)
{
    return entry ? record_str(&entry->record->user.password) : STR_ABSENT;
}

/* A user that is not there goes the same way as a wrong password, and takes as long. */
static enum step_result verify(struct run *run, const struct password_question *question)
{
    struct verdict *verdict = &run->out->verdict;

    switch (passwords_verify(run->context->passwords, question, run->now, run->waiter)) {
    case PASSWORD_RIGHT:
        run_clear(run);
        run->out->credential = verdict->credential = STR("password");
        verdict->user = question->name;
        return STEP_NEXT;
    case PASSWORD_PENDING:
        return STEP_WAIT_SLOW;
    case PASSWORD_BUSY:
        return run_deny(run, REASON_OVERLOAD, "too many passwords to verify");
    case PASSWORD_WRONG:
        break;
    }
    return run_deny(run, REASON_BAD_CREDENTIAL,
                    str_is_absent(question->hash) ? "no such user, or it has no password"
                                                  : "wrong password");
}

enum step_result step_password(struct run *run)
{
    struct directory_entry *entry;
    struct str name, password;

    if (run->offer.kind != CREDENTIAL_BASIC) {
        return STEP_NEXT;
    }
    bool is_pair = read_pair(run->offer.text, &name, &password);
    run_attempt(run, CREDENTIAL_BASIC, is_pair ? name : run->offer.text);
    /* Before what is remembered, too: guesses must not find the right password there. */
    if (run_shield(run) == STEP_END) {
        return STEP_END;
    }
    if (!is_pair) {
        return run_deny(run, REASON_BAD_CREDENTIAL, "malformed name or password");
    }
    if (!run->context->passwords) {
        return run_deny(run, REASON_OVERLOAD, "no passwords are verified here");
    }
    enum step_result result = run_get(run, RECORD_USER, name, &entry);
    if (result != STEP_NEXT) {
        return result;
    }
    int64_t patience_us = config_patience_us(run->context->config, true);
    const struct password_question question = {.name = name,
                                               .password = password,
                                               .hash = hash_of(entry),
                                               .source = run_source(run),
                                               .late_us = run->now.mono_us + patience_us};
    return verify(run, &question);
}
