/* An explainer whose model has been given other weights, beside one that is opened on these
 * weights: the same bits, whichever tensor has changed, and of every method. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "random.h"
#include "refresh.h"
#include "sweep.h"

#include "run_tests.h"

#ifdef EMULATED
static const char *const backends[] = { "cuda" }; /* emulated: slow */
static const char *const some[] = { "rollout", "attribution", "ig", "randomised", NULL };
#else
static const char *const backends[] = { "ref", "cpu" };
static const char *const some[] = { NULL }; /* all methods */
#endif
enum { BACKENDS = sizeof backends / sizeof *backends };

enum { IMAGES = 2, REFERENCES = 2, METHODS = 64, LABELS = 3 };

static const struct micro plain[] = { { MICRO_VIM, .depth = 2 }, { MICRO_VIT, .depth = 2 } };
/* ---- a model, its explainers, what they give ---- */

struct trial {
    struct model *model;
    const char *backend;
    struct backend *be; /* the images are there */
    uint8_t *rgb, *device;
    size_t bytes; /* of an image */
    struct explain_options o;
    const struct explain_method *methods[METHODS];
    int count;
};

static struct trial begin(const struct micro *micro, const char *backend, int randomise_layers)
{
    struct trial t = { .model = micro_model(micro, 3), .backend = backend, .o = explain_defaults };
    const struct backend_options bo = { .simd = "", .threads = 2 };
    uint64_t random = 99;
    struct error err = { 0 };
    assert_non_null(t.model);
    t.o.steps = t.o.samples = 2;
    t.o.noise = 0.2;
    t.o.randomise_layers = randomise_layers;
    size_t side = (size_t)t.model->geo.image_size, all = IMAGES * 3 * side * side;
    t.bytes = 3 * side * side;
    t.rgb = malloc(all);
    for (size_t i = 0; i < all; i++)
        t.rgb[i] = (uint8_t)random_next(&random);
    if (backend_open(backend, &bo, &t.be, &err) != OK)
        fail_msg("%s", err.text);
    t.device = t.be->alloc(t.be, all);
    t.be->upload(t.be, t.device, t.rgb, all);
    be_wait(t.be);
    return t;
}

static void end(struct trial *t)
{
    t->be->free(t->be, t->device);
    backend_close(t->be);
    model_close(t->model);
    free(t->rgb);
}

static struct explainer *open_methods(const struct trial *t, const struct model *m, int first,
                                      int count, struct error *err)
{
    const struct backend_options bo = { .simd = "", .threads = 2 };
    const bool classes[CLASS_CHOICES] = { true, true };
    const uint8_t *references[REFERENCES] = { t->rgb, t->rgb + t->bytes };
    struct explainer *ex;
    if (explainer_open(m, t->backend, &bo, &input_imagenet, &t->o, t->methods + first, count,
                       classes, IMAGES, &ex, err) != OK)
        return NULL;
    if (explainer_references(ex, references, REFERENCES, err) != OK)
        fail_msg("%s", err->text);
    return ex;
}

static struct explainer *open_all(const struct trial *t, const struct model *m)
{
    struct error err = { 0 };
    struct explainer *ex = open_methods(t, m, 0, t->count, &err);
    if (ex == NULL)
        fail_msg("%s", err.text);
    return ex;
}

/* Those that have a meaning on the model. */
static void choose_methods(struct trial *t)
{
    struct error err;
    for (int i = 0; some[i] != NULL; i++)
        t->methods[t->count++] = explain_find(some[i]);
    for (int i = 0; some[0] == NULL && explain_methods[i] != NULL; i++) {
        t->methods[t->count] = explain_methods[i];
        struct explainer *ex = open_methods(t, t->model, t->count, 1, &err);
        t->count += ex != NULL;
        explainer_close(ex);
    }
    assert_true(t->count > 3);
}

