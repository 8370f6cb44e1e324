/* What the explanations refuse, and what must be the same whatever the batch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "micro.h"
#include "randomise.h"
#include "refresh.h"

#include "run_tests.h"

enum { IMAGES = 5 };

static const struct micro vim = { MICRO_VIM, .depth = 5 };
static const struct micro vit = { MICRO_VIT, .depth = 4 };

static enum status open_one(const struct model *m, const char *method,
                            const struct explain_options *o, int batch, struct explainer **ex,
                            struct error *err)
{
    const struct explain_method *list[1] = { explain_find(method) };
    const struct backend_options bo = { .simd = "", .threads = 2 };
    const bool classes[CLASS_CHOICES] = { true, true };
    assert_non_null(list[0]);
    return explainer_open(m, "cpu", &bo, &input_imagenet, o, list, 1, classes, batch, ex, err);
}

static void assert_refused(const struct micro *micro, const char *method,
                           const struct explain_options *o, const char *key, const char *message)
{
    struct error err = { 0 };
    struct explainer *ex;
    struct model *m = micro_model(micro, 3);
    assert_int_equal(open_one(m, method, o, 1, &ex, &err), E_CONFIG);
    assert_string_equal(err.key, key);
    if (strstr(err.text, message) == NULL)
        fail_msg("'%s' does not say '%s'", err.text, message);
    model_close(m);
}

static void test_refusals(void **state)
{
    struct explain_options o = explain_defaults;
    (void)state;
    assert_refused(&vit, "unified", &o, "explain.methods", "'unified' is not defined for a vit");
    assert_refused(&vit, "mambalrp", &o, "explain.methods", "'mambalrp' is not defined for a vit");
    o.start_layer = 5;
    assert_refused(&vim, "rollout", &o, "explain.start_layer", "5 is past the end");
    o = explain_defaults;
    o.discard = 1;
    assert_refused(&vim, "rollout", &o, "explain.discard", "1 should be at least 0");
    o = explain_defaults;
    o.full_matrix = YES;
    assert_refused(&vit, "rollout", &o, "explain.full_matrix", "applies to Vim models only");
    o = explain_defaults;
    o.aggregate = REDUCE_MAX;
    assert_refused(&vit, "rollout", &o, "explain.aggregate", "applies to Vim models only");
    o = explain_defaults;
    o.backward = BACKWARD_LIBRA;
    assert_refused(&vim, "ixg", &o, "explain.backward", "applies to ViT models only");
    o = explain_defaults;
    o.target = CAM_MIXER;
    assert_refused(&vit, "gradcam", &o, "explain.target", "applies to Vim models only");
    o = explain_defaults;
    o.protocol = "released, more or less";
    assert_refused(&vim, "raw", &o, "run.protocol",
                   "'released, more or less' should be released or paper");
    o = explain_defaults;
    o.randomise_layers = 6;
    assert_refused(&vim, "randomised", &o, "explain.randomise_layers", "6: the model has 5 layers");
    assert_null(explain_find("attributions"));
}

static void fill_images(struct explain_image *s, uint8_t *rgb, size_t bytes)
{
    uint64_t random = 99;
    for (size_t i = 0; i < IMAGES * bytes; i++)
        rgb[i] = (uint8_t)random_next(&random);
    for (int i = 0; i < IMAGES; i++)
        s[i] = (struct explain_image){ .rgb = rgb + (size_t)i * bytes,
                                       .label = i,
                                       .predicted = i == 1 ? 1 : -1,
                                       .id_hash = (uint64_t)i };
}

/* All images at once, or one by one: the same bits. Also: a target that is the predicted class has
 * the same map; class-agnostic maps are the same for both. */
static void check_batches(const struct micro *micro, const char *method)
{
    struct error err = { 0 };
    struct explainer *ex;
    struct model *m = micro_model(micro, 3);
    size_t bytes = (size_t)m->geo.image_size * (size_t)m->geo.image_size * 3;
    uint8_t *rgb = malloc(IMAGES * bytes), zero[IMAGES];
    float identity[IMAGES];
    int32_t predicted[IMAGES];
    struct explain_image s[IMAGES];
    fill_images(s, rgb, bytes);
    const uint8_t *reference = rgb; /* of methods that begin at images: the first */
    if (open_one(m, method, &explain_defaults, IMAGES, &ex, &err) != OK ||
        explainer_references(ex, &reference, 1, &err) != OK)
        fail_msg("%s", err.text);
    size_t cells = (size_t)explainer_side(ex, 0) * (size_t)explainer_side(ex, 0);
    float *together = calloc(IMAGES * CLASS_CHOICES * cells, sizeof *together);
    float *apart = calloc(IMAGES * CLASS_CHOICES * cells, sizeof *apart);
    struct explain_result r = { predicted, together, identity, zero, NULL };
    for (int i = 0; i < IMAGES; i++)
        if (s[i].predicted < 0 && explain_find(method)->class_agnostic)
            s[i].predicted = 0;
    if (strcmp(method, "randomised") == 0)
        for (int i = 0; i < IMAGES; i++)
            s[i].predicted = 2;
    assert_int_equal(explainer_run(ex, s, IMAGES, &r, &err), OK);
    assert_int_equal(predicted[1], s[1].predicted);
    for (int i = 0; i < IMAGES; i++) {
        r.maps = apart + (size_t)i * CLASS_CHOICES * cells;
        assert_int_equal(explainer_run(ex, &s[i], 1, &r, &err), OK);
        const float *map = r.maps;
        if (predicted[0] == s[i].label || explain_find(method)->class_agnostic)
            assert_memory_equal(map, map + cells, cells * sizeof *map);
    }
    assert_memory_equal(together, apart, IMAGES * CLASS_CHOICES * cells * sizeof *apart);
    for (size_t i = 0; i < IMAGES * CLASS_CHOICES * cells; i++)
        assert_true(isfinite(together[i]));
    explainer_close(ex);
    model_close(m);
    free(rgb);
    free(together);
    free(apart);
}

