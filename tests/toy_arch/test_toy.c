/* The toy's forward pass and maps against plain loops, and what it is refused. With an argument:
 * its checkpoint is written there, for toy.sh. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "toy.h"

#include "run_tests.h"

enum { WIDTH = 8, DEPTH = 2, GRID = 4, PATCH = 8, CLASSES = 10, TOKENS = GRID * GRID + 1 };

static struct checkpoint *toy_checkpoint(void)
{
    const struct geometry g = { .patch = PATCH,
                                .grid = GRID,
                                .tokens = TOKENS,
                                .others = 1,
                                .width = WIDTH,
                                .depth = DEPTH,
                                .classes = CLASSES };
    struct checkpoint *ck = checkpoint_blank(&toy_type, &g);
    uint64_t state = 7;
    for (size_t i = 0; ck != NULL && i < ck->count; i++)
        for (size_t k = 0; k < ck->tensors[i].count; k++)
            ck->tensors[i].data[k] = (float)(0.8 * (random_uniform(&state) - 0.5));
    return ck;
}

static struct model *toy_model(void)
{
    const struct model_options o = { .image_size = GRID * PATCH };
    struct model *m;
    struct error err;
    struct checkpoint *ck = toy_checkpoint();
    assert_non_null(ck);
    if (model_open(ck, &o, &m, &err) != OK)
        fail_msg("%s", err.text);
    return m;
}

static const float *data(const struct model *m, const char *name)
{
    return checkpoint_find(m->checkpoint, name)->data;
}

static double normalised(const uint8_t *rgb, int x, int y, int c)
{
    double v = rgb[(y * GRID * PATCH + x) * 3 + c] / 255.0;
    return (v - (double)input_imagenet.mean[c]) / (double)input_imagenet.std[c];
}

/* Logits, and the agreement of every token with the mean in the last layer. */
static void plain_loops(const struct model *m, const uint8_t *rgb, double *logits, double *agree)
{
    double x[TOKENS][WIDTH], mean[WIDTH];
    const float *proj = data(m, "patch_embed.proj.weight"),
                *bias = data(m, "patch_embed.proj.bias");
    for (int t = 0; t < TOKENS; t++)
        for (int d = 0; d < WIDTH; d++) {
            x[t][d] = (double)data(m, "pos_embed")[t * WIDTH + d];
            x[t][d] += (double)(t == 0 ? data(m, "cls_token")[d] : bias[d]);
            for (int i = 0; t > 0 && i < 3 * PATCH * PATCH; i++) {
                int c = i / (PATCH * PATCH), row = i / PATCH % PATCH, column = i % PATCH;
                x[t][d] += (double)proj[d * 3 * PATCH * PATCH + i] *
                           normalised(rgb, (t - 1) % GRID * PATCH + column,
                                      (t - 1) / GRID * PATCH + row, c);
            }
        }
    for (int layer = 0; layer < DEPTH; layer++) {
        const float *w = data(m, layer == 0 ? "mix.0.weight" : "mix.1.weight");
        for (int d = 0; d < WIDTH; d++) {
            mean[d] = 0;
            for (int t = 0; t < TOKENS; t++)
                mean[d] += x[t][d] / TOKENS;
        }
        for (int t = 0; t < TOKENS; t++) {
            agree[t] = 0;
            for (int d = 0; d < WIDTH; d++)
                agree[t] += x[t][d] * mean[d];
        }
        for (int t = 0; t < TOKENS; t++)
            for (int d = 0; d < WIDTH; d++)
                for (int k = 0; k < WIDTH; k++)
                    x[t][d] += (double)w[d * WIDTH + k] * mean[k];
    }
    for (int c = 0; c < CLASSES; c++) {
        logits[c] = (double)data(m, "head.bias")[c];
        for (int d = 0; d < WIDTH; d++)
            logits[c] += (double)data(m, "head.weight")[c * WIDTH + d] * x[0][d];
    }
}

