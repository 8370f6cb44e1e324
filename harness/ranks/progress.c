#include "progress.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "quote.h"

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

/* Whether it is time for another line. */
static bool is_due(struct progress *p, bool at_once)
{
    const double every = p->terminal ? 0.2 : 10;
    double time = now();
    if (time - p->said < every && !(p->terminal && at_once))
        return false;
    p->said = time;
    return true;
}

static void begin_line(struct progress *p)
{
    fprintf(stderr, "%s%s: %zu of %zu images", p->terminal ? "\r" : "evalh: ", quote(p->name).text,
            p->before + p->done, p->total);
}

static void end_line(struct progress *p)
{
    fprintf(stderr, "%s", p->terminal ? "\033[K" : "\n");
    p->line_open = p->terminal;
}

void progress_add(struct progress *p, size_t images)
{
    p->done += images;
    p->passes = 0;
    size_t at = p->before + p->done;
    if (!is_due(p, at == p->total))
        return;
    char left[40];
    double spent = p->said - p->started;
    print_duration(left, sizeof left, spent / (double)p->done * (double)(p->total - at));
    begin_line(p);
    fprintf(stderr, ", %.2f images/s, %s left", (double)p->done / spent, left);
    end_line(p);
}

void progress_passes(struct progress *p, size_t passes, size_t images, size_t most)
{
    p->passes += passes;
    if (p->passes > most || !is_due(p, false))
        return;
    begin_line(p);
    fprintf(stderr, "; %zu of at most %zu forward passes of the %zu in hand", p->passes, most,
            images);
    end_line(p);
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
