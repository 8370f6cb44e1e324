/* metrics.c and stats.c against cases worked by hand and against the definitions written out
 * naively. */
#include <stdint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "stats.h"

#include "run_tests.h"

#define NEAR(a, b, tolerance) assert_true(fabs((double)(a) - (double)(b)) <= (tolerance))

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A value in [0, 1] with `levels` + 1 possible values, so that ties happen. */
static float tied_value(uint32_t *state, uint32_t levels)
{
    return (float)(next_random(state) % (levels + 1)) / (float)levels;
}

/* The definition, quadratic: at every distinct threshold, precision and recall by counting. */
static double naive_ap(const double *score, const uint8_t *positive, size_t n)
{
    double ap = 0, recall_before = 0, last = INFINITY;
    for (;;) {
        double threshold = -INFINITY, tp = 0, fp = 0, all = 0;
        for (size_t i = 0; i < n; i++)
            if (score[i] < last && score[i] > threshold)
                threshold = score[i];
        if (isinf(threshold))
            return ap;
        for (size_t i = 0; i < n; i++) {
            all += positive[i];
            tp += positive[i] && score[i] >= threshold;
            fp += !positive[i] && score[i] >= threshold;
        }
        if (all == 0)
            return 0;
        ap += (tp / all - recall_before) * tp / (tp + fp);
        recall_before = tp / all;
        last = threshold;
    }
}

static void ap_by_hand(void **state)
{
    (void)state;
    /* scikit-learn's own documentation example: 0.83 */
    const float score[] = { 0.1f, 0.4f, 0.35f, 0.8f };
    const uint8_t positive[] = { 0, 0, 1, 1 };
    double ap;
    assert_int_equal(average_precision(score, positive, 4, &ap, NULL), OK);
    NEAR(ap, 0.5 * 1 + 0.5 * 2 / 3, 1e-15);

    const float all_tied[] = { 0.5f, 0.5f, 0.5f, 0.5f };
    assert_int_equal(average_precision(all_tied, positive, 4, &ap, NULL), OK);
    NEAR(ap, 0.5, 1e-15);

    const uint8_t none[] = { 0, 0, 0, 0 };
    assert_int_equal(average_precision(score, none, 4, &ap, NULL), OK);
    assert_true(ap == 0);
    assert_int_equal(average_precision(score, none, 0, &ap, NULL), OK);
    assert_true(ap == 0);

    const float negative[] = { -1.0f, -0.0f, 0.0f, -2.0f }; /* the two zeros tie */
    const uint8_t second[] = { 0, 1, 0, 0 };
    assert_int_equal(average_precision(negative, second, 4, &ap, NULL), OK);
    NEAR(ap, 0.5, 1e-15);
}

static void ap_against_definition(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 60; round++) {
        size_t n = 1 + next_random(&seed) % 90;
        uint32_t levels = 1 + next_random(&seed) % 40;
        float score[90];
        double wide[90];
        uint8_t positive[90];
        for (size_t i = 0; i < n; i++) {
            wide[i] = score[i] = tied_value(&seed, levels) - 0.3f;
            positive[i] = next_random(&seed) % 3 == 0;
        }
        double ap;
        assert_int_equal(average_precision(score, positive, n, &ap, NULL), OK);
        NEAR(ap, naive_ap(wide, positive, n), 1e-12);
    }
}

static void segmentation_by_hand(void **state)
{
    (void)state;
    /* mean 0.5: foreground are pixels 0 and 1 */
    const float heat[] = { 1.0f, 0.75f, 0.25f, 0.0f, 0.5f };
    const int8_t labels[] = { 1, 0, 0, 1, -1 };
    struct segmentation_score s;
    assert_int_equal(segmentation_score(heat, labels, 5, &s, NULL), OK);
    assert_int_equal(s.correct, 2);
    assert_int_equal(s.labelled, 4);
    assert_int_equal(s.intersection[0], 1);
    assert_int_equal(s.intersection[1], 1);
    assert_int_equal(s.united[0], 3);
    assert_int_equal(s.united[1], 3);
    /* [1 - heat | heat] = 0 .25 .75 1 | 1 .75 .25 0 against 0 1 1 0 | 1 0 0 1:
     * at 1: 1 of 2; at .75: 2 of 4; at .25: 3 of 6; at 0: 4 of 8 */
    NEAR(s.ap, 0.5, 1e-7);

    struct segmentation_totals t;
    segmentation_totals(&s, NULL, 1, &t);
    NEAR(t.pixel_accuracy, 50, 1e-12);
    NEAR(t.miou, 100.0 / 3, 1e-12);
    NEAR(t.map, 50, 1e-5);
}

