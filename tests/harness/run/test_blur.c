/* The fills that are blurred copies: RISE's against an independent implementation. */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "blur.h"
#include "model.h"
#include "reference.h"

#include "run_tests.h"

/* Rounded to 8 bits: half a level. The sums are in float between the two passes. */
static void check_blur(const struct reference_case *c)
{
    size_t values;
    const double *rgb = reference_get(c, "rgb", &values), *want = reference_get(c, "want", NULL);
    int side = (int)sqrt((double)values / 3);
    uint8_t *image = malloc(values), *out = malloc(values);
    float *scratch = malloc(values * sizeof *scratch);
    assert_true(image && out && scratch);
    for (size_t i = 0; i < values; i++)
        image[i] = (uint8_t)rgb[i];
    rise_blur_image(image, side, input_imagenet.mean, scratch, out);
    for (size_t i = 0; i < values; i++)
        if (fabs(out[i] - want[i]) > 0.5 + 1e-4)
            fail_msg("%s[%zu]: %d, and numpy has %.6f", c->name, i, out[i], want[i]);
    free(image);
    free(out);
    free(scratch);
}

static void rise_blur(void **state)
{
    (void)state;
    assert_true(reference_each("blur_", check_blur) >= 3);
}

/* The wider blur leaves an image of one colour as it is, because its border is repeated. */
static void blur_keeps_a_plain_image(void **state)
{
    (void)state;
    enum { SIDE = 20, VALUES = SIDE * SIDE * 3 };
    uint8_t image[VALUES], out[VALUES];
    float scratch[VALUES];
    for (int i = 0; i < VALUES; i++)
        image[i] = (uint8_t)(i % 3 * 100);
    blur_image(image, SIDE, scratch, out);
    assert_memory_equal(image, out, sizeof image);
}

int main(int argc, char **argv)
{
    if (argc != 2 || !reference_open(argv[1])) {
        fprintf(stderr, "usage: test_blur reference.txt\n");
        return 2;
    }
    int failed = RUN_TESTS(NULL, NULL, TEST(rise_blur), TEST(blur_keeps_a_plain_image));
    reference_close();
    return failed;
}
