/* Intervals and tests against what they promise: coverage of the truth by simulation, the share of
 * false alarms, and the same bits on any number of threads. */
#include <stdint.h>

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "interval.h"
#include "random.h"
#include "significance.h"

#include "run_tests.h"

enum { TRIALS = 1000, RESAMPLES = 500, MOST_IMAGES = 200 };

/* ---- coverage ----------------------------------------------------------------------------- */

/* One image's area under a curve of ten hits, percent: a tenth was never right, half lose the class
 * early, the rest late. */
static double some_area(struct rng *r)
{
    if (rng_uniform(r) < 0.1)
        return 0;
    double leave = rng_uniform(r) < 0.5 ? 0.6 : 0.12;
    int kept = 1;
    while (kept < 10 && rng_uniform(r) > leave)
        kept++;
    return kept == 10 ? 90 : 10 * (kept - 0.5);
}

/* 97 of 100 images keep their class to the end: areas near the highest. */
static double high_area(struct rng *r)
{
    return rng_uniform(r) < 0.03 ? 0 : 90;
}

static double even_area(struct rng *r)
{
    return 90 * rng_uniform(r);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* The interval that a report gives for the mean of x [n], areas in [0, 90]. */
static struct interval of_mean(const double *x, size_t n, uint64_t seed)
{
    double drawn[RESAMPLES], left_out[MOST_IMAGES], all = mean(x, n);
    bool differs = false;
    for (size_t i = 0; i < n; i++) {
        left_out[i] = (all * (double)n - x[i]) / (double)(n - 1);
        differs |= x[i] != x[0];
    }
    if (!differs)
        return unseen_interval(all, 0, 90, n, 0.95);
    for (int b = 0; b < RESAMPLES; b++) {
        struct rng rng = rng_stream(seed, (uint64_t)b);
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[rng_below(&rng, n)];
        drawn[b] = sum / (double)n;
    }
    qsort(drawn, RESAMPLES, sizeof *drawn, ascending);
    return bca_interval(all, drawn, RESAMPLES, left_out, n, 0.95);
}

/* Percent of TRIALS samples of n images whose interval holds the truth. */
static double coverage(double (*draw)(struct rng *), size_t n)
{
    double truth = 0;
    struct rng rng = rng_stream(99, 0);
    for (int i = 0; i < 2000000; i++)
        truth += draw(&rng) / 2000000;
    int held = 0;
#pragma omp parallel for reduction(+ : held)
    for (int t = 0; t < TRIALS; t++) {
        double x[MOST_IMAGES];
        struct rng own = rng_stream(1, (uint64_t)t);
        for (size_t i = 0; i < n; i++)
            x[i] = draw(&own);
        struct interval ci = of_mean(x, n, 1000 + (uint64_t)t);
        held += ci.low <= truth && truth <= ci.high;
    }
    return 100.0 * held / TRIALS;
}

/* 95 % is promised, and 1,000 trials stray by ±1.4 points. With 10 images BCa reaches some 2 points
 * less. */
static void intervals_of_areas_cover(void **state)
{
    (void)state;
    static const struct {
        double (*draw)(struct rng *);
        size_t n;
        double least;
    } rows[] = { { some_area, 10, 91 },  { some_area, 20, 93 }, { some_area, 50, 93 },
                 { some_area, 200, 93 }, { high_area, 10, 95 }, { high_area, 50, 93 },
                 { high_area, 200, 93 }, { even_area, 10, 93 }, { even_area, 20, 93 },
                 { even_area, 200, 93 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double held = coverage(rows[i].draw, rows[i].n);
        print_message("%3zu images: %.1f %% of the intervals hold the truth\n", rows[i].n, held);
        assert_true(held >= rows[i].least);
    }
}

/* P(k hits of n) */
static double binomial(double p, int k, int n)
{
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) +
               (n - k) * log1p(-p));
}

/* Exactly, by summing over all outcomes, and over shares from 1 to 99 %. */
static void intervals_of_shares_cover(void **state)
{
    (void)state;
    for (int n = 5; n <= 200; n = n * 2 + 5) {
        double sum = 0, least = 1;
        for (int percent = 1; percent < 100; percent++) {
            double p = percent / 100.0, held = 0;
            for (int k = 0; k <= n; k++) {
                struct interval ci = wilson_interval(k, n, 0.95);
                held += ci.low <= p && p <= ci.high ? binomial(p, k, n) : 0;
            }
            sum += held / 99;
            least = held < least ? held : least;
        }
        print_message("%3d images: %.1f %% on average, %.1f %% at least\n", n, 100 * sum,
                      100 * least);
        assert_true(sum > 0.945 && least > 0.83);
    }
}

