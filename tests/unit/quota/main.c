#include <stdlib.h>

#include "tests/unit/quota/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(date_suite());

    srunner_add_suite(runner, terms_suite());
    srunner_add_suite(runner, policy_suite());
    srunner_add_suite(runner, lease_suite());
    srunner_add_suite(runner, leases_suite());
    srunner_add_suite(runner, outage_suite());
    srunner_add_suite(runner, call_suite());
    srunner_add_suite(runner, check_suite());
    srunner_add_suite(runner, queue_suite());
    srunner_add_suite(runner, units_suite());
    srunner_add_suite(runner, faults_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_add_suite(runner, fleet_suite());
    srunner_add_suite(runner, window_suite());
    srunner_add_suite(runner, window_libc_suite());
    srunner_add_suite(runner, zone_suite());
    srunner_add_suite(runner, zone_file_suite());
    srunner_add_suite(runner, zone_hostile_suite());
    srunner_add_suite(runner, zone_rule_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