static void test_numbers(void **state)
{
    struct model *m = toy_model();
    struct backend *be;
    struct net *net;
    struct explainer *ex;
    struct error err;
    uint8_t rgb[GRID * PATCH * GRID * PATCH * 3];
    uint64_t random = 3;
    double want[CLASSES], agree[TOKENS], largest = 0;
    float logits[CLASSES], maps[CLASS_CHOICES * GRID * GRID], identity;
    int32_t predicted;
    uint8_t zero;
    const struct explain_method *methods[] = { explain_find("raw") };
    const bool classes[CLASS_CHOICES] = { true, false };
    (void)state;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)random_next(&random);
    plain_loops(m, rgb, want, agree);
    assert_int_equal(backend_open("cpu", NULL, &be, &err), OK);
    assert_int_equal(net_open(m, be, &input_imagenet, 1, &net, &err), OK);
    const struct view view = { .rgb = rgb };
    assert_int_equal(net_forward(net, &view, 1, logits, &err), OK);
    for (int c = 0; c < CLASSES; c++)
        assert_true(fabs((double)logits[c] - want[c]) < 1e-5);
    net_close(net);
    backend_close(be);
    const struct explain_image image = { .rgb = rgb, .predicted = -1 };
    const struct explain_result r = { &predicted, maps, &identity, &zero, NULL };
    const struct backend_options bo = { .simd = "" };
    if (explainer_open(m, "cpu", &bo, &input_imagenet, &explain_defaults, methods, 1, classes, 1,
                       &ex, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(explainer_run(ex, &image, 1, &r, &err), OK);
    explainer_close(ex);
    for (int t = 1; t < TOKENS; t++)
        largest = fmax(largest, fabs(agree[t]));
    assert_true(largest > 0);
    for (int t = 1; t < TOKENS; t++)
        assert_true(fabs((double)maps[t - 1] - agree[t]) < 1e-5 * largest);
    model_close(m);
}

/* An architecture that cannot make a part of its weights again makes all. */
static void test_reweigh(void **state)
{
    struct model *m = toy_model();
    struct error err = { 0 };
    struct explainer *ex[2];
    uint8_t rgb[3 * GRID * PATCH * GRID * PATCH], zero;
    float maps[3][CLASS_CHOICES * GRID * GRID] = { { 0 } }, identity;
    int32_t predicted;
    uint64_t random = 5;
    const bool classes[CLASS_CHOICES] = { true, false };
    const struct explain_method *raw[] = { explain_find("raw") };
    const struct explain_image image = { .rgb = rgb, .predicted = -1 };
    const struct backend_options bo = { .simd = "" };
    (void)state;
    for (size_t i = 0; i < sizeof rgb; i++)
        rgb[i] = (uint8_t)random_next(&random);
    for (int k = 0; k < 3; k++) { /* before; the same explainer with other weights; a new one */
        const struct explain_result r = { &predicted, maps[k], &identity, &zero, NULL };
        const bool parts[DEPTH + 2] = { [DEPTH] = true };
        struct tensor *t = &m->checkpoint->tensors[0];
        while (strcmp(t->name, "mix.0.weight") != 0)
            t++;
        for (size_t i = 0; k == 1 && i < t->count; i++)
            t->data[i] += (float)(i % 3);
        if (k != 1)
            assert_int_equal(explainer_open(m, "cpu", &bo, &input_imagenet, &explain_defaults, raw,
                                            1, classes, 1, &ex[k / 2], &err),
                             OK);
        else
            assert_int_equal(explainer_reweigh(ex[0], parts, &err), OK);
        assert_int_equal(explainer_run(ex[k / 2], &image, 1, &r, &err), OK);
    }
    assert_memory_not_equal(maps[0], maps[1], sizeof maps[0]);
    assert_memory_equal(maps[1], maps[2], sizeof maps[1]);
    explainer_close(ex[0]);
    explainer_close(ex[1]);
    model_close(m);
}

static void test_supports(void **state)
{
    struct model *m = toy_model();
    struct explain_options o = explain_defaults;
    struct error err = { 0 };
    struct explainer *ex;
    const bool classes[CLASS_CHOICES] = { true, false };
    (void)state;
    for (int i = 0; explain_methods[i] != NULL; i++) {
        const char *name = explain_methods[i]->name;
        bool has =
            strcmp(name, "raw") == 0 || strcmp(name, "random") == 0 || strcmp(name, "center") == 0;
        if (explain_supports(explain_methods[i], m) != has)
            fail_msg("%s is %ssupported", name, has ? "not " : "");
        if (!has) {
            assert_int_equal(explainer_open(m, "cpu", NULL, &input_imagenet, &o,
                                            &explain_methods[i], 1, classes, 1, &ex, &err),
                             E_CONFIG);
            assert_non_null(strstr(err.text, "is not defined for a toy"));
        }
    }
    const struct explain_method *raw[] = { explain_find("raw") };
    o.minmax = YES;
    assert_int_equal(
        explainer_open(m, "cpu", NULL, &input_imagenet, &o, raw, 1, classes, 1, &ex, &err),
        E_CONFIG);
    assert_non_null(strstr(err.text, "applies to Vim models only; this model is a Toy"));
    model_close(m);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        struct checkpoint *ck = toy_checkpoint();
        struct error err;
        bool failed =
            ck == NULL || checkpoint_write_safetensors(argv[1], ck, CHECKPOINT_FP32, &err) != OK;
        checkpoint_close(ck);
        return failed;
    }
    return RUN_TESTS(NULL, NULL, TEST(test_numbers), TEST(test_reweigh), TEST(test_supports));
}