static void test_batches(void **state)
{
    (void)state;
    for (int i = 0; explain_methods[i] != NULL; i++) {
        const struct micro *archs[] = { &vim, &vit };
        for (int k = 0; k < 2; k++) {
            struct model *m = micro_model(archs[k], 3);
            if (explain_supports(explain_methods[i], m))
                check_batches(archs[k], explain_methods[i]->name);
            model_close(m);
        }
    }
}

/* A control on a randomised model must not be the map of the model itself. */
static void test_randomised_differs(void **state)
{
    struct model *copy, *m = micro_model(&vim, 3);
    struct error err = { 0 };
    (void)state;
    assert_int_equal(model_randomise(m, 2, 1, &copy, &err), OK);
    const struct tensor *a = checkpoint_find(m->checkpoint, "layers.2.mixer.in_proj.weight");
    const struct tensor *b = checkpoint_find(copy->checkpoint, "layers.2.mixer.in_proj.weight");
    assert_memory_equal(a->data, b->data, a->count * sizeof *a->data);
    a = checkpoint_find(m->checkpoint, "layers.3.mixer.in_proj.weight");
    b = checkpoint_find(copy->checkpoint, "layers.3.mixer.in_proj.weight");
    assert_memory_not_equal(a->data, b->data, a->count * sizeof *a->data);
    a = checkpoint_find(m->checkpoint, "head.weight");
    b = checkpoint_find(copy->checkpoint, "head.weight");
    assert_memory_not_equal(a->data, b->data, a->count * sizeof *a->data);
    model_close(copy);
    model_close(m);
}

/* Every tensor, positions, tokens and A_log too, belongs to one part, and is fresh in a blend that
 * has that part; and a fresh model has nothing of the trained one, and nothing twice. */
static void check_parts(const struct micro *micro)
{
    struct model *fresh, *blend, *m = micro_model(micro, 3);
    struct error err = { 0 };
    /* Trained weights that no initialisation leaves: not even constants may be told from these. */
    for (size_t i = 0; i < m->checkpoint->count; i++)
        for (size_t k = 0; k < m->checkpoint->tensors[i].count; k++)
            m->checkpoint->tensors[i].data[k] = 7.5f + (float)k;
    assert_int_equal(model_refresh(m, 5, &fresh, &err), OK);
    int parts = model_parts(m), seen[16] = { 0 };
    assert_int_equal(parts, m->geo.depth + 2);
    for (int first = 0; first < parts; first++)
        for (int count = 1; first + count <= parts; count++) {
            assert_int_equal(model_blend(m, fresh, first, count, &blend, &err), OK);
            for (size_t i = 0; i < m->checkpoint->count; i++) {
                const struct tensor *old = &m->checkpoint->tensors[i];
                int part = model_part_of(m, old->name);
                assert_true(part >= 0 && part < parts);
                seen[part]++;
                bool in = part >= first && part < first + count;
                const float *is = blend->checkpoint->tensors[i].data;
                assert_ptr_equal(is, in ? fresh->checkpoint->tensors[i].data : old->data);
                for (size_t k = 0; k < old->count; k++)
                    assert_int_equal(is[k] != old->data[k], in);
            }
            model_blend_close(blend);
        }
    for (int part = 0; part < parts; part++)
        assert_true(seen[part] > 0);
    const struct tensor *t = fresh->checkpoint->tensors;
    for (size_t i = 0; i < fresh->checkpoint->count; i++)
        for (size_t k = 0; k < i; k++) {
            bool constant = t[i].data[0] == t[i].data[t[i].count - 1];
            constant |= strstr(t[i].name, "_log") != NULL;
            assert_true(constant || t[i].count != t[k].count ||
                        memcmp(t[i].data, t[k].data, t[i].count * sizeof(float)) != 0);
        }
    model_close(fresh);
    model_close(m);
}

