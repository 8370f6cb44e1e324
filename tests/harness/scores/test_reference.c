/* Every score against an independent implementation in numpy and scipy: reference.txt, written by
 * scripts/reference_scores.py, which holds hand-made cases (ties, constant maps, NaN, empty and
 * full masks, probabilities of 0) and random ones. */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agreement.h"
#include "correlation.h"
#include "curves.h"
#include "distribution.h"
#include "groups.h"
#include "interval.h"
#include "localisation.h"
#include "metrics.h"
#include "reference.h"
#include "road.h"
#include "significance.h"
#include "similarity.h"
#include "sparsity.h"

#include "run_tests.h"

static void check_curve(const struct reference_case *c)
{
    const double *p = reference_get(c, "p", NULL), *axis_of = reference_get(c, "axis", NULL);
    const struct curve_axis axis = { (int)axis_of[0], (int)axis_of[1] };
    double blank = reference_number(c, "blank"), points[CURVE_MOST_POINTS], aopc[AOPC_KINDS], rho;
    int n = axis.steps + 1;

    reference_hold_one(c, "want_area", curve_area(&axis, p));
    reference_hold_one(c, "want_to_blank", curve_area_to_blank(&axis, p, blank));
    for (int k = 0; k < AOPC_KINDS; k++)
        aopc[k] = curve_aopc(p, axis.steps, (enum aopc)k);
    reference_hold(c, "want_aopc", aopc, AOPC_KINDS);
    reference_hold_one(c, "want_log_odds", curve_log_odds(p, axis.steps));
    curve_relative(p, n, points);
    reference_hold(c, "want_relative", points, (size_t)n);
    curve_ranged(p, n, axis.upto == 100 ? p[axis.steps] : blank, points);
    reference_hold(c, "want_ranged", points, (size_t)n);
    assert_int_equal(curve_monotonicity(p, n, &rho, NULL), OK);
    reference_hold_one(c, "want_monotonicity", rho);
}

static void check_means(const struct reference_case *c)
{
    const struct curve_axis axis = { 9, 90 };
    const double *p = reference_get(c, "p", NULL);
    size_t n;
    const double *blank = reference_get(c, "blank", &n);
    struct curve_sums sums = { 0 };
    for (size_t i = 0; i < n; i++) {
        sums.area += curve_area(&axis, p + 10 * i);
        sums.first += p[10 * i];
        sums.blank += blank[i];
        sums.images++;
    }
    reference_hold_one(c, "want_relative", curve_relative_of_means(&axis, &sums));
    reference_hold_one(c, "want_ranged", curve_ranged_of_means(&axis, &sums));
}

static void check_mas(const struct reference_case *c)
{
    size_t n;
    double back[CURVE_MOST_POINTS];
    const double *p = reference_get(c, "p", &n), *moved = reference_get(c, "moved", NULL);
    for (size_t k = 0; k < n; k++)
        back[k] = p[n - 1 - k];
    reference_hold_one(c, "want_deletion", curve_mas(p, moved, (int)n, false));
    reference_hold_one(c, "want_insertion", curve_mas(back, moved, (int)n, true));
}

static void check_moved(const struct reference_case *c)
{
    size_t n;
    double moved[11];
    float *heat = reference_floats(c, "heat", &n);
    uint32_t *rank = reference_ranks(c, "rank", &n);
    heat_moved(heat, rank, n, &(struct curve_axis){ 10, 100 }, moved);
    reference_hold(c, "want_moved", moved, 11);
    heat_moved(heat, rank, n, &(struct curve_axis){ 9, 90 }, moved);
    reference_hold(c, "want_moved90", moved, 10);
    free(heat);
    free(rank);
}

static void check_groups(const struct reference_case *c)
{
    size_t n;
    double parts[16];
    float *heat = reference_floats(c, "heat", &n);
    uint32_t *rank = reference_ranks(c, "rank", &n);
    group_heat(heat, rank, n, 4, parts);
    reference_hold(c, "want4", parts, 4);
    group_heat(heat, rank, n, 10, parts);
    reference_hold(c, "want10", parts, 10);
    tile_heat(heat, 9, 2, parts);
    reference_hold(c, "want_tiles2", parts, 4);
    tile_heat(heat, 9, 4, parts);
    reference_hold(c, "want_tiles4", parts, 16);
    free(heat);
    free(rank);
}

