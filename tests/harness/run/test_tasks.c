/* What tasks hand to the engine as an order and a fill, built here as whole images, pixel by pixel,
 * and classified one at a time: the stored logits must be the same bits. */
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "groups.h"
#include "loader.h"
#include "model_folder.h"
#include "random.h"
#include "ranking.h"
#include "refresh.h"
#include "road.h"
#include "runner.h"
#include "similarity.h"
#include "task.h"

#include "run_tests.h"

enum { IMAGES = 5 };

/* A run of IMAGES images in the runner's memory. */
struct run {
    struct config *config;
    struct plan *plan;
    struct runner *runner;
    struct loaded loaded;
    const struct records *records;
    size_t pixels;
    uint8_t *image, *image_device; /* [S*S, 3] */
    float *logits;                 /* [classes] */
};

static void good(enum status status, const struct error *err)
{
    if (status != OK)
        fail_msg("%s", err->text);
}

static bool go_on(void *context, size_t images)
{
    (void)context, (void)images;
    return true;
}

static void set(struct config *c, const char *format, const char *value)
{
    char assignment[300];
    struct error err;
    snprintf(assignment, sizeof assignment, format, value);
    good(config_set(c, assignment, &err), &err);
}

/* How often an input of the model was uploaded, counted in the backend's own table. */
static void (*upload)(struct backend *, void *, const void *, size_t);
static size_t input_bytes;
static _Atomic int inputs; /* threads upload at once */

static void counted_upload(struct backend *be, void *to, const void *from, size_t bytes)
{
    inputs += bytes == input_bytes;
    upload(be, to, from, bytes);
}

static void begin_with(struct run *r, const char *kind, const char *fill, const char *model)
{
    struct error err;
    memset(r, 0, sizeof *r);
    good(config_new(&r->config, &err), &err);
    char checkpoint[200];
    snprintf(checkpoint, sizeof checkpoint, "%s/%s.safetensors", folder, model);
    set(r->config, "model.checkpoint=%s", checkpoint);
    set(r->config, "run.output=%s/x.h5", folder);
    set(r->config, "data.path=%s/demo", folder);
    static const char *const plain[] = {
        "data.kind=demo",     "data.images=5",
        "data.size=40",       "explain.methods=attribution, random",
        "compute.device=cpu", "explain.class=predicted, target",
        "task.groups=3",      "task.tiles=3",
        "task.subsets=7",     "task.samples=2",
        "compute.batch=3",    "task.steps=3"
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        set(r->config, "%s", plain[i]);
    set(r->config, "task.kind=%s", kind);
    set(r->config, "task.fill=%s", fill);
    good(config_finish(r->config, &err), &err);
    good(plan_open(r->config, &r->plan, &err), &err);
    good(runner_open(r->plan, IMAGES, &r->runner, &err), &err);
    r->pixels = pixel_count(r->plan);
    input_bytes = r->pixels * 3;
    inputs = 0;
    upload = r->plan->engine->backend->upload;
    r->plan->engine->backend->upload = counted_upload;
    good(runner_shard(r->runner, 0, IMAGES, go_on, NULL, &err), &err);
    good(loaded_open(r->plan, &r->loaded, &err), &err);
    r->records = runner_records(r->runner);
    r->image = malloc(r->pixels * 3);
    r->image_device = engine_alloc(r->plan->engine, r->pixels, 3);
    r->logits = malloc((size_t)r->plan->engine->info.classes * sizeof *r->logits);
    assert_true(r->image && r->image_device && r->logits);
}

static void begin(struct run *r, const char *kind, const char *fill)
{
    begin_with(r, kind, fill, "vim");
}

static void end(struct run *r)
{
    engine_free(r->plan->engine, r->image_device);
    free(r->image);
    free(r->logits);
    loaded_close(&r->loaded);
    runner_close(r->runner);
    plan_close(r->plan);
    config_free(r->config);
}

/* The pixels of image i. */
static const uint8_t *pixels_of(struct run *r, size_t i)
{
    struct error err;
    loader_begin(r->plan, i, 1, false, &r->loaded);
    good(loader_end(&r->loaded, &err), &err);
    return r->loaded.rgb;
}

/* Logit and probability of `class` for r->image. */
static float logit_of(struct run *r, int32_t class, float *prob)
{
    struct error err;
    const struct view view = { .rgb = r->image_device };
    engine_upload(r->plan->engine, r->image_device, r->image, r->pixels * 3);
    good(engine_classify(r->plan->engine, &view, 1, r->logits, &err), &err);
    *prob = (float)softmax_of(r->logits, r->plan->engine->info.classes, class);
    return r->logits[class];
}

static int column(const struct run *r, const char *path)
{
    int c = records_find(r->records, path);
    if (c < 0)
        fail_msg("no column %s", path);
    return c;
}

static int32_t class_of(const struct run *r, size_t i, bool target)
{
    return *records_i32(r->records, column(r, target ? "images/label" : "images/predicted"), i);
}

/* Point `point` of both columns below `at`, of image i, is what r->image gives. */
static void same(struct run *r, const char *at, size_t i, int point)
{
    static const char *const of[] = { "predicted", "target" };
    for (int c = 0; c < 2; c++) {
        char path[100];
        float prob, logit = logit_of(r, class_of(r, i, c == 1), &prob);
        snprintf(path, sizeof path, at, of[c], "prob");
        if (records_find(r->records, path) >= 0)
            assert_true(records_f32(r->records, column(r, path), i)[point] == prob);
        snprintf(path, sizeof path, at, of[c], "logit");
        if (strstr(at, "groups") == NULL)
            assert_true(records_f32(r->records, column(r, path), i)[point] == logit);
    }
}

/* The mean colour of the model's input, in 8 bits. */
static void take_mean(const struct run *r, size_t pixel)
{
    for (size_t c = 0; c < 3; c++)
        r->image[3 * pixel + c] =
            (uint8_t)lround(255.0 * (double)r->plan->engine->info.format.mean[c]);
}

static void tiles(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "tiles", "black");
    size_t side = (size_t)r.plan->engine->info.image_size, width = side / 3;
    for (size_t i = 0; i < IMAGES; i++)
        for (size_t tile = 0; tile <= 9; tile++) { /* 0: nothing is removed */
            memcpy(r.image, pixels_of(&r, i), r.pixels * 3);
            for (size_t y = 0; tile > 0 && y < width; y++)
                for (size_t x = 0; x < width; x++)
                    take_mean(&r, ((tile - 1) / 3 * width + y) * side + (tile - 1) % 3 * width + x);
            same(&r, "tiles/%s/%s", i, (int)tile);
        }
    end(&r);
}

