/* Index arithmetic of the CUDA kernels (kernels/cuda/index.h) against plain loops, and plays of the
 * three schemes that the kernels build on it: the meeting of both scan directions, the padded rows
 * in shared memory, the sums that a warp scatters over its lanes. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "run_tests.h"

#include "index.h"

enum { MAX_LEN = 70, LANES = 32, TILE = 8 };

/* p[t] = Σ_k w[k] x[t-K+1+k], and in direction 1 Σ_k w[k] x[t+K-1-k] (ops.h); 1 - dir inverts it.
 */
static void test_taps(void **state)
{
    (void)state;
    for (int taps = 1; taps <= 5; taps++)
        for (int k = 0; k < taps; k++)
            for (int t = -3; t < 9; t++) {
                assert_int_equal(tap_source(0, t, taps, k), t - taps + 1 + k);
                assert_int_equal(tap_source(1, t, taps, k), t + taps - 1 - k);
                for (int dir = 0; dir < 2; dir++)
                    assert_int_equal(tap_source(1 - dir, tap_source(dir, t, taps, k), taps, k), t);
            }
}

/* Fewer taps padded in front with weights of 0 read the same tokens (conv.cu). */
static void test_padded_taps(void **state)
{
    (void)state;
    for (int taps = 1; taps <= 4; taps++)
        for (int dir = 0; dir < 2; dir++)
            for (int own = 0; own < taps; own++)
                assert_int_equal(tap_source(dir, 10, 4, own + 4 - taps),
                                 tap_source(dir, 10, taps, own));
}

/* Plays scan.cu: in the first half each direction leaves its mark where it passes, in the second it
 * must find the other's, left in the first half, at every token; all are passed twice. */
static void test_meeting(void **state)
{
    (void)state;
    for (int len = 1; len <= MAX_LEN; len++) {
        int marked_by[MAX_LEN], finished[MAX_LEN];
        memset(marked_by, -1, sizeof marked_by);
        memset(finished, 0, sizeof finished);
        int span = (len + 1) / 2;
        for (int half = 0; half < 2; half++)
            for (int dir = 0; dir < 2; dir++) {
                int meeting = scan_meeting(dir, len), steps = 0;
                int begin = half == 0 ? 0 : meeting, end = half == 0 ? meeting : len;
                for (int at = 0; at < span; at += TILE) {
                    int start = begin + at, count = end - start < TILE ? end - start : TILE;
                    for (int k = 0; k < count; k++, steps++) {
                        int t = scan_token(dir, len, start + k);
                        assert_in_range(t, 0, len - 1);
                        if (half == 0) {
                            assert_int_equal(marked_by[t], -1);
                            marked_by[t] = dir;
                        } else {
                            assert_int_equal(marked_by[t], 1 - dir);
                            finished[t]++;
                        }
                    }
                }
                assert_int_equal(steps, end - begin); /* the span is long enough */
            }
        for (int t = 0; t < len; t++)
            assert_int_equal(finished[t], 1);
    }
}

/* δ, B and C land in order, apart from each other and inside the row. */
static void test_padded_columns(void **state)
{
    (void)state;
    for (int rank = 1; rank <= 13; rank++)
        for (int n = 1; n <= 16; n++) {
            int rank_room = (rank + 3) / 4 * 4, room = n <= 8 ? 8 : 16;
            for (int col = 0; col < rank + 2 * n; col++) {
                int want = col < rank       ? col
                           : col < rank + n ? rank_room + col - rank
                                            : rank_room + room + col - rank - n;
                assert_int_equal(padded_column(col, rank, n, rank_room, room), want);
                assert_true(want < rank_room + 2 * room);
            }
        }
}

/* Plays num.h's warp_scatter_sum: the same steps, with an array for each lane's values. */
static void test_scatter(void **state)
{
    (void)state;
    for (int count = 1; count <= LANES; count *= 2) {
        int v[LANES][LANES], want[LANES] = { 0 };
        for (int lane = 0; lane < LANES; lane++)
            for (int i = 0; i < count; i++)
                want[i] += v[lane][i] = (lane * 37 + i * 101) % 1009;
        int bit = 16;
        for (int half = count / 2; half > 0; half /= 2, bit /= 2)
            for (int i = 0; i < half; i++) {
                int give[LANES], keep[LANES];
                for (int lane = 0; lane < LANES; lane++) {
                    bool upper = lane & bit;
                    give[lane] = upper ? v[lane][i] : v[lane][i + half];
                    keep[lane] = upper ? v[lane][i + half] : v[lane][i];
                }
                for (int lane = 0; lane < LANES; lane++)
                    v[lane][i] = keep[lane] + give[lane ^ bit];
            }
        for (; bit > 0; bit /= 2) {
            int before[LANES];
            for (int lane = 0; lane < LANES; lane++)
                before[lane] = v[lane][0];
            for (int lane = 0; lane < LANES; lane++)
                v[lane][0] = before[lane] + before[lane ^ bit];
        }
        for (int lane = 0; lane < LANES; lane++)
            assert_int_equal(v[lane][0], want[scatter_index(lane, count)]);
    }
}

/* SPEC 6: half-pixel centres; inside, the position is kept; borders are flat. */
static void test_samples(void **state)
{
    (void)state;
    static const int sizes[][2] = { { 1, 5 }, { 2, 8 }, { 7, 64 }, { 14, 224 }, { 27, 97 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int grid = sizes[i][0], side = sizes[i][1];
        for (int at = 0; at < side; at++) {
            struct axis_sample s = sample_axis(at, grid, side);
            double x = (at + 0.5) * grid / side - 0.5;
            x = x < 0 ? 0 : x;
            assert_in_range(s.low, 0, grid - 1);
            assert_in_range(s.high, s.low, grid - 1);
            assert_true(s.high == s.low + 1 || s.low == grid - 1);
            assert_true(fabs(s.low + s.weight - x) < 1e-12);
        }
    }
}

static void test_order(void **state)
{
    (void)state;
    static const float rising[] = { -INFINITY, -2.5f, -1e-30f, 0.0f, 1e-40f, 0.3f, 7.0f, INFINITY };
    uint32_t last = 0;
    for (size_t i = 0; i < sizeof rising / sizeof rising[0]; i++) {
        uint32_t bits;
        memcpy(&bits, &rising[i], sizeof bits);
        assert_true(order_of_bits(bits) > last);
        last = order_of_bits(bits);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_taps), TEST(test_padded_taps), TEST(test_meeting),
                     TEST(test_padded_columns), TEST(test_scatter), TEST(test_samples),
                     TEST(test_order));
}
