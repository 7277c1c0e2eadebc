/*
 * Aims at path_canonicalise().
 *
 * The first byte of the input holds the relaxations, the rest is the raw path. Whatever comes:
 *  - the slow reference decides the same and finds the same form;
 *  - what is accepted keeps the promises of path.h, and is its own canonical form;
 *  - what strict gates accept every relaxed gate accepts, in the same form;
 *  - nothing is written behind raw.len bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/base/ensure.h"
#include "agent/request/path.h"
#include "tests/unit/request/path_reference.h"

#define RELAX_ALL 15u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory to the byte, so that a sanitizer sees what is written behind it. */
struct form {
    char *out;
    enum reason reason;
    struct path_canonical canonical;
};

static struct form canonicalise(struct str raw, unsigned relax)
{
    struct form form = {.out = malloc(raw.len > 0 ? raw.len : 1)};
    const char *fault = NULL;

    ensure(form.out);
    form.reason = path_canonicalise(raw, relax, form.out, &form.canonical, &fault);
    ensure((form.reason == REASON_OK) == (fault == NULL));
    return form;
}

static void check_reference(struct str raw, unsigned relax, const struct form *form)
{
    static char want[PATH_BYTES_MAX];
    size_t length = 0;
    bool is_different = false;

    ensure(form->reason == path_reference(raw, relax, want, &length, &is_different));
    if (form->reason == REASON_OK) {
        ensure(str_equal(form->canonical.path, str_make(want, length)));
        ensure(form->canonical.is_different == is_different);
    }
}

static void check_same(struct str canonical, unsigned relax)
{
    struct form again = canonicalise(canonical, relax);

    ensure(again.reason == REASON_OK && !again.canonical.is_different);
    ensure(str_equal(again.canonical.path, canonical));
    free(again.out);
}

static void check_accepted(const struct form *form, unsigned relax)
{
    struct str canonical = form->canonical.path;

    ensure(path_broken_promise(canonical, relax) == NULL);
    check_same(canonical, relax);
    if (relax == 0) {
        check_same(canonical, RELAX_ALL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    unsigned relax = data[0] & RELAX_ALL;
    struct str raw = str_make((const char *)data + 1, size - 1);
    struct form form = canonicalise(raw, relax);

    check_reference(raw, relax, &form);
    if (form.reason == REASON_OK) {
        check_accepted(&form, relax);
    }
    free(form.out);
    return 0;
}
