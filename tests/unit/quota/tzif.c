#include "tests/unit/quota/tzif.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/quota/zone.h"

static char *write_be(char *out, uint64_t value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)(value >> 8 * (length - 1 - i));
    }
    return out + length;
}

static char *write_header(char *out, const struct tzif *tzif)
{
    memcpy(out, "TZif", 4);
    out[4] = tzif->version;
    memset(out + 5, 0, 15);
    out = write_be(out + 20, 0, 4); /* UT indicators */
    out = write_be(out, 0, 4);      /* standard indicators */
    out = write_be(out, tzif->leap_count, 4);
    out = write_be(out, tzif->change_count, 4);
    out = write_be(out, tzif->type_count, 4);
    return write_be(out, tzif->type_count > 0 ? 4 : 0, 4);
}

static char *write_data(char *out, const struct tzif *tzif, size_t time_bytes)
{
    for (uint32_t i = 0; i < tzif->change_count; i++) {
        out = write_be(out, (uint64_t)tzif->changes[i].at_s, time_bytes);
    }
    for (uint32_t i = 0; i < tzif->change_count; i++) {
        *out++ = (char)tzif->changes[i].type;
    }
    for (uint32_t i = 0; i < tzif->type_count; i++) {
        out = write_be(out, (uint32_t)tzif->offsets[i], 4);
        out = write_be(out, 0, 2);
    }
    out = write_be(out, 0, tzif->type_count > 0 ? 4 : 0);
    memset(out, 0, tzif->leap_count * (time_bytes + 4));
    return out + tzif->leap_count * (time_bytes + 4);
}

struct str tzif_write(const struct tzif *tzif, char out[TZIF_BYTES_MAX])
{
    const struct tzif nothing = {.version = tzif->version};
    char *end = out;

    if (tzif->version == 0) {
        end = write_data(write_header(end, tzif), tzif, 4);
        return str_make(out, (size_t)(end - out));
    }
    end = write_header(end, &nothing);
    end = write_data(write_header(end, tzif), tzif, 8);
    memcpy(end, tzif->footer, strlen(tzif->footer));
    end += strlen(tzif->footer);
    return str_make(out, (size_t)(end - out));
}

struct str tzif_of_machine(const char *name)
{
    char path[256];
    char *bytes = malloc(ZONE_FILE_BYTES_MAX);

    snprintf(path, sizeof(path), ZONE_FOLDER "/%s", name);
    FILE *file = fopen(path, "rb");
    if (!bytes || !file) {
        perror(path);
        abort();
    }
    size_t length = fread(bytes, 1, ZONE_FILE_BYTES_MAX, file);
    fclose(file);
    return str_make(bytes, length);
}
