#include <stdlib.h>

#include "tests/unit/directory/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(freshness_suite());

    srunner_add_suite(runner, bounds_suite());
    srunner_add_suite(runner, follow_suite());
    srunner_add_suite(runner, invalidation_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_add_suite(runner, outage_suite());
    srunner_add_suite(runner, parts_suite());
    srunner_add_suite(runner, record_key_suite());
    srunner_add_suite(runner, record_values_suite());
    srunner_add_suite(runner, record_told_suite());
    srunner_add_suite(runner, record_corpus_suite());
    srunner_add_suite(runner, waiting_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