/* A map without contrast is a constant score, which gets the base rate of the concatenation. */
static void flat_heat_is_chance(void **state)
{
    (void)state;
    const float heat[4] = { 0 };
    const int8_t labels[] = { 0, 0, 0, 1 }, none[] = { -1, -1, -1, -1 };
    struct segmentation_score s;
    assert_int_equal(segmentation_score(heat, labels, 4, &s, NULL), OK);
    assert_true(s.ap == 0.5f);
    assert_int_equal(s.correct, 3); /* all background, as before */
    assert_int_equal(segmentation_score(heat, none, 4, &s, NULL), OK);
    assert_true(isnan(s.ap));
}

static void segmentation_against_definition(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (int round = 0; round < 40; round++) {
        size_t n = 1 + next_random(&seed) % 60, m = 0;
        uint32_t levels = 1 + next_random(&seed) % 30;
        float heat[60];
        int8_t labels[60];
        double both[120], mean = 0;
        uint8_t positive[120];
        for (size_t i = 0; i < n; i++) {
            heat[i] = tied_value(&seed, levels);
            labels[i] = (int8_t)((int)(next_random(&seed) % 4) - 1);
            labels[i] = labels[i] == 2 ? 0 : labels[i];
            mean += (double)heat[i];
            m += labels[i] >= 0;
        }
        int correct = 0;
        mean /= (double)n;
        for (size_t i = 0, k = 0; i < n; i++) {
            if (labels[i] < 0)
                continue;
            both[k] = 1 - (double)heat[i];
            positive[k] = labels[i] == 0;
            both[m + k] = (double)heat[i];
            positive[m + k++] = labels[i] == 1;
            correct += labels[i] == ((double)heat[i] > mean);
        }
        struct segmentation_score s;
        assert_int_equal(segmentation_score(heat, labels, n, &s, NULL), OK);
        if (m == 0) {
            assert_true(isnan(s.ap));
            continue;
        }
        assert_int_equal(s.labelled, m);
        assert_int_equal(s.correct, correct);
        NEAR(s.ap, naive_ap(both, positive, 2 * m), 1e-6);
    }
}

static void segmentation_edges(void **state)
{
    (void)state;
    struct segmentation_score s[3];
    struct error err;
    const float flat[] = { 0, 0, 0 };
    const int8_t fore[] = { 1, 1, 1 }, unlabelled[] = { -1, -1, -1 }, wrong[] = { 0, 2, 1 };

    /* a constant map: nothing is above its mean */
    assert_int_equal(segmentation_score(flat, fore, 3, &s[0], NULL), OK);
    assert_int_equal(s[0].correct, 0);
    assert_int_equal(s[0].united[0], 3);
    assert_int_equal(s[0].united[1], 3);
    assert_int_equal(segmentation_score(flat, unlabelled, 3, &s[1], NULL), OK);
    assert_int_equal(s[1].labelled, 0);
    assert_true(isnan(s[1].ap));
    assert_int_equal(segmentation_score(flat, wrong, 3, &s[2], &err), E_DATA);
    assert_non_null(strstr(err.text, "pixel 1 is labelled 2"));

    struct segmentation_totals t;
    segmentation_totals(s, NULL, 2, &t); /* the unlabelled image changes nothing */
    assert_int_equal(t.images, 2);
    assert_int_equal(t.ap_images, 1);
    NEAR(t.pixel_accuracy, 0, 0);
    const uint8_t second[] = { 0, 1 };
    segmentation_totals(s, second, 2, &t);
    assert_true(isnan(t.pixel_accuracy) && isnan(t.map) && isnan(t.miou));
}

