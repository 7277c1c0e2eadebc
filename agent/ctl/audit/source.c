#include "agent/ctl/audit/source.h"

#include <errno.h>

#include "agent/config/config.h"
#include "agent/ctl/command.h"

#define NAMED_MAX 20

/* NULL: told on stderr. */
static const char *audit_file_of(const char *config_file, struct heap *heap)
{
    struct config *config = NULL;

    if (config_load(config_file, NULL, 0, stderr, &config) != ERR_OK) {
        return NULL;
    }
    const char *audit_file = heap_copy(heap, str_from_c(config->audit_file)).ptr;
    config_unref(config);
    return audit_file;
}

bool source_open(struct source *source, struct heap *heap, const char *config_file,
                 char *const *paths, size_t path_count)
{
    if (path_count > 0) {
        source->files = files_of(heap, paths, path_count);
        return true;
    }
    const char *audit_file = audit_file_of(config_file, heap);
    source->files = audit_file ? files_of_audit(heap, audit_file) : NULL;
    return source->files != NULL;
}

bool source_follow(struct source *source, struct heap *heap, const char *config_file)
{
    const struct audit_position none = {0};

    source->audit_file = audit_file_of(config_file, heap);
    if (!source->audit_file) {
        return false;
    }
    source->follower = audit_follower_new(source->audit_file, &none);
    if (!source->follower) {
        heap_fail();
    }
    return true;
}

void source_close(struct source *source)
{
    files_free(source->files);
    audit_follower_free(source->follower);
    source->files = NULL;
    source->follower = NULL;
}

static enum files_answer follow(const struct source *source, struct files_line *out)
{
    struct audit_read_line line;
    struct diag diag = {{0}};

    for (;;) {
        switch (audit_follower_next(source->follower, &line, &diag)) {
        case AUDIT_FOLLOW_LINE:
            *out = (struct files_line){.text = line.text, .path = source->audit_file};
            return FILES_LINE;
        case AUDIT_FOLLOW_END:
            return FILES_END;
        case AUDIT_FOLLOW_SKIPPED:
            command_fail("%s: gone before it was read: %s", source->audit_file, diag.text);
            break;
        case AUDIT_FOLLOW_AGAIN:
            command_fail("%s: %s", source->audit_file, diag.text);
            break;
        case AUDIT_FOLLOW_FAIL:
            command_fail("%s: %s", source->audit_file, strerror(errno));
            return FILES_FAIL;
        }
    }
}

static enum files_answer next_line(const struct source *source, struct files_line *out)
{
    return source->follower ? follow(source, out) : files_next(source->files, out);
}

static void name_broken(struct source *source, const struct files_line *line)
{
    if (source->broken_count++ >= NAMED_MAX || source->is_quiet) {
        return;
    }
    progress_clear(&source->progress);
    if (line->number == 0) {
        command_fail("%s: a line that is none of the audit", line->path);
    } else {
        command_fail("%s:%llu: no line of the audit", line->path, (unsigned long long)line->number);
    }
}

enum files_answer source_next(struct source *source, struct scan *scan, enum scan_kind *kind,
                              struct files_line *line)
{
    enum files_answer answer;

    while ((answer = next_line(source, line)) == FILES_LINE) {
        source->line_count++;
        *kind = scan_line(&source->shape, line->text, scan);
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