static void subsets(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "subsets", "black");
    size_t side = (size_t)r.plan->engine->info.image_size;
    size_t grid = (size_t)r.plan->engine->info.grid, patch = side / grid;
    const uint8_t *mask = records_u8(r.records, column(&r, "subsets/mask"), 0);
    for (size_t i = 0; i < IMAGES; i++)
        for (size_t set = 0; set <= 7; set++) {
            memcpy(r.image, pixels_of(&r, i), r.pixels * 3);
            for (size_t p = 0; set > 0 && p < r.pixels; p++)
                if (mask[(set - 1) * grid * grid + p / side / patch * grid + p % side / patch])
                    take_mean(&r, p);
            same(&r, "subsets/%s/%s", i, (int)set);
        }
    end(&r);
}

/* The heat of a stored map, and its pixels in order. */
static void order_of(struct run *r, const char *path, size_t i, bool descending, float *heat,
                     uint32_t *order)
{
    struct engine *e = r->plan->engine;
    struct error err;
    size_t cells = (size_t)e->info.grid * (size_t)e->info.grid;
    float *map = engine_alloc(e, cells, sizeof *map), *on = engine_alloc(e, r->pixels, sizeof *on);
    assert_true(map && on);
    engine_upload(e, map, records_f32(r->records, column(r, path), i), cells * sizeof *map);
    engine_heat(e, map, 1, e->info.grid, on);
    engine_download(e, heat, on, r->pixels * sizeof *heat);
    good(engine_sync(e, &err), &err);
    good(heat_order(heat, r->pixels, descending, order, &err), &err);
    engine_free(e, map);
    engine_free(e, on);
}

