/* An engine on a small model with random weights: what it says of itself, logits, maps, heat. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "micro.h"

#include "run_tests.h"

enum { SIDE = 16, GRID = 4, CLASSES = 6, IMAGES = 3, PIXELS = SIDE * SIDE, CELLS = GRID * GRID };

static const struct micro vim = { MICRO_VIM, .depth = 3 };

static char path[64];

static int write_checkpoint(void **state)
{
    struct model *m = micro_model(&vim, 3);
    struct error err;
    (void)state;
    snprintf(path, sizeof path, "/tmp/evalh-engine-%ld.safetensors", (long)getpid());
    int bad = checkpoint_write_safetensors(path, m->checkpoint, CHECKPOINT_FP32, &err) != OK;
    model_close(m);
    return bad;
}

static int remove_checkpoint(void **state)
{
    (void)state;
    return unlink(path);
}

static struct engine *open_engine(const char *device)
{
    const struct engine_options o = { .checkpoint = path, .device = device, .batch = IMAGES };
    struct engine *e;
    struct error err;
    if (engine_open(&o, &e, &err) != OK || engine_start(e, &err) != OK)
        fail_msg("%s", err.text);
    return e;
}

/* Random images in the engine's memory, [IMAGES, S, S, 3]. */
static uint8_t *take_images(struct engine *e, struct view *views, struct explain_image *images)
{
    static uint8_t host[IMAGES * PIXELS * 3];
    uint32_t random = 7;
    for (size_t i = 0; i < sizeof host; i++)
        host[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
    uint8_t *rgb = engine_alloc(e, sizeof host, 1);
    engine_upload(e, rgb, host, sizeof host);
    for (int i = 0; i < IMAGES; i++) {
        views[i] = (struct view){ .rgb = rgb + (size_t)i * PIXELS * 3 };
        images[i] = (struct explain_image){ .rgb = views[i].rgb, .label = i, .predicted = 2 };
    }
    return rgb;
}

static void test_what_it_is(void **state)
{
    struct engine *e = open_engine("auto");
    (void)state;
    assert_string_equal(e->info.name, "vim");
    assert_string_equal(e->info.title, "vim (3 layers, width 24)");
    assert_int_equal(e->info.image_size, SIDE);
    assert_int_equal(e->info.classes, CLASSES);
    assert_int_equal(e->info.batch, IMAGES);
    assert_true(e->info.threads > 0 && e->info.busy > 0);
    assert_non_null(engine_model(e));
    assert_string_equal(engine_identity(e, "checkpoint_sha256"), engine_fingerprint(e));
    assert_int_equal(strlen(engine_fingerprint(e)), 64);
    assert_null(engine_identity(e, "colour"));
    assert_non_null(engine_method(e, "raw"));
    assert_true(engine_method(e, "random")->control);
    assert_int_equal(engine_method(e, "raw")->side, GRID);
    assert_null(engine_method(e, "rawer"));
    engine_close(e);
}

static void test_refusals(void **state)
{
    struct engine_options o = { .checkpoint = path, .device = "abacus" };
    struct engine *e;
    struct error err;
    (void)state;
    assert_int_equal(engine_open(&o, &e, &err), OK);
    assert_int_equal(engine_start(e, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "abacus"));
    engine_close(e);
    o.model.heads = 3;
    assert_int_equal(engine_open(&o, &e, &err), E_CONFIG);
    assert_null(e);
    assert_string_equal(err.key, "model.heads");
    o = (struct engine_options){ .checkpoint = "/none.pth" };
    assert_int_equal(engine_open(&o, &e, &err), E_IO);
    /* On the host, half of the batch would gain nothing. */
    e = open_engine("cpu");
    assert_int_equal(engine_halve(e, &err), E_NOMEM);
    assert_int_equal(e->info.batch, IMAGES);
    engine_close(e);
}

/* Two engines that compute alike: logits and maps, within fp32. */
static void test_cpu_is_ref(void **state)
{
    static const char *const devices[] = { "cpu", "ref" };
    static const char *const names[] = { "raw", "attribution" };
    const bool classes[CLASS_CHOICES] = { true, true };
    static float logits[2][IMAGES * CLASSES], maps[2][IMAGES * 2 * CLASS_CHOICES * CELLS];
    struct error err;
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct engine *e = open_engine(devices[k]);
        const struct engine_method *methods[] = { engine_method(e, names[0]),
                                                  engine_method(e, names[1]) };
        struct view views[IMAGES];
        struct explain_image images[IMAGES];
        int32_t predicted[IMAGES];
        float identity[IMAGES];
        uint8_t zero[IMAGES], *rgb = take_images(e, views, images);
        const struct explain_result r = { predicted, maps[k], identity, zero, NULL };
        assert_int_equal(engine_classify(e, views, IMAGES, logits[k], &err), OK);
        /* An engine that is prepared again forgets the methods of before. */
        assert_int_equal(engine_prepare(e, methods, 1, classes, &explain_defaults, &err), OK);
        assert_int_equal(engine_map_values(e), CLASS_CHOICES * CELLS);
        assert_int_equal(engine_prepare(e, methods, 2, classes, &explain_defaults, &err), OK);
        assert_int_equal(engine_map_values(e), 2 * CLASS_CHOICES * CELLS);
        assert_int_equal(engine_map_at(e, 1, 1, CLASS_TARGET), (1 * 4 + 1 * 2 + 1) * CELLS);
        assert_int_equal(engine_explain(e, images, IMAGES, &r, &err), OK);
        assert_int_equal(engine_explain(e, images, IMAGES + 1, &r, &err), E_CONFIG);
        engine_free(e, rgb);
        engine_close(e);
    }
    for (int i = 0; i < IMAGES * CLASSES; i++)
        assert_true(fabsf(logits[0][i] - logits[1][i]) < 1e-4F);
    for (size_t i = 0; i < sizeof maps[0] / sizeof maps[0][0]; i++)
        assert_true(fabsf(maps[0][i] - maps[1][i]) < 1e-4F);
}

