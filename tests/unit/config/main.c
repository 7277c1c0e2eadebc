#include <stdlib.h>

#include "tests/unit/config/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(value_suite());

    srunner_add_suite(runner, address_suite());
    srunner_add_suite(runner, pepper_suite());
    srunner_add_suite(runner, secret_suite());
    srunner_add_suite(runner, settings_suite());
    srunner_add_suite(runner, certificates_suite());
    srunner_add_suite(runner, gates_suite());
    srunner_add_suite(runner, issuers_suite());
    srunner_add_suite(runner, sinks_suite());
    srunner_add_suite(runner, syntax_suite());
    srunner_add_suite(runner, load_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
