#include "agent/decide/record.h"

void decide_record(const struct request *request, const struct decision *decision,
                   struct now arrival, struct now now, struct audit_record *out)
{
    const struct verdict *verdict = &decision->verdict;

    *out = (struct audit_record){
        .wall_us = now.wall_us,
        .mono_us = now.mono_us,
        .duration_us = now.mono_us - arrival.mono_us,
        .rid = request->rid,
        .gate = decision->gate ? decision->gate->name : STR_ABSENT,
        .frontend = request->frontend,
        .source = request->source,
        .is_tls = request->is_tls,
        .host = decision->host,
        .method = request->method,
        .path = decision->path,
        .path_is_raw = decision->path_is_raw,
        .user = verdict->user,
        .team = verdict->team,
        .credential = decision->credential,
        .roles = verdict->roles,
        .verdict = verdict_text(verdict->kind),
        .status = verdict_status(verdict),
        .reason = verdict->reason,
        .rule = verdict->rule,
        .limits = decision->limits,
        .limit = verdict->limit,
        .shadow = verdict->shadow,
        .fault = str_from_c(verdict->fault),
        .data = now.mono_us == arrival.mono_us ? STR("cache") : STR("store"),
    };
}
