#include <stdlib.h>

#include "tests/unit/shield/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(count_suite());

    srunner_add_suite(runner, table_suite());
    srunner_add_suite(runner, attempts_suite());
    srunner_add_suite(runner, share_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
