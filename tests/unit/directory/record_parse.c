#include "tests/unit/directory/record_parse.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct record *parse(enum record_kind kind, const char *const (*pairs)[2], size_t count)
{
    struct store_field fields[16] = {{.name = STR_ABSENT}};
    char *copies[16][2];
    struct record *record = NULL;
    struct diag diag;

    ck_assert_uint_le(count, 16);
    for (size_t i = 0; i < count; i++) {
        copies[i][0] = strdup(pairs[i][0]);
        copies[i][1] = strdup(pairs[i][1]);
        fields[i] = (struct store_field){str_from_c(copies[i][0]), str_from_c(copies[i][1])};
    }
    ck_assert_msg(record_parse(kind, KEY, fields, count, &record, &diag) == ERR_OK, "%s",
                  diag.text);
    for (size_t i = 0; i < count; i++) {
        memset(copies[i][1], '#', strlen(copies[i][1]));
        free(copies[i][0]);
        free(copies[i][1]);
    }
    ck_assert_int_eq(record->kind, kind);
    ck_assert_uint_gt(record->bytes, offsetof(struct record, key));
    return record;
}