struct found {
    float *maps, *identity, *sum_error; /* one behind the other */
    size_t bytes;                       /* of all three */
};

static struct found explain(const struct trial *t, struct explainer *ex)
{
    size_t maps = IMAGES * explainer_map_values(ex);
    size_t sums = IMAGES * (size_t)t->count * CLASS_CHOICES;
    struct found f = { .bytes = (maps + IMAGES + sums) * sizeof(float) };
    int32_t predicted[IMAGES];
    uint8_t zero[IMAGES];
    struct explain_image images[IMAGES];
    struct error err = { 0 };
    f.maps = calloc(1, f.bytes);
    assert_non_null(f.maps);
    f.identity = f.maps + maps;
    f.sum_error = f.identity + IMAGES;
    const struct explain_result r = { predicted, f.maps, f.identity, zero, f.sum_error };
    for (int i = 0; i < IMAGES; i++)
        images[i] = (struct explain_image){ .rgb = t->device + (size_t)i * t->bytes,
                                            .label = i % LABELS,
                                            .predicted = LABELS + i % LABELS,
                                            .id_hash = (uint64_t)i };
    if (explainer_run(ex, images, IMAGES, &r, &err) != OK)
        fail_msg("%s", err.text);
    return f;
}

static bool same(const struct found *a, const struct found *b)
{
    return a->bytes == b->bytes && memcmp(a->maps, b->maps, a->bytes) == 0;
}

/* What an explainer says that is opened on the model as it is now. */
static struct found opened(const struct trial *t, const struct model *m)
{
    struct explainer *ex = open_all(t, m);
    struct found f = explain(t, ex);
    explainer_close(ex);
    return f;
}

static void reweigh(struct explainer *ex, const bool *parts)
{
    struct error err = { 0 };
    if (explainer_reweigh(ex, parts, &err) != OK)
        fail_msg("%s", err.text);
}

/* ---- one tensor at a time ---- */

/* Returns whether the tensor matters: whether what is found of the model before is not what is
 * found of it now, so that an explainer that kept the tensor would be seen. */
static bool check_tensor(const struct trial *t, struct explainer *ex, const struct found *before,
                         struct tensor *tensor)
{
    bool parts[16] = { false };
    float *kept = malloc(tensor->count * sizeof *kept);
    assert_non_null(kept);
    memcpy(kept, tensor->data, tensor->count * sizeof *kept);
    for (size_t i = 0; i < tensor->count; i++)
        tensor->data[i] += 0.25f * (float)(1 + i % 3);
    parts[model_part_of(t->model, tensor->name)] = true;
    reweigh(ex, parts);
    struct found is = explain(t, ex), due = opened(t, t->model);
    if (!same(&is, &due))
        fail_msg("%s: %s was not made again", t->backend, tensor->name);
    bool matters = !same(&is, before);
    memcpy(tensor->data, kept, tensor->count * sizeof *kept);
    reweigh(ex, parts);
    free(is.maps);
    free(due.maps);
    free(kept);
    return matters;
}

static void check_tensors(const struct micro *micro, const char *backend, int randomise_layers,
                          bool all_matter)
{
    struct trial t = begin(micro, backend, randomise_layers);
    choose_methods(&t);
    struct explainer *ex = open_all(&t, t.model);
    struct found before = explain(&t, ex);
    assert_true(model_parts(t.model) <= 16);
    int matter = 0, count = (int)t.model->checkpoint->count;
    for (int i = 0; i < count; i++)
        matter += check_tensor(&t, ex, &before, &t.model->checkpoint->tensors[i]);
    if (matter < (all_matter ? count : 2 * count / 3))
        fail_msg("%s, %s: %d of %d tensors make a difference", backend, t.model->arch, matter,
                 count);
    struct found after = explain(&t, ex);
    assert_true(same(&before, &after));
    explainer_close(ex);
    free(before.maps);
    free(after.maps);
    end(&t);
}

