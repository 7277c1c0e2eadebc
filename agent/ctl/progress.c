#include "agent/ctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH  40
#define LINE_WIDTH (BAR_WIDTH + 8)

void progress_begin(struct progress *progress, uint64_t total)
{
    *progress = (struct progress){.total = isatty(STDERR_FILENO) ? total : 0};
}

/* A file that grows may have more than it had. */
static int percent_of(const struct progress *progress, uint64_t done)
{
    return done < progress->total ? (int)((double)done * 100 / (double)progress->total) : 100;
}

void progress_show(struct progress *progress, uint64_t done)
{
    if (progress->total == 0) {
        return;
    }
    int percent = percent_of(progress, done);
    if (progress->is_drawn && percent == progress->percent) {
        return;
    }
    progress->is_drawn = true;
    progress->percent = percent;
    int full = progress->percent * BAR_WIDTH / 100;
    fprintf(stderr, "\r[%.*s%*s] %3d %%", full, "########################################",
            BAR_WIDTH - full, "", progress->percent);
}

void progress_clear(struct progress *progress)
{
    if (progress->is_drawn) {
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
        progress->is_drawn = false;
    }
}
