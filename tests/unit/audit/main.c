#include <stdlib.h>

#include "tests/unit/audit/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(entry_suite());

    srunner_add_suite(runner, line_suite());
    srunner_add_suite(runner, ring_suite());
    srunner_add_suite(runner, spool_suite());
    srunner_add_suite(runner, batch_suite());
    srunner_add_suite(runner, writer_suite());
    srunner_add_suite(runner, recover_suite());
    srunner_add_suite(runner, segments_suite());
    srunner_add_suite(runner, keys_suite());
    srunner_add_suite(runner, tampering_suite());
    srunner_add_suite(runner, mutation_suite());
    srunner_add_suite(runner, forgery_suite());
    srunner_add_suite(runner, signatures_suite());
    srunner_add_suite(runner, key_memory_suite());
    srunner_add_suite(runner, sync_suite());
    srunner_add_suite(runner, syncer_suite());
    srunner_add_suite(runner, disorder_suite());
    srunner_add_suite(runner, follow_suite());
    srunner_add_suite(runner, outlet_suite());
    srunner_add_suite(runner, sink_suite());
    srunner_add_suite(runner, syslog_suite());
    srunner_add_suite(runner, remover_suite());
    srunner_add_suite(runner, unlink_suite());
    srunner_add_suite(runner, kill_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
