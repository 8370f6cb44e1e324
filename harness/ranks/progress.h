/* Progress on stderr: one line that is rewritten on a terminal, plain lines every ten seconds in a
 * log. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct progress {
    const char *name;
    size_t total, before, done; /* images; those of earlier runs; those of this one */
    size_t passes;              /* forward passes of the images in hand so far, on this rank */
    double started, said;       /* seconds on the monotonic clock */
    bool terminal, line_open;
};

void progress_begin(struct progress *, const char *name, size_t total, size_t before);
void progress_add(struct progress *, size_t images);
/* `passes` more forward passes of `images` images in hand, which take `most` at most: shown while
 * no image gets done for long. */
void progress_passes(struct progress *, size_t passes, size_t images, size_t most);
/* The same as a runner_progress: the runner is to go on. */
bool progress_report(void *progress, size_t images);
/* Ends an open line, so that something else can be printed. */
void progress_break(struct progress *);
double progress_seconds(const struct progress *);

double peak_memory_mib(void); /* of this process so far */