static void test_tensors(void **state)
{
    (void)state;
    for (int b = 0; b < BACKENDS; b++)
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            check_tensors(&plain[i], backends[b], 1, true);
}

#ifndef EMULATED
static const struct micro families[] = {
    { MICRO_VIM, .depth = 2, .rope = true, .layer_norm = true },
    { MICRO_VIM, .depth = 2, .readout = READ_REGISTERS, .registers = 2, .no_cls = true, .neck = 8 },
    { MICRO_VIT, .depth = 2, .readout = READ_TWO_HEADS, .dist = 1, .norm_pre = true },
    { MICRO_VIT, .depth = 2, .gated = true, .head_norm = true, .pre_logits = 12 },
};

static void test_families(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        check_tensors(&families[i], "cpu", -1, false);
}

/* ---- fresh parts ---- */

/* As the task `randomisation` does it: every blend through one explainer, told of the parts that
 * are not as before. */
static void check_blends(const struct micro *micro, const char *backend)
{
    struct trial t = begin(micro, backend, 2);
    struct model *fresh, *blend, *other;
    struct error err = { 0 };
    bool parts[16];
    choose_methods(&t);
    assert_int_equal(model_refresh(t.model, 5, &fresh, &err), OK);
    assert_int_equal(model_blend(t.model, fresh, 0, 0, &blend, &err), OK);
    struct explainer *ex = open_all(&t, blend);
    int depth = t.model->geo.depth;
    for (int k = 0; k < 2 * (depth + 2); k++) {
        int first = k % 2 == 0 ? 0 : k / 2, count = k % 2 == 0 ? k / 2 + 1 : 1;
        model_blend_again(blend, t.model, fresh, first, count, parts);
        reweigh(ex, parts);
        assert_int_equal(model_blend(t.model, fresh, first, count, &other, &err), OK);
        struct found is = explain(&t, ex), due = opened(&t, other);
        if (!same(&is, &due))
            fail_msg("%s: %d fresh parts from %d on", backend, count, first);
        free(is.maps);
        free(due.maps);
        model_blend_close(other);
    }
    model_blend_again(blend, t.model, fresh, 0, depth + 2, parts); /* as the last but one was */
    model_blend_again(blend, t.model, fresh, 1, depth, parts);
    for (int part = 0; part < depth + 2; part++)
        assert_int_equal(parts[part], part == 0 || part == depth + 1);
    explainer_close(ex);
    model_blend_close(blend);
    model_close(fresh);
    end(&t);
}

static void test_blends(void **state)
{
    (void)state;
    for (int b = 0; b < BACKENDS; b++)
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            check_blends(&plain[i], backends[b]);
}

#endif

/* Weights that a net has lent are the net's to change. */
static void test_borrowed(void **state)
{
    struct trial t = begin(&plain[1], backends[0], -1);
    const struct backend_options bo = { .simd = "", .threads = 2 };
    const bool classes[CLASS_CHOICES] = { true }, parts[16] = { true };
    struct net *net;
    struct explainer *ex;
    struct error err = { 0 };
    (void)state;
    t.methods[0] = explain_find("raw");
    assert_int_equal(net_open(t.model, t.be, &input_imagenet, IMAGES, &net, &err), OK);
    assert_int_equal(explainer_open_beside(net, t.model, t.backend, &bo, &input_imagenet, &t.o,
                                           t.methods, 1, classes, IMAGES, NULL, &ex, &err),
                     OK);
    assert_int_equal(explainer_reweigh(ex, parts, &err), E_CONFIG);
    explainer_close(ex);
    net_close(net);
    end(&t);
}

int main(void)
{
#ifdef EMULATED
    return RUN_TESTS(NULL, NULL, TEST(test_tensors), TEST(test_borrowed));
#else
    return RUN_TESTS(NULL, NULL, TEST(test_tensors), TEST(test_families), TEST(test_blends),
                     TEST(test_borrowed));
#endif
}