static void test_parts(void **state)
{
    (void)state;
    check_parts(&vim);
    check_parts(&vit);
    struct model *m = micro_model(&vim, 3);
    assert_int_equal(model_part_of(m, "head.weight"), 0);
    assert_int_equal(model_part_of(m, "norm_f.weight"), 0);
    assert_int_equal(model_part_of(m, "layers.3.mixer.A_log"), m->geo.depth - 3);
    assert_int_equal(model_part_of(m, "layers.0.mixer.D_b"), m->geo.depth);
    assert_int_equal(model_part_of(m, "pos_embed"), m->geo.depth + 1);
    assert_int_equal(model_part_of(m, "cls_token"), m->geo.depth + 1);
    model_close(m);
}

static void test_rollout_arithmetic(void **state)
{
    /* (I + K) with K = [[1, 1], [0, 0]]: rows [2, 1] and [0, 1]; e_0 picks the first. */
    double v[2] = { 1, 0 }, k[4] = { 1, 1, 0, 0 }, m[2] = { 0.5, -1.5 };
    struct track t = { .v = v };
    (void)state;
    rollout_matrix(&t, k, 2, false);
    assert_true(v[0] == 2 && v[1] == 1);
    memcpy(k, (double[4]){ 1, 1, 0, 0 }, sizeof k); /* the call uses it up */
    rollout_matrix(&t, k, 2, true);                 /* rows [2/3, 1/3], [0, 1] */
    assert_true(fabs(v[0] - 4.0 / 3) < 1e-15 && fabs(v[1] - 5.0 / 3) < 1e-15);
    assert_false(t.zero_row_sum);
    rollout_row(&t, m, 2, true); /* 1 + 0.5 - 1.5 = 0 */
    assert_true(t.zero_row_sum);
    double a[5] = { 3, 1, 2, 1, 1 }, scratch[5];
    discard_smallest(a, 5, 0.4, scratch); /* two of the three ones, the first two */
    assert_true(a[0] == 3 && a[1] == 0 && a[2] == 2 && a[3] == 0 && a[4] == 1);
}

/* An explainer that borrows the net's backend and weights: the same maps, and the net's logits
 * stay. */
static void check_beside(const struct micro *micro)
{
    struct model *m = micro_model(micro, 3);
    const struct explain_method *list[] = { explain_find("raw"), explain_find("rollout"),
                                            explain_find("attribution") };
    const struct backend_options bo = { .simd = "", .threads = 2 };
    const bool classes[CLASS_CHOICES] = { true, false };
    struct explain_options o = explain_defaults;
    size_t bytes = (size_t)m->geo.image_size * (size_t)m->geo.image_size * 3;
    uint8_t *rgb = malloc(IMAGES * bytes), zero[IMAGES];
    float logits[2][IMAGES * 6], identity[IMAGES], *maps[2];
    int32_t predicted[IMAGES];
    struct explain_image images[IMAGES];
    struct view views[IMAGES];
    struct explainer *ex[2];
    struct backend *be;
    struct net *net;
    struct error err = { 0 };
    fill_images(images, rgb, bytes);
    for (int i = 0; i < IMAGES; i++)
        views[i] = (struct view){ .rgb = images[i].rgb };
    o.precision = EXPLAIN_FP32; /* else the ViT's attribution has a backend of its own */
    assert_int_equal(backend_open("cpu", &bo, &be, &err), OK);
    assert_int_equal(net_open(m, be, &input_imagenet, IMAGES, &net, &err), OK);
    assert_int_equal(net_forward(net, views, IMAGES, logits[0], &err), OK);
    assert_int_equal(
        explainer_open(m, "cpu", &bo, &input_imagenet, &o, list, 3, classes, IMAGES, &ex[0], &err),
        OK);
    assert_int_equal(explainer_open_beside(net, m, "cpu", &bo, &input_imagenet, &o, list, 3,
                                           classes, IMAGES, NULL, &ex[1], &err),
                     OK);
    assert_int_equal(explainer_bytes(ex[0]) - explainer_bytes(ex[1]),
                     m->parameters * be->real_size);
    for (int k = 0; k < 2; k++) {
        maps[k] = calloc(IMAGES * explainer_map_values(ex[k]), sizeof(float));
        const struct explain_result r = { predicted, maps[k], identity, zero, NULL };
        assert_int_equal(explainer_run(ex[k], images, IMAGES, &r, &err), OK);
    }
    assert_memory_equal(maps[0], maps[1], IMAGES * explainer_map_values(ex[0]) * sizeof(float));
    assert_int_equal(net_forward(net, views, IMAGES, logits[1], &err), OK);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    explainer_close(ex[0]);
    explainer_close(ex[1]);
    net_close(net);
    backend_close(be);
    free(maps[0]);
    free(maps[1]);
    free(rgb);
    model_close(m);
}

static void test_beside(void **state)
{
    (void)state;
    check_beside(&vim);
    check_beside(&vit);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_beside), TEST(test_refusals), TEST(test_batches),
                     TEST(test_randomised_differs), TEST(test_parts),
                     TEST(test_rollout_arithmetic));
}
