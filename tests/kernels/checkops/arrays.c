/* Arrays on both sides, their comparison and their timing. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "checkops.h"

static void *need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "checkops: out of memory\n");
        exit(1);
    }
    return p;
}

static size_t element_size(enum element e, const struct backend *be)
{
    static const size_t size[] = { 0, sizeof(float), sizeof(uint32_t), 1, sizeof(double) };
    return e == ELEMENT_REAL ? be->real_size : size[e];
}

static void free_pairs(struct check *c)
{
    while (c->pairs != NULL) {
        struct pair *p = c->pairs;
        c->pairs = p->next;
        for (int s = 0; s < SIDES; s++) {
            c->be[s]->free(c->be[s], p->side[s]);
            c->be[s]->op.weight_free(c->be[s], p->weight[s]);
        }
        free(p);
    }
}

void case_begin(struct check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->what, sizeof c->what, format, args);
    va_end(args);
    free_pairs(c);
    c->flops = 0;
    c->random = 0x5eed;
    for (const char *p = c->what; *p != '\0'; p++)
        c->random = c->random * 31 + (unsigned char)*p;
}

double draw(struct check *c, double low, double high)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return low + (high - low) * ((double)(c->random >> 11) / 9007199254740992.0);
}

static struct pair *new_pair(struct check *c, enum element element, size_t count)
{
    struct pair *p = need(calloc(1, sizeof *p));
    p->element = element;
    p->count = count;
    p->next = c->pairs;
    c->pairs = p;
    return p;
}

struct pair *from_floats(struct check *c, const float *host, size_t count)
{
    struct pair *p = new_pair(c, ELEMENT_REAL, count);
    for (int s = c->bench ? OWN : REF; s < SIDES; s++)
        p->side[s] = need(be_upload_floats(c->be[s], host, count));
    return p;
}

struct pair *from_bytes(struct check *c, enum element element, const void *host, size_t count)
{
    struct pair *p = new_pair(c, element, count);
    for (int s = c->bench ? OWN : REF; s < SIDES; s++) {
        size_t bytes = count * element_size(element, c->be[s]);
        p->side[s] = need(c->be[s]->alloc(c->be[s], bytes));
        c->be[s]->upload(c->be[s], p->side[s], host, bytes);
    }
    return p;
}

struct pair *uniform(struct check *c, size_t count, double low, double high)
{
    float *host = need(calloc(count + 1, sizeof *host));
    for (size_t i = 0; i < count; i++)
        host[i] = (float)draw(c, low, high);
    struct pair *p = from_floats(c, host, count);
    free(host);
    return p;
}

struct pair *output(struct check *c, size_t count)
{
    return uniform(c, count, NAN, NAN);
}

struct pair *output_of(struct check *c, enum element element, size_t count)
{
    void *zeros = need(calloc(count + 1, sizeof(uint32_t)));
    struct pair *p = from_bytes(c, element, zeros, count);
    free(zeros);
    return p;
}

struct pair *weight_from(struct check *c, const float *host, int out, int in, unsigned uses)
{
    struct pair *p = new_pair(c, ELEMENT_REAL, (size_t)out * (size_t)in);
    for (int s = c->bench ? OWN : REF; s < SIDES; s++)
        p->weight[s] = need(c->be[s]->op.weight_new(c->be[s], host, out, in, uses));
    return p;
}

struct pair *weight(struct check *c, int out, int in, unsigned uses)
{
    size_t count = (size_t)out * (size_t)in;
    float *host = need(calloc(count, sizeof *host));
    for (size_t i = 0; i < count; i++)
        host[i] = (float)draw(c, -1, 1);
    struct pair *p = weight_from(c, host, out, in, uses);
    free(host);
    return p;
}

void *raw(const struct check *c, const struct pair *p)
{
    return p == NULL ? NULL : p->side[c->side];
}

real *at(const struct check *c, const struct pair *p)
{
    return raw(c, p);
}

const struct weight *weight_of(const struct check *c, const struct pair *p)
{
    return p->weight[c->side];
}

/* ---- comparison -------------------------------------------------------------------------- */

void verdict(struct check *c, const char *name, bool good, const char *why)
{
    c->compared++;
    if (good)
        return;
    c->failed++;
    printf("FAIL %s %s [%s] %s: %s\n", c->variant, c->op, c->what, name, why);
}

/* A device error counts as a failure of the case. */
static bool synced(struct check *c, const char *name)
{
    for (int s = 0; s < SIDES; s++) {
        struct error err;
        if (c->be[s]->sync(c->be[s], &err) != OK) {
            verdict(c, name, false, err.text);
            return false;
        }
    }
    return true;
}

static double *host_copy(struct check *c, const struct pair *p, enum side s)
{
    double *host = need(calloc(p->count + 1, sizeof *host));
    struct backend *be = c->be[s];
    if (p->element == ELEMENT_REAL) {
        be_read_doubles(be, host, p->side[s], p->count);
        return host;
    }
    if (p->element == ELEMENT_DOUBLE) {
        be->download(be, host, p->side[s], p->count * sizeof *host);
        be->sync(be, NULL);
        return host;
    }
    float *floats = need(calloc(p->count + 1, sizeof *floats));
    be->download(be, floats, p->side[s], p->count * sizeof *floats);
    be->sync(be, NULL);
    for (size_t i = 0; i < p->count; i++)
        host[i] = floats[i];
    free(floats);
    return host;
}

