#include "agent/quota/zone.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/quota/zone_file.h"

struct entry {
    char name[ZONE_NAME_BYTES_MAX + 1];
    struct zone *zone;
};

struct zones {
    size_t count;
    size_t capacity;
    struct entry *entries; /* sorted by name */
};

/* A walk through the folder. `name` is where it is: "Europe/Berlin". */
struct walk {
    struct zones *zones;
    char name[ZONE_NAME_BYTES_MAX + 1];
    size_t length;
    char bytes[ZONE_FILE_BYTES_MAX];
};

static enum err walk_folder(struct walk *walk, int fd);

static enum err zones_reserve(struct zones *zones)
{
    size_t capacity = zones->capacity > 0 ? 2 * zones->capacity : 64;

    if (zones->count < zones->capacity) {
        return ERR_OK;
    }
    struct entry *entries = realloc(zones->entries, capacity * sizeof(*entries));
    if (!entries) {
        return ERR_MEMORY;
    }
    zones->entries = entries;
    zones->capacity = capacity;
    return ERR_OK;
}

/* Takes the zone. */
static enum err zones_add(struct zones *zones, const char *name, struct zone *zone)
{
    enum err e = zones_reserve(zones);

    if (e != ERR_OK) {
        free(zone);
        return e;
    }
    struct entry *entry = &zones->entries[zones->count++];
    memcpy(entry->name, name, strlen(name) + 1);
    entry->zone = zone;
    return ERR_OK;
}

/* Gives the length; 0 where the file can not be read or is too long. */
static size_t read_bytes(int fd, char *out, size_t capacity)
{
    struct stat status;
    size_t length = 0;
    ssize_t got = 1;

    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
        (uintmax_t)status.st_size > capacity) {
        return 0;
    }
    while (got > 0 && length < (size_t)status.st_size) {
        got = read(fd, out + length, (size_t)status.st_size - length);
        length += got > 0 ? (size_t)got : 0;
    }
    return got < 0 ? 0 : length;
}

/* Takes the descriptor. */
static enum err walk_file(struct walk *walk, int fd)
{
    size_t length = read_bytes(fd, walk->bytes, sizeof(walk->bytes));
    struct zone *zone = NULL;
    enum err e = zone_file_parse(str_make(walk->bytes, length), &zone);

    close(fd);
    if (e == ERR_OK) {
        return zones_add(walk->zones, walk->name, zone);
    }
    return e == ERR_SYNTAX ? ERR_OK : e;
}

/* Some file systems do not say it in the folder. */
static unsigned char type_of(int folder, const struct dirent *found)
{
    struct stat status;

    if (found->d_type != DT_UNKNOWN) {
        return found->d_type;
    }
    return fstatat(folder, found->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (unsigned char)IFTODT(status.st_mode)
               : DT_UNKNOWN;
}

/* O_NONBLOCK: opening a FIFO would wait for its writer. */
static enum err walk_open(struct walk *walk, int folder, const struct dirent *found)
{
    bool is_folder = type_of(folder, found) == DT_DIR;
    int fd = openat(folder, found->d_name,
                    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                        (is_folder ? O_DIRECTORY | O_NOFOLLOW : 0));

    if (fd < 0) {
        return ERR_OK;
    }
    return is_folder ? walk_folder(walk, fd) : walk_file(walk, fd);
}

static bool is_left_out(const char *part)
{
    return part[0] == '.' || strcmp(part, "posix") == 0 || strcmp(part, "right") == 0;
}

static enum err walk_entry(struct walk *walk, int folder, const struct dirent *found)
{
    const char *part = found->d_name;
    size_t before = walk->length;
    size_t slash = before > 0;
    size_t length = strlen(part);

    if (is_left_out(part) || before + slash + length > ZONE_NAME_BYTES_MAX ||
        walk->zones->count == ZONES_MAX) {
        return ERR_OK;
    }
    memcpy(walk->name + before, "/", slash);
    memcpy(walk->name + before + slash, part, length + 1);
    walk->length = before + slash + length;
    enum err e = walk_open(walk, folder, found);
    walk->length = before;
    walk->name[before] = '\0';
    return e;
}

/* Takes the descriptor. Names are bounded, so is the depth. */
static enum err walk_folder(struct walk *walk, int fd)
{
    DIR *folder = fdopendir(fd);
    enum err e = ERR_OK;
    struct dirent *found;

    if (!folder) {
        enum err cause = errno == ENOMEM ? ERR_MEMORY : ERR_OK;
        close(fd);
        return cause;
    }
    while (e == ERR_OK && (found = readdir(folder))) {
        e = walk_entry(walk, dirfd(folder), found);
    }
    closedir(folder);
    return e;
}

static enum err walk_from(const char *folder, struct zones *zones)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        return ERR_OK;
    }
    struct walk *walk = malloc(sizeof(*walk));
    if (!walk) {
        close(fd);
        return ERR_MEMORY;
    }
    walk->zones = zones;
    walk->name[0] = '\0';
    walk->length = 0;
    enum err e = walk_folder(walk, fd);
    free(walk);
    return e;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

enum err zones_load(const char *folder, struct zones **out)
{
    struct zones *zones = calloc(1, sizeof(*zones));

    if (!zones) {
        return ERR_MEMORY;
    }
    enum err e = walk_from(folder, zones);
    if (e != ERR_OK) {
        zones_free(zones);
        return e;
    }
    if (zones->count > 0) {
        qsort(zones->entries, zones->count, sizeof(zones->entries[0]), compare_entries);
    }
    *out = zones;
    return ERR_OK;
}

void zones_free(struct zones *zones)
{
    for (size_t i = 0; zones && i < zones->count; i++) {
        free(zones->entries[i].zone);
    }
    if (zones) {
        free(zones->entries);
    }
    free(zones);
}

size_t zones_count(const struct zones *zones)
{
    return zones ? zones->count : 0;
}

size_t zones_bytes(const struct zones *zones)
{
    size_t sum = zones ? sizeof(*zones) + zones->capacity * sizeof(zones->entries[0]) : 0;

    for (size_t i = 0; i < zones_count(zones); i++) {
        sum += zone_bytes(zones->entries[i].zone);
    }
    return sum;
}

const struct zone *zones_find(const struct zones *zones, struct str name)
{
    struct entry wanted = {.zone = NULL};

    if (zones_count(zones) == 0 || name.len == 0 || name.len > ZONE_NAME_BYTES_MAX ||
        memchr(name.ptr, '\0', name.len)) {
        return NULL;
    }
    memcpy(wanted.name, name.ptr, name.len);
    const struct entry *entry =
        bsearch(&wanted, zones->entries, zones->count, sizeof(zones->entries[0]), compare_entries);
    return entry ? entry->zone : NULL;
}

/* The last change that is not after the instant, which is not before the first. */
static size_t find_change(const struct zone *zone, int64_t unix_s)
{
    size_t low = 0, high = zone->count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s <= unix_s) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct zone_span zone_span(const struct zone *zone, int64_t unix_s)
{
    if (!zone) {
        return (struct zone_span){0, INT64_MAX};
    }
    if (unix_s < zone->changes[0].at_s) {
        return (struct zone_span){zone->changes[0].offset, zone->changes[0].at_s};
    }
    size_t i = find_change(zone, unix_s);
    bool is_last = i + 1 == zone->count;
    if (is_last && zone->has_rule) {
        return zone_rule_span(&zone->rule, unix_s);
    }
    return (struct zone_span){zone->changes[i].offset,
                              is_last ? INT64_MAX : zone->changes[i + 1].at_s};
}
