/* Progress on stderr: on a terminal one line that is rewritten, in a log a plain line every ten
 * seconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *name;
    size_t total, before, done; /* images; those of earlier runs; those of this one */
    size_t passes;              /* forward passes so far of the current images, on this rank */
    double started, said;       /* seconds on the monotonic clock */
    bool terminal, line_open;
};

void progress_begin(struct progress *, const char *name, size_t total, size_t before);
void progress_add(struct progress *, size_t images);
/* Adds `passes` forward passes of the `images` current images, which take at most `most`. They are
 * shown while no image is completed for a long time. */
void progress_passes(struct progress *, size_t passes, size_t images, size_t most);
/* progress_add as a runner_progress; it always lets the runner go on. */
bool progress_report(void *progress, size_t images);
/* Ends an open line, so that other text can be printed. */
void progress_break(struct progress *);
double progress_seconds(const struct progress *);

double peak_memory_mib(void); /* peak memory peak memory of this process so far */
