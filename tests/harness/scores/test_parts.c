/* Tests of what has no counterpart in numpy: random sets of patches, tiles to remove, the noise of
 * ROAD. */
#include <stdint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"
#include "localisation.h"
#include "random.h"
#include "ranking.h"
#include "road.h"
#include "upsample.h"

#include "run_tests.h"

static void subsets_are_sets_and_even(void **state)
{
    (void)state;
    enum { SUBSETS = 4000, CELLS = 49 };
    static uint8_t mask[SUBSETS * CELLS], again[SUBSETS * CELLS];
    int drawn[CELLS] = { 0 };
    draw_subsets(5, SUBSETS, CELLS, mask);
    for (int s = 0; s < SUBSETS; s++) {
        int size = 0;
        for (int i = 0; i < CELLS; i++) {
            size += mask[s * CELLS + i];
            drawn[i] += mask[s * CELLS + i];
        }
        assert_int_equal(size, CELLS / 10);
    }
    double expected = SUBSETS * (CELLS / 10) / (double)CELLS;
    for (int i = 0; i < CELLS; i++) /* five standard deviations of a binomial */
        assert_true(fabs(drawn[i] - expected) < 5 * sqrt(expected));
    draw_subsets(5, SUBSETS / 2, CELLS, again); /* fewer: the first of the same */
    assert_memory_equal(mask, again, SUBSETS / 2 * CELLS);
    draw_subsets(6, SUBSETS / 2, CELLS, again);
    assert_true(memcmp(mask, again, SUBSETS / 2 * CELLS) != 0);
    assert_int_equal(subset_size(4), 1);
}

static void tiles_go_one_at_a_time(void **state)
{
    (void)state;
    enum { SIDE = 10, Q = 4 };
    uint32_t rank[SIDE * SIDE];
    int covered[SIDE * SIDE] = { 0 };
    for (int t = 0; t < Q * Q; t++) {
        int gone = 0;
        tile_rank(SIDE, Q, t, rank);
        for (int i = 0; i < SIDE * SIDE; i++) {
            gone += rank[i] < 1;
            covered[i] += rank[i] < 1;
        }
        assert_int_equal(gone, (SIDE / Q) * (SIDE / Q));
    }
    for (int i = 0; i < SIDE * SIDE; i++) /* what does not fit is in no tile */
        assert_int_equal(covered[i], i % SIDE < 8 && i / SIDE < 8);
}

/* Straight from the map what tile_heat sums over its pixels; a symmetric map has tiles that tie. */
static void tiles_of_a_map(void **state)
{
    (void)state;
    enum { GRID = 5, SIDE = 23, Q = 4 };
    float map[GRID * GRID], heat[SIDE * SIDE];
    double sums[Q * Q], direct[Q * Q];
    for (int i = 0; i < GRID * GRID; i++)
        map[i] = (float)((i * 7 + 3) % 11) / 11;
    positive_heat(map, GRID, SIDE, heat);
    tile_heat(heat, SIDE, Q, sums);
    assert_int_equal(map_tile_heat(map, GRID, SIDE, Q, direct, NULL), OK);
    for (int t = 0; t < Q * Q; t++)
        assert_true(fabs(sums[t] - direct[t]) < 1e-4);
    for (int i = 0; i < GRID * GRID; i++) {
        int y = i / GRID - GRID / 2, x = i % GRID - GRID / 2;
        map[i] = -sqrtf((float)(y * y + x * x)) / 3;
    }
    assert_int_equal(map_tile_heat(map, GRID, 20, Q, direct, NULL), OK);
    for (int y = 0; y < Q; y++)
        for (int x = 0; x < Q; x++)
            assert_true(direct[y * Q + x] == direct[x * Q + Q - 1 - y]);
    map[7] = NAN;
    assert_int_equal(map_tile_heat(map, GRID, 20, Q, direct, NULL), OK);
    for (int t = 0; t < Q * Q; t++)
        assert_true(isnan(direct[t]));
}

/* Heat over patches of a map of another size: pixel by pixel, also where patches differ by a row;
 * all of it is in some patch. A constant map has none. */
static void patches_of_another_map(void **state)
{
    (void)state;
    enum { GRID = 7, SIDE = 23, CELLS = 5 };
    float map[GRID * GRID], heat[CELLS * CELLS];
    double up[SIDE * SIDE], direct[CELLS * CELLS] = { 0 }, lowest = INFINITY;
    for (int i = 0; i < GRID * GRID; i++)
        map[i] = (float)((i * 7 + 3) % 11) - 6;
    upsample(map, GRID, GRID, SIDE, up);
    for (int i = 0; i < SIDE * SIDE; i++)
        lowest = fmin(lowest, up[i]);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            direct[y * CELLS / SIDE * CELLS + x * CELLS / SIDE] += up[y * SIDE + x] - lowest;
    assert_int_equal(map_patch_heat(map, GRID, SIDE, CELLS, heat, NULL), OK);
    for (int i = 0; i < CELLS * CELLS; i++)
        assert_true(heat[i] == (float)direct[i]);
    for (int i = 0; i < GRID * GRID; i++)
        map[i] = -3.3f;
    assert_int_equal(map_patch_heat(map, GRID, SIDE, CELLS, heat, NULL), OK);
    for (int i = 0; i < CELLS * CELLS; i++)
        assert_true(heat[i] == 0);
}