/* A value on which all images agree is not certain, and the fewer they are, the less certain it is.
 * */
static void agreement_of_few_images_is_no_certainty(void **state)
{
    (void)state;
    struct interval one = unseen_interval(90, 0, 90, 1, 0.95);
    struct interval many = unseen_interval(90, 0, 90, 200, 0.95);
    struct interval share = wilson_interval(200, 200, 0.95);
    assert_true(one.high == 90 && one.low < 20);
    assert_true(many.high == 90 && many.low > 85 && many.low < 90);
    assert_true(fabs(many.low - 90 * share.low) < 1e-9 && share.high == 1);
    struct interval inside = unseen_interval(30, 0, 90, 10, 0.95);
    assert_true(inside.low < 30 && inside.high > 30 && inside.low > 0 && inside.high < 90);
    assert_true(isnan(unseen_interval(1, 0, 1, 0, 0.95).low));
    assert_true(isnan(wilson_interval(0, 0, 0.95).low));

    double drawn[2] = { 1, 2 }, left_out[1] = { 1 };
    assert_true(isnan(bca_interval(1, drawn, 2, left_out, 1, 0.95).low));
}

/* ---- tests -------------------------------------------------------------------------------- */

/* Without a difference about 5 % of the p values lie below 5 %; with a clear difference all do. */
static void p_values_mean_what_they_say(void **state)
{
    (void)state;
    enum { RUNS = 400, IMAGES = 40 };
    int alarms[2] = { 0 }, found[2] = { 0 };
    for (int t = 0; t < RUNS; t++) {
        struct rng rng = rng_stream(3, (uint64_t)t);
        double d[IMAGES], p;
        for (int shift = 0; shift < 2; shift++) {
            for (int i = 0; i < IMAGES; i++)
                d[i] = rng_uniform(&rng) - 0.5 + 0.3 * shift;
            int *count = shift ? found : alarms;
            assert_int_equal(bootstrap_p(d, IMAGES, 5, 399, &p, NULL), OK);
            count[0] += p < 0.05;
            count[1] += sign_flip_p(d, IMAGES, 5, 399) < 0.05;
        }
    }
    for (int k = 0; k < 2; k++) {
        print_message("%s: %.1f %% false alarms, %.1f %% found\n", k ? "sign flips" : "bootstrap",
                      100.0 * alarms[k] / RUNS, 100.0 * found[k] / RUNS);
        assert_true(alarms[k] > 0.015 * RUNS && alarms[k] < 0.09 * RUNS);
        assert_true(found[k] == RUNS);
    }
}

static void p_values_of_hand_made_cases(void **state)
{
    (void)state;
    const double drawn[] = { -1, 1, 2, 3 }, zero[] = { 0, 0, 0 };
    double p;
    assert_true(fabs(resampled_p(drawn, 4) - 2 * (1 + 1) / 5.0) < 1e-15);
    assert_true(resampled_p(zero, 3) == 1);
    assert_int_equal(bootstrap_p(zero, 3, 1, 99, &p, NULL), OK);
    assert_true(p == 1);
    assert_int_equal(bootstrap_p(zero, 0, 1, 99, &p, NULL), OK);
    assert_true(isnan(p) && isnan(sign_flip_p(zero, 0, 1, 99)));
    assert_true(sign_flip_p(zero, 3, 1, 99) == 1);

    const double a[] = { 1, NAN, 3, 4 }, b[] = { 2, 1, NAN, 2 };
    double d[4];
    assert_int_equal(paired_differences(a, b, 4, d), 2);
    assert_true(d[0] == 1 && d[1] == -2);
}

/* ---- agreement ---------------------------------------------------------------------------- */

enum { IMAGES = 60, METRICS = 3, METHODS = 4 };