static void compare_by(struct check *c, const char *name, const struct pair *p, double tolerance,
                       bool each)
{
    if (c->bench || !synced(c, name))
        return;
    double *ref = host_copy(c, p, REF), *own = host_copy(c, p, OWN), largest = 0;
    for (size_t i = 0; i < p->count; i++)
        if (!isnan(ref[i]))
            largest = fmax(largest, fabs(ref[i]));
    double worst = -1;
    size_t where = 0, written = 0;
    for (size_t i = 0; i < p->count; i++) {
        written += !isnan(ref[i]);
        /* 1e-30: below it float results may have lost digits to underflow */
        double scale = (each ? fabs(ref[i]) : largest) + 1e-30;
        double error = fabs(own[i] - ref[i]) / scale;
        if (isnan(ref[i]) || isnan(own[i]))
            error = isnan(ref[i]) && isnan(own[i]) ? 0 : INFINITY;
        if (own[i] == ref[i]) /* also of infinities */
            error = 0;
        if (error > worst) {
            worst = error;
            where = i;
        }
    }
    char why[200];
    snprintf(why, sizeof why, "error %.3g > %.3g at %zu of %zu: %.9g, reference %.9g%s", worst,
             tolerance, where, p->count, own[where], ref[where],
             written == 0 ? " (reference wrote nothing)" : "");
    verdict(c, name, worst <= tolerance && written != 0, why);
    free(ref);
    free(own);
}

void compare(struct check *c, const char *name, const struct pair *p, double factor)
{
    compare_by(c, name, p, factor * (p->element == ELEMENT_DOUBLE ? 0x1p-52 : c->eps), false);
}

void compare_product(struct check *c, const char *name, const struct pair *p, double factor)
{
    double coarse = c->product_eps > c->eps ? 8 * c->product_eps : 0;
    compare_by(c, name, p, factor * c->eps + coarse, false);
}

void compare_each(struct check *c, const char *name, const struct pair *p, double factor)
{
    compare_by(c, name, p, factor * c->eps, true);
}

void compare_exact(struct check *c, const char *name, const struct pair *p)
{
    if (c->bench || !synced(c, name))
        return;
    size_t bytes = p->count * element_size(p->element, c->be[REF]);
    unsigned char *host[SIDES];
    for (int s = 0; s < SIDES; s++) {
        host[s] = need(calloc(bytes + 1, 1));
        c->be[s]->download(c->be[s], host[s], p->side[s], bytes);
        c->be[s]->sync(c->be[s], NULL);
    }
    size_t i = 0;
    while (i < bytes && host[REF][i] == host[OWN][i])
        i++;
    char why[80];
    snprintf(why, sizeof why, "differs first at %zu of %zu",
             i / element_size(p->element, c->be[REF]), p->count);
    verdict(c, name, i == bytes, why);
    free(host[REF]);
    free(host[OWN]);
}

/* ---- timing ------------------------------------------------------------------------------ */

enum { ROUNDS = 9 };
static struct { /* of the RUN in progress; checkops has one thread */
    double started, seconds[ROUNDS];
    int rounds;
} timing;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void time_begin(struct check *c)
{
    timing.rounds = -1; /* the first round warms up */
    if (c->bench)
        timing.started = now();
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void report_speed(struct check *c, double seconds)
{
    double bytes = 0;
    for (const struct pair *p = c->pairs; p != NULL; p = p->next)
        bytes += (double)(p->count * element_size(p->element, c->be[OWN]));
    double speed = (c->flops != 0 ? c->flops : bytes) / seconds;
    double ceiling = c->flops != 0 ? c->peak : c->bandwidth;
    printf("%-10s %-15s %-46s %9.3f ms %8.1f %s", c->variant, c->op, c->what, seconds * 1e3,
           speed * 1e-9, c->flops != 0 ? "GFLOP/s" : "GB/s   ");
    if (ceiling != 0)
        printf(" %5.1f %% of %.1f", 100 * speed / ceiling, ceiling * 1e-9);
    printf("\n");
    fflush(stdout);
    if (c->flops != 0 && c->peak == 0)
        c->peak = speed;
    if (c->flops == 0 && c->bandwidth == 0)
        c->bandwidth = speed;
}

bool time_again(struct check *c)
{
    if (!c->bench)
        return false;
    struct error err;
    if (c->be[OWN]->sync(c->be[OWN], &err) != OK) {
        verdict(c, "sync", false, err.text);
        return false;
    }
    double t = now();
    if (timing.rounds >= 0)
        timing.seconds[timing.rounds] = t - timing.started;
    bool slow = t - timing.started > 1; /* the reference: one round is enough */
    if (timing.rounds < 0 && slow) {
        timing.seconds[0] = t - timing.started;
        timing.rounds = 0;
    }
    timing.rounds++;
    timing.started = now();
    if (timing.rounds < ROUNDS && !slow)
        return true;
    qsort(timing.seconds, (size_t)timing.rounds, sizeof(double), by_size);
    report_speed(c, timing.seconds[timing.rounds / 2]);
    c->compared++;
    return false;
}