static void order_breaks_ties_by_index(void **state)
{
    (void)state;
    const float heat[] = { 0.5f, -0.0f, 1, 0, 0.5f, -2 };
    const uint32_t down[] = { 2, 0, 4, 1, 3, 5 }, up[] = { 5, 1, 3, 0, 4, 2 };
    uint32_t order[6];
    assert_int_equal(heat_order(heat, 6, true, order, NULL), OK);
    assert_memory_equal(order, down, sizeof order);
    assert_int_equal(heat_order(heat, 6, false, order, NULL), OK);
    assert_memory_equal(order, up, sizeof order);
}

/* ---- ROAD --------------------------------------------------------------------------------- */

enum { SIDE = 48, PIXELS = SIDE * SIDE };

struct image {
    uint8_t rgb[PIXELS * 3];
    uint32_t rank[PIXELS];
    double scratch[7 * (SIDE + 2) * (SIDE + 2)];
    float plain[PIXELS * 3], noisy[PIXELS * 3], other[PIXELS * 3];
};

static struct road make(struct image *im, uint32_t removed)
{
    assert_true(road_scratch(SIDE) == sizeof im->scratch / sizeof *im->scratch);
    struct rng rng = rng_stream(2, 0);
    for (int i = 0; i < PIXELS; i++) {
        im->rank[i] = (uint32_t)((i * 1237 + 11) % PIXELS);
        for (int c = 0; c < 3; c++)
            im->rgb[3 * i + c] = (uint8_t)rng_below(&rng, 256);
    }
    return (struct road){
        .side = SIDE, .rgb = im->rgb, .rank = im->rank, .removed = removed, .tolerance = 1e-6
    };
}

static void noise_has_its_size_and_depends_on_the_seed(void **state)
{
    (void)state;
    struct image *im = calloc(1, sizeof *im);
    assert_non_null(im);
    struct road in = make(im, PIXELS / 2);
    struct road_report report;
    assert_int_equal(road_impute(&in, im->scratch, im->plain, &report, NULL), OK);
    in.noise = ROAD_NOISE;
    in.seed = 17;
    assert_int_equal(road_impute(&in, im->scratch, im->noisy, &report, NULL), OK);
    assert_int_equal(road_impute(&in, im->scratch, im->other, &report, NULL), OK);
    assert_memory_equal(im->noisy, im->other, sizeof im->noisy);

    double sum = 0, square = 0, cross = 0, n = 0;
    for (int i = 0; i < PIXELS; i++) {
        double d[3];
        for (int c = 0; c < 3; c++) {
            d[c] = (double)im->noisy[3 * i + c] - (double)im->plain[3 * i + c];
            if (im->rank[i] >= PIXELS / 2)
                assert_true(d[c] == 0 && im->plain[3 * i + c] == im->rgb[3 * i + c] / 255.0f);
            sum += d[c];
            square += d[c] * d[c];
        }
        cross += d[0] * d[1];
        n += im->rank[i] < PIXELS / 2 ? 3 : 0;
    }
    double sd = sqrt(square / n);
    assert_true(fabs(sd - ROAD_NOISE) < 5 * ROAD_NOISE / sqrt(2 * n));
    assert_true(fabs(sum / n) < 5 * ROAD_NOISE / sqrt(n));
    assert_true(fabs(cross / (n / 3)) < 5 * ROAD_NOISE * ROAD_NOISE / sqrt(n / 3)); /* channels */

    in.seed = 18;
    assert_int_equal(road_impute(&in, im->scratch, im->other, &report, NULL), OK);
    assert_true(memcmp(im->noisy, im->other, sizeof im->noisy) != 0);
    free(im);
}

/* The stated error: 1e-6 of the right-hand side leaves pixels within 1e-4 of the solution. */
static void tolerance_is_enough(void **state)
{
    (void)state;
    struct image *im = calloc(1, sizeof *im);
    assert_non_null(im);
    for (int tenth = 1; tenth <= 9; tenth += 4) {
        struct road in = make(im, (uint32_t)(PIXELS * tenth / 10));
        struct road_report report, fine;
        for (int i = 0; i < PIXELS; i++) /* one hole, the hardest kind */
            im->rank[i] = (uint32_t)i;
        assert_int_equal(road_impute(&in, im->scratch, im->plain, &report, NULL), OK);
        in.tolerance = 1e-12;
        assert_int_equal(road_impute(&in, im->scratch, im->other, &fine, NULL), OK);
        assert_true(fine.iterations > report.iterations && report.residual <= 1e-6);
        double worst = 0;
        for (int i = 0; i < PIXELS * 3; i++)
            worst = fmax(worst, fabs((double)im->plain[i] - (double)im->other[i]));
        print_message("%d %%: %d iterations, %.1e off\n", 10 * tenth, report.iterations, worst);
        assert_true(worst < 1e-4);
    }
    free(im);
}

static void nothing_left_is_refused(void **state)
{
    (void)state;
    struct image *im = calloc(1, sizeof *im);
    assert_non_null(im);
    struct road in = make(im, PIXELS);
    struct road_report report;
    struct error err;
    assert_int_equal(road_impute(&in, im->scratch, im->plain, &report, &err), E_DATA);
    assert_non_null(strstr(err.text, "no pixel is left"));
    free(im);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(subsets_are_sets_and_even), TEST(tiles_go_one_at_a_time),
                     TEST(tiles_of_a_map), TEST(patches_of_another_map),
                     TEST(order_breaks_ties_by_index),
                     TEST(noise_has_its_size_and_depends_on_the_seed), TEST(tolerance_is_enough),
                     TEST(nothing_left_is_refused));
}
