/* Colours and class names. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "class_list.h"
#include "colour.h"
#include "demo.h"
#include "panel.h"

#include "run_tests.h"

/* ---- colours --------------------------------------------------------------------------------- */

/* CIE lightness L* of an sRGB colour (IEC 61966-2-1, D65). */
static double lightness(const uint8_t rgb[3])
{
    static const double weight[3] = { 0.2126, 0.7152, 0.0722 };
    double y = 0;
    for (int c = 0; c < 3; c++) {
        double v = rgb[c] / 255.0;
        y += weight[c] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    return y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y;
}

static void lightness_rises_evenly(void **state)
{
    (void)state;
    enum { STEPS = 50 };
    uint8_t rgb[3];
    colour_of(0, rgb);
    double first = lightness(rgb), last = first;
    colour_of(1, rgb);
    double whole = lightness(rgb) - first;
    assert_true(whole > 70); /* of 100: dark to light */
    for (int i = 1; i <= STEPS; i++) {
        colour_of((double)i / STEPS, rgb);
        double step = (lightness(rgb) - last) / whole * STEPS; /* 1: perfectly even */
        assert_true(step > 0.6 && step < 1.4);
        last = lightness(rgb);
    }
}

static void colours_at_the_ends(void **state)
{
    (void)state;
    static const struct {
        double value;
        uint8_t rgb[3];
    } known[] = { { 0, { 68, 1, 84 } },
                  { 1, { 253, 231, 37 } },
                  { -3, { 68, 1, 84 } },
                  { 7, { 253, 231, 37 } },
                  { NAN, { 128, 128, 128 } } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint8_t rgb[3];
        colour_of(known[i].value, rgb);
        assert_memory_equal(rgb, known[i].rgb, 3);
    }
}

static void overlay_keeps_both(void **state)
{
    (void)state;
    static const uint8_t photo[] = { 0, 0, 0, 255, 255, 255, 0, 0, 0 };
    static const float heat[] = { 0.5f, 0.5f, 1.0f };
    uint8_t out[9];
    colour_overlay(photo, heat, 3, out);
    for (int c = 0; c < 3; c++)
        assert_true(out[c] < out[3 + c]);             /* a lighter photograph is lighter */
    assert_true(lightness(out) < lightness(out + 6)); /* more heat is lighter */
}

static void blocks_are_sharp(void **state)
{
    (void)state;
    static const float values[] = { 0, 1, 0.25f, 0.5f };
    uint8_t rgb[6 * 6 * 3], want[3];
    panel_blocks(values, 2, 3, rgb);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 6; x++) {
            colour_of((double)values[y / 3 * 2 + x / 3], want);
            assert_memory_equal(rgb + 3 * (y * 6 + x), want, 3);
        }
}

/* ---- class names ----------------------------------------------------------------------------- */

static const char *write_text(const char *text)
{
    static char path[] = "/tmp/evalh-names-XXXXXX";
    strcpy(path, "/tmp/evalh-names-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static enum status read_text(const char *text, struct class_list *n, struct error *err)
{
    const char *path = write_text(text);
    enum status status = class_list_read(path, n, err);
    unlink(path);
    return status;
}

static void three_forms(void **state)
{
    (void)state;
    static const char *const texts[] = { "1 n00000002 big cat\n0 n00000001 dog\n",
                                         "n00000001 dog\nn00000002 big cat\n", "dog\nbig cat\n\n" };
    for (int i = 0; i < 3; i++) {
        struct class_list n;
        struct error err;
        char buffer[32];
        assert_int_equal(read_text(texts[i], &n, &err), OK);
        assert_int_equal(n.count, 2);
        assert_string_equal(class_list_name(&n, 0, buffer), "dog");
        assert_string_equal(class_list_name(&n, 1, buffer), "big cat");
        assert_string_equal(class_list_name(&n, 2, buffer), "class 2");
        int known = i < 2 ? 1 : -1;
        assert_int_equal(class_list_of_path(&n, "/x/n00000002/photo.jpg"), known);
        assert_int_equal(class_list_of_path(&n, "n00000002_big_cat.jpg"), known);
        assert_int_equal(class_list_of_path(&n, "/x/n00000003/photo.jpg"), -1);
        assert_int_equal(class_list_of_path(&n, "/x/n000000021/photo.jpg"), -1);
        class_list_free(&n);
    }
}

static void wrong_names_are_reported(void **state)
{
    (void)state;
    static const struct given wrong[] = {
        { "", "no class names" },
        { "dog\n\ncat\n", ":3: a blank line before this" },
        { "\ndog\ncat\n", ":2: a blank line before this" },
        { "0 n00000001 dog\n0 n00000002 cat\n", "class 0 is named twice" },
        { "0 n00000001 dog\n5 n00000002 cat\n", "class 5 is named, but there are 2" },
        { "0 n00000001 dog\ncat\n", ":2: 'cat': should be index" },
        { "n00000001 dog\nn2 cat\n", ":2: 'n2 cat': should be WordNet id" },
        { "99999999999999999999 n00000001 dog\n", "should be index" }
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct class_list n;
        struct error err;
        assert_int_equal(read_text(wrong[i].text, &n, &err), E_CONFIG);
        if (strstr(err.text, wrong[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", err.text, wrong[i].says);
    }
}

/* model/demo/classes.txt: what `evalh explain` calls the demo's classes. */
static void demo_classes_are_the_generators(void **state)
{
    (void)state;
    struct class_list n;
    struct error err;
    char folder[32];
    assert_int_equal(class_list_beside(SOURCE_ROOT "/model/demo/vim_demo.safetensors", &n, &err),
                     OK);
    assert_int_equal(n.count, DEMO_CLASSES);
    for (int k = 0; k < DEMO_CLASSES; k++) {
        assert_string_equal(n.name[k], demo_class_names[k]);
        snprintf(folder, sizeof folder, "val/n%08d/x.JPEG", k);
        assert_int_equal(class_list_of_path(&n, folder), k);
    }
    class_list_free(&n);
    assert_int_equal(class_list_beside("vim_demo.safetensors", &n, &err), OK);
    assert_int_equal(n.count, 0);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(lightness_rises_evenly), TEST(colours_at_the_ends),
                     TEST(overlay_keeps_both), TEST(blocks_are_sharp), TEST(three_forms),
                     TEST(wrong_names_are_reported), TEST(demo_classes_are_the_generators));
}
