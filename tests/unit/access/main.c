#include <stdlib.h>

#include "tests/unit/access/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(rule_suite());

    srunner_add_suite(runner, match_suite());
    srunner_add_suite(runner, rank_suite());
    srunner_add_suite(runner, bounds_suite());
    srunner_add_suite(runner, random_suite());
    srunner_add_suite(runner, why_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
