#include <stdlib.h>

#include "tests/scenario/passwords/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(verdicts_suite());

    srunner_add_suite(runner, hashes_suite());
    srunner_add_suite(runner, changes_suite());
    srunner_add_suite(runner, bounds_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
