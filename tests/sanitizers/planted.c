/* Mistakes that a sanitizer must report, and none that it must not: scripts/sanitize.sh starts with
 * them, so that its silence about evalh means something. Never part of a build. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int sum;

static int overflow(int n)
{
    char *p = calloc((size_t)n, 1);
    int past = p[n];
    free(p);
    return past;
}

static int undefined(int n)
{
    sum = INT_MAX;
    sum += n;
    return sum > 0;
}

static int leak(int n)
{
    char *volatile p = malloc((size_t)n);
    p = NULL;
    return p != NULL;
}

/* Two threads, one plain int. */
static int race(int n)
{
#pragma omp parallel num_threads(2)
    sum += n;
    return sum == 0;
}

/* What one loop wrote, the next reads at another place, behind OpenMP's barrier: no race. Reported
 * as one where the order that OpenMP keeps is not known to the sanitizer. */
static int order(int n)
{
    enum { LENGTH = 1000 };
    int a[LENGTH], b[LENGTH];
    for (int round = 0; round < 50; round++) {
#pragma omp parallel num_threads(2)
        {
#pragma omp for
            for (int i = 0; i < LENGTH; i++)
                a[i] = n + i + round;
#pragma omp for
            for (int i = 0; i < LENGTH; i++)
                b[i] = a[LENGTH - 1 - i];
        }
    }
    return b[0] != n + LENGTH - 1 + 49;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*plant)(int n);
    } plants[] = { { "overflow", overflow },
                   { "undefined", undefined },
                   { "leak", leak },
                   { "race", race },
                   { "order", order } };
    for (size_t i = 0; argc == 2 && i < sizeof plants / sizeof *plants; i++)
        if (strcmp(argv[1], plants[i].name) == 0)
            return plants[i].plant(argc);
    fprintf(stderr, "planted overflow|undefined|leak|race|order\n");
    return 2;
}
