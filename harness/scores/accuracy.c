#include "accuracy.h"

#include <math.h>
#include <stdio.h>

enum { LEAST_IMAGES = 8 };
static const double unlikely = 0.001;

struct accuracy_counts accuracy_count(const int32_t *label, const int32_t *top1,
                                      const uint8_t *status, size_t count, int classes)
{
    struct accuracy_counts c = { .classes = classes };
    for (size_t i = 0; i < count; i++) {
        if ((status != NULL && status[i] != 0) || label[i] < 0 || top1[i] < 0)
            continue;
        c.images++;
        c.right += label[i] == top1[i];
        c.one_above += label[i] == top1[i] + 1;
        c.one_below += label[i] == top1[i] - 1;
    }
    return c;
}

/* Chance of exactly k of n hits where each has probability p, 0 < p < 1. */
static double binomial(size_t k, size_t n, double p)
{
    double x = (double)k, all = (double)n;
    return exp(lgamma(all + 1) - lgamma(x + 1) - lgamma(all - x + 1) + x * log(p) +
               (all - x) * log1p(-p));
}

static double at_most(size_t k, size_t n, double p)
{
    double sum = 0;
    for (size_t i = 0; i <= k; i++)
        sum += binomial(i, n, p);
    return sum;
}

static double at_least(size_t k, size_t n, double p)
{
    double sum = 0;
    for (size_t i = k; i <= n; i++)
        sum += binomial(i, n, p);
    return sum;
}

/* Whether accuracy is at chance: within what sampling explains and below a fifth of the way from
 * chance to 100 %, or within a fiftieth of that way for any number of images. */
static bool is_chance(const struct accuracy_counts *c)
{
    double n = (double)c->images, chance = 1.0 / c->classes;
    double beyond = ((double)c->right / n - chance) / (1 - chance);
    return beyond < 0.02 || (beyond < 0.2 && at_least(c->right, c->images, chance) > unlikely);
}

/* Neighbouring classes are alike in ImageNet, but not for a fifth of all images. */
static bool are_shifted(const struct accuracy_counts *c, size_t off)
{
    double chance = 1.0 / c->classes;
    return 5 * off >= c->images && at_least(off, c->images, chance) < unlikely / 10;
}

bool accuracy_doubt(const struct accuracy_counts *c, double expected, char *out, size_t size)
{
    double n = (double)c->images, top1 = 100 * (double)c->right / n;
    out[0] = '\0';
    if (c->images < LEAST_IMAGES)
        return false;
    size_t off = c->one_above > c->one_below ? c->one_above : c->one_below;
    const bool above = c->one_above > c->one_below;
    if (c->classes > 2 && are_shifted(c, off)) {
        snprintf(out, size,
                 "top-1 is %.1f %% of %zu images, and for %.1f %% the label is the predicted class "
                 "%s 1: labels are off by one%s",
                 top1, c->images, 100 * (double)off / n, above ? "plus" : "minus",
                 above ? " (does the list count from 1? data.label_base = 1 says so)" : "");
        return true;
    }
    if (c->classes > 1 && is_chance(c)) {
        snprintf(
            out, size,
            "top-1 is %.1f %% of %zu images, where chance is %.1f %%: the labels, the order of "
            "the classes, the weights or the preprocessing are not those of this model",
            top1, c->images, 100.0 / c->classes);
        return true;
    }
    if (expected > 0 && expected < 100 && at_most(c->right, c->images, expected / 100) < unlikely) {
        snprintf(out, size,
                 "top-1 is %.1f %% of %zu images, where %.1f %% or more are expected of these "
                 "weights: other labels, another order of the classes, or another preprocessing",
                 top1, c->images, expected);
        return true;
    }
    return false;
}