/* Maps of several sides lie one behind the other. */
static void test_mixed_sides(void **state)
{
    struct engine_method large = { .name = "large", .side = SIDE }, one = { .side = 1 };
    const struct engine_method *prepared[] = { &large, &one };
    size_t offset[] = { 0, CLASS_CHOICES * PIXELS, CLASS_CHOICES * (PIXELS + 1) };
    const struct engine e = { .prepared = prepared, .prepared_count = 2, .map_offset = offset };
    (void)state;
    assert_int_equal(engine_map_values(&e), CLASS_CHOICES * (PIXELS + 1));
    assert_int_equal(engine_map_at(&e, 0, 0, CLASS_TARGET), PIXELS);
    assert_int_equal(engine_map_at(&e, 1, 1, CLASS_TARGET),
                     CLASS_CHOICES * (PIXELS + 1) + CLASS_CHOICES * PIXELS + 1);
}

/* A map of the image's size is heat as it is, from its least to its largest; a constant one is 0.
 */
static void test_heat_of_full_size(void **state)
{
    struct engine *e = open_engine("cpu");
    static float map[2 * PIXELS], heat[2 * PIXELS];
    struct error err;
    (void)state;
    for (int i = 0; i < PIXELS; i++) {
        map[i] = (float)((i * 37) % 101) * 2 - 50;
        map[PIXELS + i] = 3;
    }
    float *d_map = engine_alloc(e, 2 * PIXELS, sizeof *d_map);
    float *d_heat = engine_alloc(e, 2 * PIXELS, sizeof *d_heat);
    engine_upload(e, d_map, map, sizeof map);
    engine_heat(e, d_map, 2, SIDE, d_heat);
    engine_download(e, heat, d_heat, sizeof heat);
    assert_int_equal(engine_sync(e, &err), OK);
    for (int i = 0; i < PIXELS; i++) {
        assert_true(heat[i] == (float)(((double)map[i] + 50) / 200));
        assert_true(heat[PIXELS + i] == 0);
    }
    engine_free(e, d_map);
    engine_free(e, d_heat);
    engine_close(e);
}

int main(void)
{
    return RUN_TESTS(write_checkpoint, remove_checkpoint, TEST(test_what_it_is),
                     TEST(test_refusals), TEST(test_cpu_is_ref), TEST(test_mixed_sides),
                     TEST(test_heat_of_full_size));
}
