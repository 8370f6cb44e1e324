/* heat and rank of the reference: values by hand, brute force, exact ties (SPEC 6). */
#include "host.h"

static void test_heat_values(void **state)
{
    struct backend *be = *state;
    const float map[] = { 0, 1, 2, 3 };
    float heat[16];
    CALL(be, heat, .n = 1, .grid = 2, .side = 4, .maps = map, .heat = heat);
    /* An axis of 2 cells at 4 half-pixel centres: -0.25, 0.25, 0.75, 1.25, clamped to [0, 1].
     * The map is x + 2y, so its min-max is that over 3. */
    static const double at[] = { 0, 0.25, 0.75, 1 };
    for (int i = 0; i < 16; i++)
        assert_true(heat[i] == (float)((at[i % 4] + 2 * at[i / 4]) / 3));
}

/* Whatever the weights: an interpolation that is off by one bit would become a map of noise. */
static void test_heat_constant(void **state)
{
    struct backend *be = *state;
    uint64_t seed = 3;
    for (int side = 5; side < 60; side += 3)
        for (int grid = 1; grid < 12; grid++) {
            float map[11 * 11], heat[60 * 60], value = (float)next_uniform(&seed, -1, 1);
            for (int i = 0; i < grid * grid; i++)
                map[i] = value;
            CALL(be, heat, .n = 1, .grid = grid, .side = side, .maps = map, .heat = heat);
            for (int i = 0; i < side * side; i++)
                assert_true(heat[i] == 0);
        }
}

/* Shrinking and odd ratios against the interpolation's definition, cell by cell. */
static void test_heat_brute(void **state)
{
    static const int sizes[][2] = { { 1, 3 }, { 3, 10 }, { 5, 80 }, { 14, 224 }, { 7, 3 } };
    struct backend *be = *state;
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int grid = sizes[k][0], side = sizes[k][1], count = side * side;
        uint64_t seed = k;
        float map[14 * 14], *heat = calloc((size_t)count, sizeof *heat);
        double *want = zeros((size_t)count), low = INFINITY, high = -INFINITY;
        for (int i = 0; i < grid * grid; i++)
            map[i] = (float)next_uniform(&seed, -2, 3);
        for (int i = 0; i < count; i++) {
            double y = ((i / side) + 0.5) * grid / side - 0.5;
            double x = ((i % side) + 0.5) * grid / side - 0.5;
            x = fmin(fmax(x, 0), grid - 1), y = fmin(fmax(y, 0), grid - 1);
            for (int c = 0; c < grid * grid; c++)
                want[i] += map[c] * fmax(0, 1 - fabs(c % grid - x)) *
                           fmax(0, 1 - fabs(c / grid - y)); /* tents around the centres */
            low = fmin(low, want[i]), high = fmax(high, want[i]);
        }
        CALL(be, heat, .n = 1, .grid = grid, .side = side, .maps = map, .heat = heat);
        for (int i = 0; i < count; i++) {
            double v = high > low ? (want[i] - low) / (high - low) : 0;
            assert_true(grid == 1 ? heat[i] == 0 : fabs(heat[i] - v) < 1e-7);
        }
        free(heat), free(want);
    }
}

/* Pixels beyond the outermost centres tie along the border, and zeros stay one plateau. */
static void test_heat_ties(void **state)
{
    enum { GRID = 14, SIDE = 224, BORDER = 8 }; /* half a cell of 16 */
    struct backend *be = *state;
    float map[GRID * GRID], *heat = calloc(SIDE * SIDE, sizeof *heat);
    uint64_t seed = 9;
    for (int i = 0; i < GRID * GRID; i++)
        map[i] = i / GRID < 5 ? 0 : (float)next_uniform(&seed, 0.1, 1);
    CALL(be, heat, .n = 1, .grid = GRID, .side = SIDE, .maps = map, .heat = heat);
    for (int x = 0; x < SIDE; x++)
        for (int k = 0; k < BORDER; k++) {
            assert_true(heat[k * SIDE + x] == heat[x]);
            assert_true(heat[(SIDE - 1 - k) * SIDE + x] == heat[(SIDE - 1) * SIDE + x]);
            assert_true(heat[x * SIDE + k] == heat[x * SIDE]);
            assert_true(heat[x * SIDE + SIDE - 1 - k] == heat[x * SIDE + SIDE - 1]);
        }
    for (int i = 0; i < (4 * 16 + BORDER) * SIDE; i++) /* up to the centre of the fifth row */
        assert_true(heat[i] == 0);
    free(heat);
}

