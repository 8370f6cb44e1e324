#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_tests.h"

static struct reference_case *cases;
static size_t case_count;

static struct reference_case *find_case(const char *name)
{
    if (case_count > 0 && strcmp(cases[case_count - 1].name, name) == 0)
        return &cases[case_count - 1];
    cases = realloc(cases, (case_count + 1) * sizeof *cases);
    assert_non_null(cases);
    struct reference_case *c = &cases[case_count++];
    *c = (struct reference_case){ .arrays = NULL };
    snprintf(c->name, sizeof c->name, "%s", name);
    return c;
}

static bool read_array(FILE *f)
{
    struct reference_array a;
    char name[64];
    if (fscanf(f, " %63[^/]/%63s %zu", name, a.name, &a.n) != 3)
        return false;
    a.values = malloc((a.n + 1) * sizeof *a.values);
    assert_non_null(a.values);
    for (size_t i = 0; i < a.n; i++)
        assert_int_equal(fscanf(f, "%lf", &a.values[i]), 1);
    struct reference_case *c = find_case(name);
    c->arrays = realloc(c->arrays, (c->count + 1) * sizeof *c->arrays);
    assert_non_null(c->arrays);
    c->arrays[c->count++] = a;
    return true;
}

bool reference_open(const char *path)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return false;
    while (read_array(f))
        ;
    bool whole = feof(f) != 0;
    fclose(f);
    return whole;
}

void reference_close(void)
{
    for (size_t i = 0; i < case_count; i++) {
        for (size_t k = 0; k < cases[i].count; k++)
            free(cases[i].arrays[k].values);
        free(cases[i].arrays);
    }
    free(cases);
    cases = NULL;
    case_count = 0;
}

size_t reference_each(const char *prefix, void (*check)(const struct reference_case *))
{
    size_t found = 0;
    for (size_t i = 0; i < case_count; i++)
        if (strncmp(cases[i].name, prefix, strlen(prefix)) == 0) {
            check(&cases[i]);
            found++;
        }
    return found;
}

const double *reference_get(const struct reference_case *c, const char *name, size_t *n)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->arrays[i].name, name) == 0) {
            if (n != NULL)
                *n = c->arrays[i].n;
            return c->arrays[i].values;
        }
    fail_msg("reference.txt: %s has no array %s", c->name, name);
    return NULL;
}

double reference_number(const struct reference_case *c, const char *name)
{
    return reference_get(c, name, NULL)[0];
}

float *reference_floats(const struct reference_case *c, const char *name, size_t *n)
{
    const double *values = reference_get(c, name, n);
    float *out = malloc((*n + 1) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < *n; i++)
        out[i] = (float)values[i];
    return out;
}

uint32_t *reference_ranks(const struct reference_case *c, const char *name, size_t *n)
{
    const double *values = reference_get(c, name, n);
    uint32_t *out = malloc((*n + 1) * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < *n; i++)
        out[i] = (uint32_t)values[i];
    return out;
}

int8_t *reference_labels(const struct reference_case *c, const char *name, size_t *n)
{
    const double *values = reference_get(c, name, n);
    int8_t *out = malloc(*n + 1);
    assert_non_null(out);
    for (size_t i = 0; i < *n; i++)
        out[i] = (int8_t)values[i];
    return out;
}

void reference_hold(const struct reference_case *c, const char *name, const double *got, size_t n)
{
    size_t count;
    const double *want = reference_get(c, name, &count);
    if (count != n)
        fail_msg("%s/%s: %zu values, not %zu", c->name, name, n, count);
    for (size_t i = 0; i < n; i++)
        if (isnan(got[i]) != isnan(want[i]) || fabs(got[i] - want[i]) > 1e-6)
            fail_msg("%s/%s[%zu]: %.10g, and numpy has %.10g", c->name, name, i, got[i], want[i]);
}

void reference_hold_one(const struct reference_case *c, const char *name, double got)
{
    reference_hold(c, name, &got, 1);
}
