/* reeved as it would be without an audit, to measure what the audit costs: linked with --wrap. */
#include "agent/audit/spool.h"

enum spool_result __wrap_spool_append(struct spool *spool, const struct audit_record *record);

enum spool_result __wrap_spool_append(struct spool *spool, const struct audit_record *record)
{
    (void)spool;
    (void)record;
    return SPOOL_RECORDED;
}