/* The image's own mean colour, in 8 bits. */
static void take_own_mean(const struct run *r, const uint8_t *rgb, size_t pixel)
{
    for (size_t c = 0; c < 3; c++) {
        double sum = 0;
        for (size_t i = 0; i < r->pixels; i++)
            sum += rgb[3 * i + c];
        r->image[3 * pixel + c] = (uint8_t)lround(sum / (double)r->pixels);
    }
}

static void groups(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "groups", "black");
    float *heat = malloc(r.pixels * sizeof *heat);
    uint32_t *order = malloc(r.pixels * sizeof *order);
    assert_true(heat && order);
    for (size_t i = 0; i < IMAGES; i++) {
        const uint8_t *rgb = pixels_of(&r, i);
        order_of(&r, "explain/random/predicted/map", i, true, heat, order);
        for (int group = 0; group <= 3; group++) {
            double sum = 0;
            memcpy(r.image, rgb, r.pixels * 3);
            for (size_t k = group_begin(r.pixels, 3, group - 1);
                 group > 0 && k < group_begin(r.pixels, 3, group); k++) {
                take_own_mean(&r, rgb, order[k]);
                sum += (double)heat[order[k]];
            }
            same(&r, "groups/random/%s/%s", i, group);
            if (group > 0)
                assert_true(fabs(records_f32(r.records, column(&r, "groups/random/predicted/heat"),
                                             i)[group - 1] -
                                 sum) < 1e-3);
        }
    }
    free(heat);
    free(order);
    end(&r);
}

/* Point `point` of 3 steps to 90 %, filled in by the pixels around. */
static void fill_linear(struct run *r, size_t i, int point, const uint32_t *order)
{
    const uint8_t *rgb = pixels_of(r, i);
    int side = r->plan->engine->info.image_size;
    uint32_t *rank = malloc(r->pixels * sizeof *rank);
    double *scratch = malloc(road_scratch(side) * sizeof *scratch);
    float *out = malloc(r->pixels * 3 * sizeof *out);
    struct road_report report;
    struct error err;
    assert_true(rank && scratch && out);
    for (size_t k = 0; k < r->pixels; k++)
        rank[order[k]] = (uint32_t)k;
    const struct road in = { .side = side,
                             .rgb = rgb,
                             .rank = rank,
                             .removed = (uint32_t)((double)r->pixels * (0.3 * point)),
                             .tolerance = 1e-6 };
    good(road_impute(&in, scratch, out, &report, &err), &err);
    for (size_t k = 0; k < r->pixels * 3; k++) {
        double v = 255 * (double)out[k];
        r->image[k] = (uint8_t)lround(v < 0 ? 0 : v > 255 ? 255 : v);
    }
    free(rank);
    free(scratch);
    free(out);
}

/* With the noise, which is not known here, logits move; without any fill they would be elsewhere.
 */
static void linear_fill(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "perturbation", "linear");
    float *heat = malloc(r.pixels * sizeof *heat), prob;
    uint32_t *order = malloc(r.pixels * sizeof *order);
    static const char *const directions[] = { "negative", "positive" };
    double near = 0, far = 0;
    assert_true(heat && order);
    for (size_t i = 0; i < IMAGES; i++)
        for (int hottest = 0; hottest < 2; hottest++) {
            char path[100];
            snprintf(path, sizeof path, "perturbation/random/predicted/%s/logit_class",
                     directions[hottest]);
            const float *stored = records_f32(r.records, column(&r, path), i);
            order_of(&r, "explain/random/predicted/map", i, hottest == 1, heat, order);
            for (int point = 1; point <= 3; point++) {
                fill_linear(&r, i, point, order);
                near += fabs((double)logit_of(&r, class_of(&r, i, false), &prob) -
                             (double)stored[point]);
                far += fabs((double)stored[0] - (double)stored[point]);
            }
        }
    print_message("noise moves logits by %.3f, the fill by %.3f in the mean\n", near / 30,
                  far / 30);
    assert_true(near < 0.25 * far);
    free(heat);
    free(order);
    end(&r);
}

/* Noise does not reach a map that looks at nothing; it does reach one that does. */
static void robustness(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "robustness", "black");
    for (size_t i = 0; i < IMAGES; i++)
        for (int k = 0; k < 2; k++) {
            const int of[] = { column(&r, "robustness/random/predicted/distance"),
                               column(&r, "robustness/attribution/predicted/distance"),
                               column(&r, "robustness/attribution/target/changed") };
            float moved = records_f32(r.records, of[1], i)[k];
            assert_true(records_f32(r.records, of[0], i)[k] == 0);
            assert_true(moved > 0 && moved < 2);
            assert_true(records_u8(r.records, of[2], i)[k] <= 1);
        }
    end(&r);
}