/* Methods 0 … 3 in falling order under metrics 0 and 1; metric 2 knows nothing. */
static void make_scores(double *top, double *bottom)
{
    struct rng rng = rng_stream(11, 0);
    for (int i = 0; i < IMAGES; i++)
        for (int m = 0; m < METRICS; m++)
            for (int j = 0; j < METHODS; j++) {
                int at = (i * METRICS + m) * METHODS + j;
                double noise = rng_uniform(&rng);
                top[at] = m == 2 ? noise : m == 0 ? noise - j : noise + j;
                bottom[at] = 1;
                if (m == 1 && i % 7 == 0) /* undefined in some images */
                    top[at] = bottom[at] = 0;
            }
}

static void agreement_is_found(void **state)
{
    (void)state;
    static double top[IMAGES * METRICS * METHODS], bottom[IMAGES * METRICS * METHODS];
    const bool higher[] = { true, false, true }, votes[] = { true, true, false };
    struct agreement a = { .images = IMAGES,
                           .metrics = METRICS,
                           .methods = METHODS,
                           .terms = 1,
                           .top = top,
                           .bottom = bottom,
                           .higher_is_better = higher,
                           .votes = votes,
                           .seed = 1,
                           .resamples = 200,
                           .level = 0.95 };
    struct agreement_result r, again;
    make_scores(top, bottom);
    assert_int_equal(agreement_build(&a, &r, NULL), OK);
    assert_int_equal(r.ranking, 2);
    assert_true(fabs(r.w - 1) < 1e-12 && r.w_interval.low > 0.99 && r.w_p < 0.1);
    for (int j = 0; j < METHODS; j++) {
        assert_true(r.mean_rank[j] == j + 1 && r.rank[j] == j + 1);
        assert_true(r.mean_interval[j].low == j + 1 && r.mean_interval[j].high == j + 1);
    }
    assert_true(fabs(r.best[0] - 1) < 1e-9 && r.best[1] == 0);
    /* ranks of noise are not known */
    assert_true(r.interval[2 * METHODS].high - r.interval[2 * METHODS].low >= 2);
    /* the mean over the images that have it */
    double sum = 0, count = 0;
    for (int i = 0; i < IMAGES; i++) {
        sum += top[(i * METRICS + 1) * METHODS + 2];
        count += bottom[(i * METRICS + 1) * METHODS + 2];
    }
    assert_true(fabs(r.value[METHODS + 2] - sum / count) < 1e-12);

    a.votes = NULL;
    omp_set_num_threads(3);
    assert_int_equal(agreement_build(&a, &again, NULL), OK);
    assert_int_equal(again.ranking, 3);
    assert_true(again.w < 1);
    struct agreement_result one;
    omp_set_num_threads(1);
    assert_int_equal(agreement_build(&a, &one, NULL), OK);
    assert_memory_equal(again.interval, one.interval, METRICS * METHODS * sizeof *one.interval);
    assert_memory_equal(again.best, one.best, METHODS * sizeof *one.best);
    assert_memory_equal(&again.w_interval, &one.w_interval, sizeof one.w_interval);
    agreement_free(&r);
    agreement_free(&again);
    agreement_free(&one);
}

static void agreement_of_nothing_is_refused(void **state)
{
    (void)state;
    struct agreement a = { .methods = 0, .metrics = 1 };
    struct agreement_result r;
    struct error err;
    assert_int_equal(agreement_build(&a, &r, &err), E_DATA);
    assert_non_null(strstr(err.text, "1 to 64"));
}

static void tests_are_the_same_bits_on_any_threads(void **state)
{
    (void)state;
    double d[101], p[2], flips[2];
    struct rng rng = rng_stream(4, 0);
    for (size_t i = 0; i < 101; i++)
        d[i] = rng_uniform(&rng) - 0.45;
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k ? 4 : 1);
        assert_int_equal(bootstrap_p(d, 101, 8, 999, &p[k], NULL), OK);
        flips[k] = sign_flip_p(d, 101, 8, 999);
    }
    assert_memory_equal(&p[0], &p[1], sizeof p[0]);
    assert_memory_equal(&flips[0], &flips[1], sizeof flips[0]);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(intervals_of_areas_cover), TEST(intervals_of_shares_cover),
                     TEST(agreement_of_few_images_is_no_certainty),
                     TEST(p_values_mean_what_they_say), TEST(p_values_of_hand_made_cases),
                     TEST(agreement_is_found), TEST(agreement_of_nothing_is_refused),
                     TEST(tests_are_the_same_bits_on_any_threads));
}
