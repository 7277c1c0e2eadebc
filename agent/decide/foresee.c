#include "agent/decide/foresee.h"

#include "agent/directory/foresight.h"

/* The API key that is likely offered; absent: none is seen. */
static struct str likely_key(const struct request *request)
{
    struct str text = request->apikey;

    if (str_is_absent(text) && request->authorization.len > APIKEY_LENGTH) {
        text = str_skip(request->authorization, request->authorization.len - APIKEY_LENGTH);
    }
    return text.len == APIKEY_LENGTH ? text : STR_ABSENT;
}

void foresee(const struct decide_context *context, const struct request *const *requests,
             size_t count)
{
    struct foresight foresights[FORESEE_MAX];
    size_t begun = 0;

    for (size_t i = 0; i < count && i < FORESEE_MAX; i++) {
        struct str text = likely_key(requests[i]);
        if (!str_is_absent(text)) {
            foresight_begin(&foresights[begun++], context->directory, RECORD_KEY, apikey_id(text));
        }
    }
    for (int step = 0; step < FORESIGHT_STEPS; step++) {
        for (size_t i = 0; i < begun; i++) {
            foresight_go_on(&foresights[i], context->directory);
        }
    }
}