static float at(const struct run *r, const char *path, size_t i, int k)
{
    return records_f32(r->records, column(r, path), i)[k];
}

/* The target's maps of a checkpoint that holds the fresh weights of parts first to first + count -
 * 1 are those that the task compared with: the last place of the cascade, or one of its own. */
static void hold_to_checkpoint(struct run *r, int first, int count, const char *scheme)
{
    struct run other;
    struct model *fresh, *blend;
    struct error err;
    const struct model *m = engine_model(r->plan->engine);
    uint64_t seed = rng_mix((uint64_t)r->plan->v->run.seed) + 17;
    char path[300];
    good(model_refresh(m, seed, &fresh, &err), &err);
    good(model_blend(m, fresh, first, count, &blend, &err), &err);
    snprintf(path, sizeof path, "%s/blend.safetensors", folder);
    good(checkpoint_write_safetensors(path, blend->checkpoint, CHECKPOINT_FP32, &err), &err);
    model_blend_close(blend);
    model_close(fresh);
    begin_with(&other, "segmentation", "black", "blend");
    size_t side = (size_t)r->plan->engine->info.grid, cells = side * side;
    for (size_t i = 0; i < IMAGES; i++) {
        const char *map = "explain/attribution/target/map";
        const float *a = records_f32(r->records, column(r, map), i);
        const float *b = records_f32(other.records, column(&other, map), i);
        double want, share = emprt(a, b, cells);
        good(map_spearman(a, b, cells, &want, &err), &err);
        snprintf(path, sizeof path, "randomisation/attribution/target/%s/spearman", scheme);
        assert_true(at(r, path, i, first + count - 1) == (float)want);
        good(map_pearson(a, b, cells, &want, &err), &err);
        snprintf(path, sizeof path, "randomisation/attribution/target/%s/pearson", scheme);
        assert_true(at(r, path, i, first + count - 1) == (float)want);
        if (count == engine_parts(r->plan->engine))
            assert_true(at(r, "randomisation/attribution/target/cascade/emprt", i, 0) ==
                        (float)share);
    }
    end(&other);
}

static void randomisation(void **state)
{
    (void)state;
    struct run r;
    begin(&r, "randomisation", "black");
    int parts = engine_parts(r.plan->engine);
    const int32_t *layer = records_i32(r.records, column(&r, "layer"), 0);
    for (int k = 0; k < parts; k++)
        assert_int_equal(layer[k], parts - 2 - k);
    for (size_t i = 0; i < IMAGES; i++) {
        assert_true(at(&r, "randomisation/random/predicted/cascade/emprt", i, 0) == 0);
        for (int k = 0; k < parts; k++) { /* noise looks at no weights */
            assert_true(at(&r, "randomisation/random/predicted/cascade/ssim", i, k) == 1);
            assert_true(at(&r, "randomisation/random/predicted/independent/spearman", i, k) == 1);
        }
        float own = at(&r, "randomisation/attribution/target/cascade/ssim", i, parts - 1);
        assert_true(own > -1 && own < 1);
    }
    hold_to_checkpoint(&r, 0, parts, "cascade");
    hold_to_checkpoint(&r, 0, 2, "cascade");
    hold_to_checkpoint(&r, 0, 1, "independent");
    hold_to_checkpoint(&r, 3, 1, "independent");
    hold_to_checkpoint(&r, parts - 1, 1, "independent");
    end(&r);
}

/* Classifying, explaining and removing pixels work on one copy of each image. */
static void images_are_uploaded_once(void **state)
{
    struct run r;
    (void)state;
    begin(&r, "perturbation, tiles, subsets", "black");
    assert_int_equal(inputs, IMAGES);
    end(&r);
}

int main(void)
{
    return RUN_TESTS(make_model_folder, remove_model_folder, TEST(tiles), TEST(subsets),
                     TEST(groups), TEST(linear_fill), TEST(robustness), TEST(randomisation),
                     TEST(images_are_uploaded_once));
}