static void check_parts(const struct reference_case *c)
{
    size_t n;
    const double *heat = reference_get(c, "heat", &n), *drop = reference_get(c, "drop", NULL);
    double rho;
    reference_hold_one(c, "want_saco", saco(heat, drop, (int)n));
    reference_hold_one(c, "want_estimate", faithfulness_estimate(heat, drop, (int)n));
    reference_hold_one(c, "want_estimate", faithfulness_correlation(heat, drop, (int)n));
    assert_int_equal(single_deletion(heat, drop, (int)n, &rho, NULL), OK);
    reference_hold_one(c, "want_single", rho);
    reference_hold_one(c, "want_kendall", kendall_tau_b(heat, drop, n));
}

static void check_gaps(const struct reference_case *c)
{
    const double *area = reference_get(c, "areas", NULL); /* positive, negative, random */
    struct curve_gaps g = curve_gaps(area[0], area[1], area[2]);
    const double got[] = { g.srg, g.mrg, g.lrg };
    reference_hold(c, "want", got, 3);
}

static void check_hits(const struct reference_case *c)
{
    const double *of = reference_get(c, "hit", NULL);
    uint8_t hit[10];
    for (int k = 0; k < 10; k++)
        hit[k] = (uint8_t)of[k];
    reference_hold_one(c, "want", hits_auc(&curve_axis_published, hit) / 100);
}

static void check_moves(const struct reference_case *c)
{
    size_t n;
    float *distance = reference_floats(c, "distance", &n);
    const double got[] = { sensitivity_max(distance, (int)n),
                           sensitivity_average(distance, (int)n) };
    reference_hold(c, "want", got, 2);
    free(distance);
}

static void check_sums(const struct reference_case *c)
{
    size_t n, sets;
    double tiles[16], sums[6];
    float *map = reference_floats(c, "map", &n);
    int8_t *mask = reference_labels(c, "mask", &sets);
    assert_int_equal(map_tile_heat(map, 5, 23, 4, tiles, NULL), OK);
    reference_hold(c, "want_tiles", tiles, 16);
    subset_heat(map, (int)n, (const uint8_t *)mask, 6, sums);
    reference_hold(c, "want_sets", sums, 6);
    free(map);
    free(mask);
}

static void check_segment(const struct reference_case *c)
{
    size_t n;
    struct segmentation_score s;
    float *heat = reference_floats(c, "heat", &n);
    int8_t *labels = reference_labels(c, "labels", &n);
    assert_int_equal(segmentation_score(heat, labels, n, &s, NULL), OK);
    const double got[] = { s.correct,   s.labelled,  s.intersection[0], s.intersection[1],
                           s.united[0], s.united[1], (double)s.ap };
    reference_hold(c, "want", got, 7);
    for (size_t i = 0; i < n; i++)
        labels[i] = labels[i] > 0;
    const double share[] = { heat_share(heat, labels, n), area_share(labels, n) };
    reference_hold(c, "want_share", share, 2);
    free(heat);
    free(labels);
}

static void check_local(const struct reference_case *c)
{
    size_t n;
    struct localisation s;
    float *heat = reference_floats(c, "heat", &n);
    int8_t *labels = reference_labels(c, "labels", &n);
    assert_int_equal(localisation_scores(heat, labels, (int)sqrt((double)n), &s, NULL), OK);
    const double got[] = { s.pointing0, s.pointing15, s.top_k, s.rank, s.auc };
    reference_hold(c, "want", got, 5);
    reference_hold_one(c, "want_share", mask_share(labels, n));
    free(heat);
    free(labels);
}

static void check_mass(const struct reference_case *c)
{
    size_t n, cells;
    float *map = reference_floats(c, "map", &cells);
    int8_t *labels = reference_labels(c, "labels", &n);
    float *heat = malloc(n * sizeof *heat);
    assert_non_null(heat);
    positive_heat(map, (int)sqrt((double)cells), (int)sqrt((double)n), heat);
    reference_hold_one(c, "want", mass_accuracy(heat, labels, n));
    memset(labels, 0, n);
    reference_hold_one(c, "want_empty", mass_accuracy(heat, labels, n));
    memset(labels, 1, n);
    reference_hold_one(c, "want_full", mass_accuracy(heat, labels, n));
    free(map);
    free(labels);
    free(heat);
}

