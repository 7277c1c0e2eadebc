#include "agent/ctl/audit/source.h"

#include "agent/config/config.h"
#include "agent/ctl/command.h"

#define NAMED_MAX 20

bool source_open(struct source *source, struct heap *heap, const char *config_file,
                 char *const *paths, size_t path_count)
{
    struct config *config = NULL;

    if (path_count > 0) {
        source->files = files_of(heap, paths, path_count);
        return true;
    }
    if (config_load(config_file, NULL, 0, stderr, &config) != ERR_OK) {
        return false;
    }
    struct str audit_file = heap_copy(heap, str_from_c(config->audit_file));
    config_unref(config);
    source->files = files_of_audit(heap, audit_file.ptr);
    return source->files != NULL;
}

static void name_broken(struct source *source, const struct files_line *line)
{
    if (source->broken_count++ < NAMED_MAX) {
        command_fail("%s:%llu: no line of the audit", line->path, (unsigned long long)line->number);
    }
}

enum files_answer source_next(struct source *source, struct scan *scan, enum scan_kind *kind,
                              struct files_line *line)
{
    enum files_answer answer;

    while ((answer = files_next(source->files, line)) == FILES_LINE) {
        source->line_count++;
        *kind = scan_line(line->text, scan);
        if (line->is_unended) {
            *kind = SCAN_BROKEN;
        }
        if (*kind == SCAN_RECORD || *kind == SCAN_SUPERSEDED || *kind == SCAN_GAP) {
            source->lost_count += *kind == SCAN_GAP ? scan->count : 0;
            return FILES_LINE;
        }
        if (*kind == SCAN_OTHER) {
            source->other_count++;
        } else if (line->is_unended && line->is_of_the_last) {
            source->is_unfinished = true;
        } else {
            name_broken(source, line);
        }
    }
    return answer;
}

int source_status(const struct source *source)
{
    if (source->broken_count == 0) {
        return 0;
    }
    if (source->broken_count > NAMED_MAX) {
        command_fail("%llu broken lines in all", (unsigned long long)source->broken_count);
    }
    return COMMAND_TROUBLE;
}