static void shortcut_share(void **state)
{
    (void)state;
    /* by hand: 0.5 + 0.25 of 0.5 + 0.25 + 1 + 0.75 = 2.5 lies inside; negative heat is none */
    const float heat[] = { 0.5f, -3, 0.25f, 1, 0.75f, 0, -1, 0 };
    const int8_t inside[] = { 1, 1, 1, 0, 0, 0, 0, 1 }, nowhere[8] = { 0 };
    const float cold[8] = { 0 };
    NEAR(heat_share(heat, inside, 8), 0.3, 1e-15);
    NEAR(heat_share(heat, nowhere, 8), 0, 0);
    assert_true(isnan(heat_share(cold, inside, 8))); /* a constant map has no heat to share */
    NEAR(area_share(inside, 8), 0.5, 0);
    NEAR(area_share(nowhere, 8), 0, 0);
}

static void ties(void **state)
{
    (void)state;
    const float heat[] = { 0.5f, 0, -0.0f, 0.25f, 0, 0.5f };
    size_t tie;
    assert_int_equal(largest_tie(heat, 6, &tie, NULL), OK);
    assert_int_equal(tie, 3);
    assert_int_equal(largest_tie(heat, 1, &tie, NULL), OK);
    assert_int_equal(tie, 1);
    assert_int_equal(largest_tie(heat, 0, &tie, NULL), OK);
    assert_int_equal(tie, 0);
}

static void curves(void **state)
{
    (void)state;
    enum { CURVE_POINTS = 10 };
    const struct curve_axis *axis = &curve_axis_published;
    static const double most[AUC_CONVENTIONS] = { 90, 80, 100, 100 };
    const double stays[CURVE_POINTS] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    const double falls[CURVE_POINTS] = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    for (int c = 0; c < AUC_CONVENTIONS; c++) {
        NEAR(curve_auc(axis, stays, (enum auc_convention)c), most[c], 1e-12);
        NEAR(auc_highest(axis, (enum auc_convention)c), most[c], 1e-12);
    }
    NEAR(curve_auc(axis, falls, AUC_TRAPEZOID), 5, 1e-12);
    NEAR(curve_auc(axis, falls, AUC_TRAPEZOID_FROM10), 0, 1e-12);
    NEAR(curve_auc(axis, falls, AUC_MEAN_NINE), 0, 1e-12);
    NEAR(curve_auc(axis, falls, AUC_MEAN_TEN), 10, 1e-12);

    uint8_t hit[3 * CURVE_POINTS] = { 0 };
    float prob[3 * CURVE_POINTS] = { 0 };
    for (int k = 0; k < CURVE_POINTS; k++) {
        hit[k] = 1;
        hit[CURVE_POINTS + k] = k < 3;
        hit[2 * CURVE_POINTS + k] = 1;
        prob[k] = 0.5f;
        prob[CURVE_POINTS + k] = 0.25f;
    }
    const uint8_t use[] = { 1, 1, 0 }, no[] = { 0, 0, 0 };
    double curve[CURVE_POINTS];
    assert_int_equal(accuracy_curve(hit, use, 3, CURVE_POINTS, curve), 2);
    NEAR(curve[2], 1, 0);
    NEAR(curve[3], 0.5, 0);
    assert_int_equal(probability_curve(prob, use, 3, CURVE_POINTS, curve), 2);
    NEAR(curve[9], 0.375, 0);
    assert_int_equal(accuracy_curve(hit, NULL, 3, CURVE_POINTS, curve), 3);
    NEAR(curve[9], 2.0 / 3, 1e-15);
    assert_int_equal(accuracy_curve(hit, no, 3, CURVE_POINTS, curve), 0);
    assert_true(isnan(curve[0]));
    NEAR(hits_auc(axis, hit), 90, 1e-12);
    NEAR(hits_auc(axis, hit + CURVE_POINTS), 25, 1e-12);
    NEAR(probability_auc(axis, prob), 45, 1e-12);

    /* other axes: 20 steps of 5 %, to the filled image */
    const struct curve_axis fine = { 20, 100 };
    uint8_t half[21] = { 0 };
    for (int k = 0; k <= 10; k++)
        half[k] = 1;
    NEAR(hits_auc(&fine, half), 52.5, 1e-12);
    NEAR(auc_highest(&fine, AUC_TRAPEZOID_FROM10), 95, 1e-12);
}

/* The published shares are the doubles nearest to 0.1, 0.2 ... as a program writes them. */
static void shares(void **state)
{
    (void)state;
    for (int k = 0; k < 10; k++)
        assert_true(curve_share(&curve_axis_published, k) == k / 10.0);
    assert_true(curve_share(&(struct curve_axis){ 224, 100 }, 224) == 1);
    assert_true(curve_share(&(struct curve_axis){ 20, 100 }, 7) == 0.35);
}

