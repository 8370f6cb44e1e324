/* What is said of a top-1 accuracy, and what is not. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

#include "run_tests.h"

static void check(struct accuracy_counts c, double expected, const char *says)
{
    char text[400];
    bool doubt = accuracy_doubt(&c, expected, text, sizeof text);
    if (doubt != (says != NULL) || (says != NULL && strstr(text, says) == NULL))
        fail_msg("%zu of %zu in %d classes: '%s', not '%s'", c.right, c.images, c.classes, text,
                 says != NULL ? says : "");
}

static struct accuracy_counts of(size_t images, size_t right, int classes)
{
    return (struct accuracy_counts){ .images = images, .right = right, .classes = classes };
}

static void chance_is_said(void **state)
{
    (void)state;
    check(of(100, 9, 10), NAN, "chance is 10.0 %");
    check(of(32, 0, 1000), NAN, "chance is 0.1 %");
    check(of(32, 1, 1000), NAN, "chance");
    check(of(50000, 60, 1000), NAN, "chance");
    check(of(40, 22, 2), NAN, "chance is 50.0 %");
    check(of(100, 98, 10), NAN, NULL);
    check(of(100, 45, 10), NAN, NULL);
    check(of(50000, 5000, 1000), NAN, NULL);
    check(of(10, 9, 2), NAN, NULL);
    check(of(7, 0, 1000), NAN, NULL); /* too few */
    check(of(0, 0, 1000), NAN, NULL);
    check(of(1000, 100, 0), NAN, NULL); /* so many classes as nobody knows */
}

static void shifts_are_said(void **state)
{
    (void)state;
    struct accuracy_counts c = of(100, 0, 10);
    c.one_above = 97;
    check(c, NAN, "data.label_base = 1");
    c = of(100, 1, 1000);
    c.one_below = 80;
    check(c, NAN, "minus 1");
    c = of(100, 50, 10); /* a folder lost from the middle, ranks counted without it */
    c.one_below = 48;
    check(c, NAN, "off by one");
    c = of(1000, 780, 1000); /* neighbours that look alike */
    c.one_above = 40;
    check(c, NAN, NULL);
    c = of(100, 10, 10); /* chance */
    c.one_above = 12;
    check(c, NAN, "chance");
}

static void expectations_are_held(void **state)
{
    (void)state;
    check(of(1000, 450, 1000), 70.5, "70.5 %");
    check(of(1000, 700, 1000), 70.5, NULL);
    check(of(1000, 670, 1000), 70.5, NULL); /* 2.4 standard errors */
    check(of(20, 11, 1000), 70.5, NULL);
    check(of(64, 30, 1000), 80.5, "expected");
}

static void counts_are_right(void **state)
{
    (void)state;
    const int32_t label[] = { 3, 4, 5, -1, 7, 0 }, top1[] = { 3, 3, 6, 2, 7, 0 };
    const uint8_t status[] = { 0, 0, 0, 0, 1, 0 };
    struct accuracy_counts c = accuracy_count(label, top1, status, 6, 10);
    assert_int_equal(c.images, 4);
    assert_int_equal(c.right, 2);
    assert_int_equal(c.one_above, 1);
    assert_int_equal(c.one_below, 1);
    assert_int_equal(accuracy_count(label, top1, NULL, 6, 10).images, 5);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(chance_is_said), TEST(shifts_are_said),
                     TEST(expectations_are_held), TEST(counts_are_right));
}
