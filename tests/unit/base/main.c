#include <stdlib.h>

#include "tests/support/forge.h"
#include "tests/unit/base/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(str_suite());

    forge_make_keys();
    srunner_add_suite(runner, crypto_suite());
    srunner_add_suite(runner, dn_suite());
    srunner_add_suite(runner, enc_suite());
    srunner_add_suite(runner, ip_suite());
    srunner_add_suite(runner, json_suite());
    srunner_add_suite(runner, log_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_add_suite(runner, phc_suite());
    srunner_add_suite(runner, reason_suite());
    srunner_add_suite(runner, signature_suite());
    srunner_add_suite(runner, sums_suite());
    srunner_add_suite(runner, thread_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