static void mean_and_ratio(const double *sums, size_t n, double *figures)
{
    figures[0] = sums[0] / (double)n;
    figures[1] = sums[0] / sums[1];
}

static void bootstrap(void **state)
{
    (void)state;
    enum { N = 2000 };
    double *rows = malloc(N * 2 * sizeof *rows);
    const struct interval range[2] = { { 0, 1 }, { 0, 0.5 } };
    struct interval a[2], b[2];
    uint32_t seed = 3;
    for (size_t i = 0; i < N; i++) {
        rows[2 * i] = (double)(next_random(&seed) % 10 < 3);
        rows[2 * i + 1] = 2;
    }
    double mean = 0;
    for (size_t i = 0; i < N; i++)
        mean += rows[2 * i] / N;
    assert_int_equal(
        bootstrap_intervals(rows, N, 2, mean_and_ratio, 2, range, &bootstrap_default, a, NULL), OK);
    /* against the normal approximation, within the sampling error of 1000 resamples */
    double half = 1.96 * sqrt(mean * (1 - mean) / N);
    NEAR(a[0].low, mean - half, 0.1 * half);
    NEAR(a[0].high, mean + half, 0.1 * half);
    NEAR(a[1].low, a[0].low / 2, 1e-12); /* a ratio is resampled as a ratio */
    NEAR(a[1].high, a[0].high / 2, 1e-12);

    assert_int_equal(
        bootstrap_intervals(rows, N, 2, mean_and_ratio, 2, range, &bootstrap_default, b, NULL), OK);
    assert_memory_equal(a, b, sizeof a);
    struct bootstrap_options other = bootstrap_default;
    other.seed++;
    assert_int_equal(bootstrap_intervals(rows, N, 2, mean_and_ratio, 2, range, &other, b, NULL),
                     OK);
    assert_true(a[0].low != b[0].low || a[0].high != b[0].high);
    assert_int_equal(
        bootstrap_intervals(rows, 0, 2, mean_and_ratio, 2, range, &bootstrap_default, b, NULL), OK);
    assert_true(isnan(b[0].low) && isnan(b[1].high));

    /* one image, and 200 that agree, are not certain */
    for (size_t i = 0; i < 200; i++)
        rows[2 * i] = 1;
    assert_int_equal(
        bootstrap_intervals(rows, 1, 2, mean_and_ratio, 2, range, &bootstrap_default, a, NULL), OK);
    assert_int_equal(
        bootstrap_intervals(rows, 200, 2, mean_and_ratio, 2, range, &bootstrap_default, b, NULL),
        OK);
    assert_true(a[0].low < 0.3 && a[0].high == 1);
    assert_true(b[0].low > 0.97 && b[0].low < 0.99 && b[0].high == 1);
    NEAR(b[1].low, b[0].low / 2, 1e-12);
    free(rows);
}

static void mcnemar(void **state)
{
    (void)state;
    /* 8 discordant pairs, 1 against 7: 2 (1 + 8) / 2^8 */
    const uint8_t a[] = { 1, 0, 0, 0, 0, 0, 0, 0, 1, 0 }, b[] = { 0, 1, 1, 1, 1, 1, 1, 1, 1, 0 };
    struct mcnemar m;
    mcnemar_test(a, b, 1, NULL, 10, &m);
    assert_int_equal(m.only_a, 1);
    assert_int_equal(m.only_b, 7);
    assert_int_equal(m.both, 1);
    assert_int_equal(m.neither, 1);
    NEAR(m.p_exact, 18.0 / 256, 1e-12);
    mcnemar_test(a, a, 1, NULL, 10, &m);
    NEAR(m.p_exact, 1, 0);
    mcnemar_test(a, b, 2, NULL, 5, &m); /* every second: 1 against 3 */
    assert_int_equal(m.only_b, 3);
    NEAR(m.p_exact, 2.0 * (1 + 4) / 16, 1e-12);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(ap_by_hand), TEST(ap_against_definition),
                     TEST(segmentation_by_hand), TEST(flat_heat_is_chance),
                     TEST(segmentation_against_definition), TEST(segmentation_edges),
                     TEST(shortcut_share), TEST(ties), TEST(curves), TEST(shares), TEST(bootstrap),
                     TEST(mcnemar));
}
