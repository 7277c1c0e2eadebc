#include <stdlib.h>

#include "tests/unit/request/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(request_suite());

    srunner_add_suite(runner, request_values_suite());
    srunner_add_suite(runner, host_suite());
    srunner_add_suite(runner, offer_suite());
    srunner_add_suite(runner, path_suite());
    srunner_add_suite(runner, path_property_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