static void check_rank(struct backend *be, const float *heat, int pixels, bool ascending,
                       enum ties ties, const uint32_t *want, int32_t want_tie)
{
    int32_t largest_tie = -1;
    uint32_t *rank = calloc((size_t)pixels, sizeof *rank);
    CALL(be, rank, .n = 1, .pixels = pixels, .heat = heat, .ascending = ascending, .ties = ties,
         .rank = rank, .largest_tie = &largest_tie);
    assert_int_equal(largest_tie, want_tie);
    for (int i = 0; i < pixels; i++)
        assert_int_equal(rank[i], want[i]);
    free(rank);
}

static void test_rank_values(void **state)
{
    const float heat[] = { 0.5f, 0.0f, 1.0f, -0.0f, 0.5f };
    check_rank(*state, heat, 5, false, TIES_INDEX, (uint32_t[]){ 1, 3, 0, 4, 2 }, 2);
    check_rank(*state, heat, 5, true, TIES_INDEX, (uint32_t[]){ 2, 0, 4, 1, 3 }, 2);
    check_rank(*state, heat, 5, false, TIES_REVERSE, (uint32_t[]){ 2, 4, 0, 3, 1 }, 2);
    check_rank(*state, heat, 5, true, TIES_REVERSE, (uint32_t[]){ 3, 1, 4, 0, 2 }, 2);
}

/* A pixel's rank is the number of those that go before it. */
static void test_rank_brute(void **state)
{
    enum { PIXELS = 700 };
    float heat[PIXELS];
    uint32_t want[PIXELS];
    uint64_t seed = 5;
    for (int i = 0; i < PIXELS; i++)
        heat[i] = (float)(int)next_uniform(&seed, -20, 20) / 7;
    for (int flags = 0; flags < 4; flags++) {
        bool ascending = flags & 1, reverse = flags & 2;
        int32_t largest = 0;
        for (int i = 0; i < PIXELS; i++) {
            int32_t equal = 0;
            want[i] = 0;
            for (int j = 0; j < PIXELS; j++) {
                bool before = ascending ? heat[j] < heat[i] : heat[j] > heat[i];
                if (heat[j] == heat[i])
                    before = reverse ? j > i : j < i;
                want[i] += before;
                equal += heat[j] == heat[i];
            }
            largest = equal > largest ? equal : largest;
        }
        check_rank(*state, heat, PIXELS, ascending, reverse ? TIES_REVERSE : TIES_INDEX, want,
                   largest);
    }
}

/* Random ties: a permutation that keeps the order of the values, differs between seeds and is the
 * same for the same seed. */
static void test_rank_random(void **state)
{
    enum { PIXELS = 400 };
    struct backend *be = *state;
    float heat[3 * PIXELS];
    uint32_t rank[3 * PIXELS];
    for (int i = 0; i < 3 * PIXELS; i++)
        heat[i] = (float)(i % PIXELS < 100); /* 100 hot pixels, 300 cold ones */
    const uint64_t seeds[] = { 1, 2, 1 };
    CALL(be, rank, .n = 3, .pixels = PIXELS, .heat = heat, .ties = TIES_RANDOM, .seeds = seeds,
         .rank = rank);
    assert_memory_equal(rank, rank + 2 * PIXELS, PIXELS * sizeof *rank);
    assert_memory_not_equal(rank, rank + PIXELS, PIXELS * sizeof *rank);
    for (int image = 0; image < 3; image++) {
        bool seen[PIXELS] = { false };
        int fixed = 0;
        for (uint32_t i = 0; i < PIXELS; i++) {
            uint32_t r = rank[image * PIXELS + (int)i];
            assert_true(r < PIXELS && !seen[r]);
            assert_true((r < 100) == (i < 100));
            seen[r] = true;
            fixed += r == i;
        }
        assert_true(fixed < 20); /* 2 are expected of a shuffle */
    }
}

int main(void)
{
    return RUN_TESTS(setup_ref64, teardown_ref64, TEST(test_heat_values), TEST(test_heat_constant),
                     TEST(test_heat_brute), TEST(test_heat_ties), TEST(test_rank_values),
                     TEST(test_rank_brute), TEST(test_rank_random));
}
