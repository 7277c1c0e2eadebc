#include <stdlib.h>

#include "tests/support/forge.h"
#include "tests/unit/jose/suites.h"

int main(void)
{
    SRunner *runner = srunner_create(vectors_suite());

    forge_make_keys();
    srunner_add_suite(runner, form_suite());
    srunner_add_suite(runner, header_suite());
    srunner_add_suite(runner, signatures_suite());
    srunner_add_suite(runner, keys_suite());
    srunner_add_suite(runner, claims_suite());
    srunner_add_suite(runner, libjwt_suite());
    srunner_add_suite(runner, memory_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