/* The same bits by way of ranks that are found before. */
static void check_ranked(const float *map, const float *other, size_t n, bool magnitude,
                         double want)
{
    uint32_t *twice = malloc((n + 1) * sizeof *twice);
    double v;
    assert_non_null(twice);
    assert_int_equal(map_ranks(map, n, magnitude, twice, NULL), OK);
    assert_int_equal(map_spearman_ranked(twice, other, n, magnitude, &v, NULL), OK);
    assert_true(v == want || (isnan(v) && isnan(want)));
    free(twice);
}

static void check_map(const struct reference_case *c)
{
    size_t n;
    double v;
    float *map = reference_floats(c, "map", &n), *other = reference_floats(c, "other", &n);
    assert_int_equal(gini(map, n, &v, NULL), OK);
    reference_hold_one(c, "want_gini", v);
    reference_hold_one(c, "want_entropy", map_entropy(map, n));
    reference_hold_one(c, "want_share", map_entropy_share(map, n));
    reference_hold_one(c, "want_complexity", map_complexity(map, n));
    reference_hold_one(c, "want_emprt", emprt(map, other, n));
    assert_int_equal(map_spearman(map, other, n, &v, NULL), OK);
    reference_hold_one(c, "want_spearman", v);
    check_ranked(map, other, n, false, v);
    assert_int_equal(map_spearman_abs(map, other, n, &v, NULL), OK);
    reference_hold_one(c, "want_spearman_abs", v);
    check_ranked(map, other, n, true, v);
    assert_int_equal(map_pearson(map, other, n, &v, NULL), OK);
    reference_hold_one(c, "want_pearson", v);
    reference_hold_one(c, "want_distance", map_distance(map, other, n));
    free(map);
    free(other);
}

static void check_ssim(const struct reference_case *c)
{
    size_t n;
    double v;
    float *a = reference_floats(c, "a", &n), *b = reference_floats(c, "b", &n);
    assert_int_equal(heat_ssim(a, b, (int)sqrt((double)n), &v, NULL), OK);
    reference_hold_one(c, "want", v);
    free(a);
    free(b);
}

static void check_road(const struct reference_case *c)
{
    size_t n, values;
    uint32_t *rank = reference_ranks(c, "rank", &n), *rgb = reference_ranks(c, "rgb", &values);
    int side = (int)sqrt((double)n);
    uint8_t *image = malloc(values);
    float *out = malloc(values * sizeof *out);
    double *scratch = malloc(road_scratch(side) * sizeof *scratch);
    double *got = malloc(values * sizeof *got);
    assert_true(image && out && scratch && got);
    for (size_t i = 0; i < values; i++)
        image[i] = (uint8_t)rgb[i];
    const struct road in = { .side = side,
                             .rgb = image,
                             .rank = rank,
                             .removed = (uint32_t)reference_number(c, "removed"),
                             .tolerance = 1e-8 };
    struct road_report report;
    assert_int_equal(road_impute(&in, scratch, out, &report, NULL), OK);
    for (size_t i = 0; i < values; i++)
        got[i] = (double)out[i];
    reference_hold(c, "want", got, values);
    assert_true(report.residual <= 1e-8);
    free(rank);
    free(rgb);
    free(image);
    free(out);
    free(scratch);
    free(got);
}

static void check_agreement(const struct reference_case *c)
{
    const double *value = reference_get(c, "value", NULL), *shape = reference_get(c, "shape", NULL);
    const double *higher = reference_get(c, "higher", NULL);
    int metrics = (int)shape[0], methods = (int)shape[1];
    double rank[64], mean[16];
    for (int m = 0; m < metrics; m++)
        rank_methods(value + m * methods, methods, higher[m] != 0, rank + m * methods);
    reference_hold(c, "want_rank", rank, (size_t)(metrics * methods));
    mean_ranks(rank, metrics, methods, mean);
    reference_hold(c, "want_mean", mean, (size_t)methods);
    reference_hold_one(c, "want_w", kendalls_w(rank, metrics, methods));
}

static void check_holm(const struct reference_case *c)
{
    size_t n;
    double out[16];
    const double *p = reference_get(c, "p", &n);
    assert_int_equal(holm(p, n, out, NULL), OK);
    reference_hold(c, "want", out, n);
}

static void check_effect(const struct reference_case *c)
{
    size_t n;
    struct effect e;
    const double *d = reference_get(c, "d", &n);
    assert_int_equal(effect_sizes(d, n, &e, NULL), OK);
    const double got[] = { e.mean, e.d_z, e.share_better, e.rank_biserial };
    reference_hold(c, "want", got, 4);
}

