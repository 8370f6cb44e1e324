/* Numbers in tables: halves go one way, whatever their binary neighbours are; no "-0.0". */
#include <stdint.h>

#include <math.h>
#include <stdio.h>

#include "decimal.h"

#include "run_tests.h"

/* Every n.05 up to 1000, from below and above by what sums of ten terms are off by. */
static void halves(void **state)
{
    (void)state;
    for (int n = 0; n < 1000; n++)
        for (int tenth = 0; tenth < 10; tenth++)
            for (int off = -1; off <= 1; off++) {
                double value = n + tenth / 10.0 + 0.05;
                char out[DECIMAL_SIZE], want[32];
                value += off * 4 * (nextafter(value, INFINITY) - value);
                snprintf(want, sizeof want, "%d.%d", n + (tenth == 9), (tenth + 1) % 10);
                assert_string_equal(decimal(out, value, 1), want);
            }
}

static void others(void **state)
{
    (void)state;
    const struct {
        double value;
        int places;
        const char *plain, *with_sign;
    } cases[] = {
        { 24.05, 1, "24.1", "+24.1" },
        { 33.05, 1, "33.1", "+33.1" },
        { -0.04, 1, "0.0", "+0.0" },
        { -0.05, 1, "-0.1", "-0.1" },
        { -0.0, 2, "0.00", "+0.00" },
        { 0.125, 2, "0.13", "+0.13" },
        { 0.1249999, 2, "0.12", "+0.12" },
        { 99.995, 2, "100.00", "+100.00" },
        { 2.5, 0, "3", "+3" },
        { 1e18, 0, "1000000000000000000", "+1000000000000000000" },
        { NAN, 2, "–", "–" },
        { INFINITY, 1, "inf", "+inf" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[DECIMAL_SIZE];
        assert_string_equal(decimal(out, cases[i].value, cases[i].places), cases[i].plain);
        assert_string_equal(decimal_signed(out, cases[i].value, cases[i].places),
                            cases[i].with_sign);
    }
}

static void without_zeros(void **state)
{
    (void)state;
    const struct {
        double value;
        const char *want;
    } cases[] = { { 1, "1" },   { 1.5, "1.5" },     { 7.0 / 3, "2.33" },
                  { 10, "10" }, { 2.999, "3" },     { 0.1, "0.1" },
                  { NAN, "–" }, { -1.25, "-1.25" }, { 3.0000001, "3" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[DECIMAL_SIZE];
        assert_string_equal(decimal_short(out, cases[i].value), cases[i].want);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(halves), TEST(others), TEST(without_zeros));
}
