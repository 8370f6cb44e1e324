/* Progress on stderr: one line that is rewritten on a terminal, plain lines every ten seconds in a
 * log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *name;
    size_t total, before, done; /* images; those of earlier runs; those of this one */
    double started, said;       /* seconds on the monotonic clock */
    bool terminal, line_open;
};

void progress_begin(struct progress *, const char *name, size_t total, size_t before);
void progress_add(struct progress *, size_t images);
/* The same as a runner_progress: the runner is to go on. */
bool progress_report(void *progress, size_t images);
/* Ends an open line, so that something else can be printed. */
void progress_break(struct progress *);
double progress_seconds(const struct progress *);

double peak_memory_mib(void); /* of this process so far */
