#include "tests/unit/audit/running.h"

#include "tests/unit/audit/lives.h"

struct audit_writer *writer;
struct spool *spool;

static int saved_log;

void start_writer(struct audit_writer_settings settings, size_t ring_bytes)
{
    struct spool_identity who = identity(++boot, 0);
    struct diag diag = {0};

    settings.is_durable = true;
    saved_log = silence_log();
    ck_assert_msg(audit_writer_open(&settings, &writer, &diag) == ERR_OK, "%s", diag.text);
    ck_assert_msg(spool_create(fixture.spool_dir, &who, ring_bytes, &spool, &diag) == ERR_OK, "%s",
                  diag.text);
    ck_assert_int_eq(audit_writer_add(writer, spool), ERR_OK);
    ck_assert_int_eq(audit_writer_start(writer), ERR_OK);
}

void end_writer(void)
{
    audit_writer_close(writer, CLOSE_US);
    spool_close(spool);
    restore_log(saved_log);
}

struct audit_writer_settings small_segments(void)
{
    struct audit_writer_settings settings = settings_of(&fixture);

    settings.segment_bytes = 1;
    return settings;
}

bool has_room(void)
{
    struct spool_counters now;

    spool_counters(spool, &now);
    return now.used_bytes < now.capacity_bytes / 2;
}
