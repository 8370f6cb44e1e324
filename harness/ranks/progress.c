#include "progress.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void progress_begin(struct progress *p, const char *name, size_t total, size_t before)
{
    *p = (struct progress){ .name = name,
                            .total = total,
                            .before = before,
                            .started = now(),
                            .terminal = isatty(STDERR_FILENO) == 1 };
    p->said = p->started;
}

double progress_seconds(const struct progress *p)
{
    return now() - p->started;
}

static void print_duration(char *out, size_t size, double seconds)
{
    unsigned long s = (unsigned long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, size, "%lu:%02lu", s / 60, s % 60);
}

void progress_add(struct progress *p, size_t images)
{
    const double every = p->terminal ? 0.2 : 10;
    p->done += images;
    double time = now(), spent = time - p->started;
    size_t at = p->before + p->done;
    if (time - p->said < every && !(p->terminal && at == p->total))
        return;
    p->said = time;
    char left[40];
    print_duration(left, sizeof left, spent / (double)p->done * (double)(p->total - at));
    fprintf(stderr, "%s%s: %zu of %zu images, %.2f images/s, %s left%s",
            p->terminal ? "\r" : "evalh: ", p->name, at, p->total, (double)p->done / spent, left,
            p->terminal ? "\033[K" : "\n");
    p->line_open = p->terminal;
}

bool progress_report(void *progress, size_t images)
{
    progress_add(progress, images);
    return true;
}

void progress_break(struct progress *p)
{
    if (p->line_open)
        fputc('\n', stderr);
    p->line_open = false;
}

double peak_memory_mib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}
