#include <signal.h>
#include <stdlib.h>

#include "agent/base/crypto.h"
#include "agent/base/ensure.h"
#include "agent/base/log.h"
#include "tests/unit/store/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(error_suite());

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_ERROR);
    ensure(crypto_start() == ERR_OK);
    srunner_add_suite(runner, reply_suite());
    srunner_add_suite(runner, greeting_suite());
    srunner_add_suite(runner, commands_suite());
    srunner_add_suite(runner, queue_suite());
    srunner_add_suite(runner, script_suite());
    srunner_add_suite(runner, sync_suite());
    srunner_add_suite(runner, eviction_suite());
    srunner_add_suite(runner, tracking_suite());
    srunner_add_suite(runner, fake_script_suite());
    srunner_add_suite(runner, bounds_suite());
    srunner_add_suite(runner, deadline_suite());
    srunner_add_suite(runner, loss_suite());
    srunner_add_suite(runner, outage_suite());
    srunner_add_suite(runner, resolve_suite());
    srunner_add_suite(runner, endpoint_suite());
    srunner_add_suite(runner, sentinels_suite());
    srunner_add_suite(runner, failover_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    crypto_stop();
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
