/* The demo pictures are the same bytes everywhere, and have the promised properties. */
#include "fixtures.h"

#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "sha256.h"

enum { SIDE = DEMO_DEFAULT_SIDE, PIXELS = SIDE * SIDE };

struct rendered {
    int label;
    uint8_t rgb[PIXELS * 3];
    int8_t object[PIXELS], patch[PIXELS];
};

static struct rendered *render(uint64_t seed, enum demo_set set, enum demo_split split,
                               uint64_t index)
{
    struct rendered *r = malloc(sizeof *r);
    struct demo_spec spec = { seed, set, split, SIDE };
    assert_non_null(r);
    r->label = demo_render(&spec, index, r->rgb, r->object, r->patch);
    return r;
}

/* The hash was taken from a gcc -O3 build; gcc -O0 and clang -O0 and -O3 give it too. It changes
 * with the generator, and then so must DEMO_VERSION. */
static void test_bytes(void **state)
{
    (void)state;
    struct sha256 hash;
    char hex[65];
    sha256_begin(&hash);
    for (int split = 0; split < 2; split++)
        for (uint64_t i = 0; i < 24; i++) {
            struct rendered *r = render(5 + i / 12, i % 3 == 0, (enum demo_split)split, i);
            sha256_add(&hash, r->rgb, sizeof r->rgb);
            sha256_add(&hash, r->object, sizeof r->object);
            sha256_add(&hash, r->patch, sizeof r->patch);
            free(r);
        }
    /* Another size takes other paths through the integer divisions. */
    struct demo_spec large = { 77, DEMO_HELD_OUT, DEMO_SHORTCUT, 215 };
    size_t pixels = (size_t)large.side * (size_t)large.side;
    uint8_t *all = malloc(pixels * 5);
    demo_render(&large, 4, all, (int8_t *)all + pixels * 3, (int8_t *)all + pixels * 4);
    sha256_add(&hash, all, pixels * 5);
    free(all);
    sha256_end(&hash, hex);
    assert_string_equal(hex, "5e13a038283347e2ffca735f5886e10613b7f947cdcfc78f2036874b9b904eaf");
}

static void test_contents(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        struct rendered *r = render(3, DEMO_HELD_OUT, DEMO_PLAIN, i);
        int area = 0;
        for (int p = 0; p < PIXELS; p++) {
            assert_true(r->object[p] == 0 || r->object[p] == 1);
            assert_int_equal(r->patch[p], 0);
            area += r->object[p];
        }
        assert_int_equal(r->label, i % DEMO_CLASSES);
        assert_in_range(area, PIXELS / 25, PIXELS / 2); /* seen, and not everywhere */
        free(r);
    }
}

static void test_shortcut(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 60; i++) {
        struct rendered *r = render(3, DEMO_HELD_OUT, DEMO_SHORTCUT, i);
        int area = 0, corners = 0;
        for (int p = 0; p < PIXELS; p++) {
            area += r->patch[p];
            assert_false(r->patch[p] && r->object[p]);
        }
        for (int c = 0; c < 4; c++)
            corners += r->patch[(c / 2) * (SIDE - 1) * SIDE + (c % 2) * (SIDE - 1)];
        assert_int_equal(area, (SIDE / 6) * (SIDE / 6));
        assert_int_equal(corners, 1);
        free(r);
    }
}

/* Any other seed, set, split or index is another picture. */
static void test_streams(void **state)
{
    (void)state;
    struct rendered *all[] = { render(1, DEMO_HELD_OUT, DEMO_PLAIN, 0),
                               render(1, DEMO_HELD_OUT, DEMO_PLAIN, 10),
                               render(2, DEMO_HELD_OUT, DEMO_PLAIN, 0),
                               render(1, DEMO_TRAIN, DEMO_PLAIN, 0),
                               render(1, DEMO_HELD_OUT, DEMO_SHORTCUT, 0) };
    size_t n = sizeof all / sizeof *all;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++)
            assert_memory_not_equal(all[a]->object, all[b]->object, PIXELS);
    struct rendered *again = render(1, DEMO_HELD_OUT, DEMO_PLAIN, 0);
    assert_memory_equal(again, all[0], sizeof *again);
    free(again);
    for (size_t a = 0; a < n; a++)
        free(all[a]);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_bytes), TEST(test_contents), TEST(test_shortcut),
                     TEST(test_streams));
}