static void check_cliff(const struct reference_case *c)
{
    size_t na, nb;
    double delta;
    const double *a = reference_get(c, "a", &na), *b = reference_get(c, "b", &nb);
    assert_int_equal(cliffs_delta(a, na, b, nb, &delta, NULL), OK);
    reference_hold_one(c, "want", delta);
}

static void check_wilson(const struct reference_case *c)
{
    const double *of = reference_get(c, "of", NULL);
    struct interval ci = wilson_interval(of[0], of[1], 0.95);
    const double got[] = { ci.low, ci.high };
    reference_hold(c, "want", got, 2);
}

static void check_quantile(const struct reference_case *c)
{
    static const double freedom[] = { 1, 2, 5, 30, 49999 };
    size_t n;
    const double *p = reference_get(c, "p", &n);
    double normal[16], student[5 * 16];
    for (size_t i = 0; i < n; i++) {
        normal[i] = normal_quantile(p[i]);
        for (size_t f = 0; f < 5; f++) /* relative: the tails of freedom 1 are far out */
            student[f * n + i] = student_quantile(p[i], freedom[f]);
    }
    reference_hold(c, "want_normal", normal, n);
    const double *want = reference_get(c, "want_student", NULL);
    for (size_t i = 0; i < 5 * n; i++)
        assert_true(fabs(student[i] - want[i]) <= 1e-8 * (1 + fabs(want[i])));
}

/* 2^10 sign patterns exactly; a draw of 99,999 lies within four standard deviations. */
static void check_sign_flips(const struct reference_case *c)
{
    size_t n;
    const double *d = reference_get(c, "d", &n);
    double want = reference_number(c, "want"), draws = 99999;
    double got = sign_flip_p(d, n, 7, (int)draws);
    assert_true(fabs(got - want) <= 4 * sqrt(want * (1 - want) / draws) + 1 / draws);
}

#define REFERENCE_TEST(name, prefix, least)                                                        \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        assert_true(reference_each(prefix, check_##name) >= (least));                              \
    }
REFERENCE_TEST(mas, "mas_", 12)
REFERENCE_TEST(moved, "moved_", 3)
REFERENCE_TEST(means, "means_of_curves", 1)
REFERENCE_TEST(groups, "groups_", 3)
REFERENCE_TEST(parts, "parts_", 7)
REFERENCE_TEST(local, "local_", 11)
REFERENCE_TEST(mass, "mass_", 6)
REFERENCE_TEST(map, "map_", 7)
REFERENCE_TEST(ssim, "ssim_", 6)
REFERENCE_TEST(road, "road_", 5)
REFERENCE_TEST(agreement, "agree_", 7)
REFERENCE_TEST(holm, "holm_", 5)
REFERENCE_TEST(effect, "effect_", 6)
REFERENCE_TEST(cliff, "cliff", 1)
REFERENCE_TEST(wilson, "wilson_", 6)
REFERENCE_TEST(quantile, "quantile", 1)
REFERENCE_TEST(sign_flips, "sign_flips", 1)
REFERENCE_TEST(curve, "curve_", 9)
REFERENCE_TEST(gaps, "gaps_", 4)
REFERENCE_TEST(hits, "hits_", 3)
REFERENCE_TEST(moves, "moves_", 4)
REFERENCE_TEST(sums, "sums_", 3)
REFERENCE_TEST(segment, "segment_", 8)

int main(int argc, char **argv)
{
    if (argc != 2 || !reference_open(argv[1])) {
        fprintf(stderr, "usage: test_reference reference.txt\n");
        return 2;
    }
    int failed = RUN_TESTS(
        NULL, NULL, TEST(test_curve), TEST(test_means), TEST(test_mas), TEST(test_moved),
        TEST(test_groups), TEST(test_parts), TEST(test_local), TEST(test_mass), TEST(test_map),
        TEST(test_ssim), TEST(test_road), TEST(test_agreement), TEST(test_holm), TEST(test_effect),
        TEST(test_cliff), TEST(test_wilson), TEST(test_quantile), TEST(test_sign_flips),
        TEST(test_gaps), TEST(test_hits), TEST(test_moves), TEST(test_sums), TEST(test_segment));
    reference_close();
    return failed;
}
