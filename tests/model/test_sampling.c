/* Methods that take gradients at inputs made from the image: what they draw and add up, and how
 * many passes explanations take beside what was planned. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "random.h"
#include "sampling.h"

#include "run_tests.h"

enum { IMAGES = 5, REFERENCES = 3 };

static const struct micro vim = { MICRO_VIM, .depth = 5 };
static const struct micro vit = { MICRO_VIT, .depth = 4 };

static const char *const samplers[] = { "ig", "smoothgrad", "expected_gradients" };

/* ---- a model, images, maps ---- */

struct trial {
    struct model *model;
    uint8_t *rgb; /* [IMAGES + REFERENCES, S, S, 3] */
    size_t bytes;
    struct explain_options o;
};

static struct trial new_trial(const struct micro *micro)
{
    struct trial t = { .model = micro_model(micro, 3), .o = explain_defaults };
    size_t side = (size_t)(micro->grid * micro->patch);
    uint64_t random = 99;
    t.bytes = 3 * side * side;
    t.rgb = malloc((IMAGES + REFERENCES) * t.bytes);
    assert_non_null(t.model);
    assert_non_null(t.rgb);
    for (size_t i = 0; i < (IMAGES + REFERENCES) * t.bytes; i++)
        t.rgb[i] = (uint8_t)random_next(&random);
    t.o.steps = 7;
    t.o.samples = 6;
    t.o.noise = 0.2;
    return t;
}

static void end_trial(struct trial *t)
{
    model_close(t->model);
    free(t->rgb);
}

static struct explainer *explain_with(const struct trial *t, const char *const *names, int count,
                                      const char *backend, int threads, int batch)
{
    const struct explain_method *methods[16];
    const struct backend_options bo = { .simd = "", .threads = threads };
    const bool classes[CLASS_CHOICES] = { true, true };
    const uint8_t *references[REFERENCES];
    struct explainer *ex;
    struct error err = { 0 };
    for (int i = 0; i < count; i++)
        assert_non_null(methods[i] = explain_find(names[i]));
    for (int i = 0; i < REFERENCES; i++)
        references[i] = t->rgb + (size_t)(IMAGES + i) * t->bytes;
    if (explainer_open(t->model, backend, &bo, &input_imagenet, &t->o, methods, count, classes,
                       batch, &ex, &err) != OK ||
        explainer_references(ex, references, REFERENCES, &err) != OK)
        fail_msg("%s", err.text);
    return ex;
}

/* Images `order` of the trial, at most `batch` in a call: their maps in the order of the trial, and
 * (or NULL) the errors of their sums. */
static float *maps_of(const struct trial *t, struct explainer *ex, const int *order, int count,
                      int batch, float *errors)
{
    size_t values = explainer_map_values(ex);
    float *maps = calloc((size_t)IMAGES * values, sizeof *maps);
    float *found = calloc((size_t)batch * values, sizeof *found);
    int32_t predicted[IMAGES];
    float identity[IMAGES], sums[IMAGES * CLASS_CHOICES * 16];
    uint8_t zero[IMAGES];
    const struct explain_result r = { predicted, found, identity, zero, sums };
    for (int at = 0, n; at < count; at += n) {
        struct explain_image images[IMAGES];
        struct error err = { 0 };
        n = count - at < batch ? count - at : batch;
        for (int i = 0; i < n; i++) {
            int k = order[at + i];
            images[i] = (struct explain_image){ .rgb = t->rgb + (size_t)k * t->bytes,
                                                .label = k % 3,
                                                .predicted = 3 + k % 3,
                                                .id_hash = (uint64_t)k + 77 };
        }
        if (explainer_run(ex, images, n, &r, &err) != OK)
            fail_msg("%s", err.text);
        for (int i = 0; i < n; i++)
            memcpy(maps + (size_t)order[at + i] * values, found + (size_t)i * values,
                   values * sizeof *maps);
        for (int i = 0; errors != NULL && i < n; i++)
            errors[order[at + i]] = sums[i * CLASS_CHOICES];
    }
    free(found);
    return maps;
}

static const int forwards[IMAGES] = { 0, 1, 2, 3, 4 }, backwards[IMAGES] = { 4, 3, 2, 1, 0 };

static float *all_maps(const struct trial *t, const char *method, const char *backend, int threads,
                       int batch, const int *order)
{
    struct explainer *ex = explain_with(t, &method, 1, backend, threads, batch);
    float *maps = maps_of(t, ex, order, IMAGES, batch, NULL);
    explainer_close(ex);
    return maps;
}

static size_t map_bytes(const struct trial *t, const char *method)
{
    int side = explain_map_side(explain_find(method), t->model, &t->o);
    return (size_t)(IMAGES * CLASS_CHOICES * side * side) * sizeof(float);
}

/* ---- draws ---- */

/* The same bits for any batch, threads and order; on one device with a batch of its own samples are
 * computed side by side. Another seed gives other ones, and no seed enters Integrated Gradients. */
static void check_draws(const struct micro *micro, const char *method)
{
    struct trial t = new_trial(micro);
    size_t bytes = map_bytes(&t, method);
    float *once = all_maps(&t, method, "cpu", 1, IMAGES, forwards);
    const struct {
        int threads, batch;
        const int *order;
    } ways[] = { { 2, IMAGES, forwards }, { 2, 1, forwards }, { 1, 2, backwards } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        float *again = all_maps(&t, method, "cpu", ways[i].threads, ways[i].batch, ways[i].order);
        assert_memory_equal(once, again, bytes);
        free(again);
    }
    float *ref = all_maps(&t, method, "ref", 1, IMAGES, forwards);
    float *ref_alone = all_maps(&t, method, "ref", 1, 4, backwards); /* 4 at once, then 1 */
    assert_memory_equal(ref, ref_alone, bytes);
    t.o.seed++;
    float *other = all_maps(&t, method, "cpu", 1, IMAGES, forwards);
    assert_int_equal(memcmp(once, other, bytes) == 0, strcmp(method, "ig") == 0);
    free(once);
    free(ref);
    free(ref_alone);
    free(other);
    end_trial(&t);
}

static void test_draws(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++) {
        check_draws(&vim, samplers[i]);
        check_draws(&vit, samplers[i]);
    }
}

/* ---- Integrated Gradients ---- */

/* n points integrate polynomials up to degree 2 n - 1 exactly, and not that of degree 2 n. */
static void test_gauss_legendre(void **state)
{
    (void)state;
    for (int n = 1; n <= 12; n++)
        for (int degree = 0; degree <= 2 * n; degree++) {
            double sum = 0, at, weight, before = 0;
            for (int i = 0; i < n; i++) {
                gauss_legendre(n, i, &at, &weight);
                assert_true(at > before && at < 1);
                sum += weight * pow(at, degree);
                before = at;
            }
            double off = fabs(sum - 1.0 / (degree + 1));
            assert_true(degree < 2 * n ? off < 1e-14 : off > 1e-16 || n > 8);
        }
}

/* The map's sum comes to the difference of the scores with more steps. */
static void check_completeness(const struct micro *micro)
{
    const char *method = "ig";
    struct trial t = new_trial(micro);
    double worst[2] = { 0, 0 };
    for (int k = 0; k < 2; k++) {
        float errors[IMAGES];
        t.o.steps = k == 0 ? 2 : 100;
        struct explainer *ex = explain_with(&t, &method, 1, "cpu", 2, IMAGES);
        free(maps_of(&t, ex, forwards, IMAGES, IMAGES, errors));
        for (int i = 0; i < IMAGES; i++)
            worst[k] = fmax(worst[k], (double)errors[i]);
        explainer_close(ex);
    }
    assert_true(worst[1] < 1e-4); /* what fp32 leaves */
    assert_true(worst[0] > 10 * worst[1]);
    end_trial(&t);
}

static void test_completeness(void **state)
{
    (void)state;
    check_completeness(&vim);
    check_completeness(&vit);
}

/* ---- passes ---- */

static void check_passes(const struct micro *micro, const char *const *names, int count)
{
    struct trial t = new_trial(micro);
    struct explainer *ex = explain_with(&t, names, count, "ref", 1, IMAGES);
    struct explain_passes plan, own, sum = { 0 };
    struct error err = { 0 };
    assert_int_equal(explainer_plan(ex, -1, &plan, &err), OK);
    for (int i = 0; i < count; i++) {
        assert_int_equal(explainer_plan(ex, i, &own, &err), OK);
        sum.forward += own.forward;
        sum.backward += own.backward;
        assert_true(own.forward <= plan.forward && own.backward <= plan.backward);
    }
    free(maps_of(&t, ex, forwards, IMAGES, IMAGES, NULL));
    struct explain_passes made = explainer_passes(ex);
    assert_float_equal(made.forward, IMAGES * plan.forward + plan.once, 1e-9);
    assert_float_equal(made.backward, IMAGES * plan.backward, 1e-9);
    assert_true(count == 1 || sum.forward > plan.forward); /* the forward pass is shared */
    explainer_close(ex);
    end_trial(&t);
}

static void test_passes(void **state)
{
    static const char *const of_both[] = { "raw",     "rollout",    "attribution",
                                           "gradcam", "hirescam",   "ixg",
                                           "ig",      "smoothgrad", "expected_gradients" };
    static const char *const of_vit[] = { "genatt",      "attn_gradcam", "libra",
                                          "partial_lrp", "attnlrp",      "full_lrp" };
    (void)state;
    int both = (int)(sizeof of_both / sizeof *of_both);
    for (int i = 0; i < both; i++) {
        check_passes(&vim, of_both + i, 1);
        check_passes(&vit, of_both + i, 1);
    }
    int vit_only = (int)(sizeof of_vit / sizeof *of_vit);
    for (int i = 0; i < vit_only; i++)
        check_passes(&vit, of_vit + i, 1);
    check_passes(&vim, of_both, both);
    check_passes(&vit, of_both, both);
    check_passes(&vit, of_vit, vit_only);
}

/* One gradient serves them all: it goes as far down as the farthest needs it. */
static void test_shared(void **state)
{
    static const char *const names[] = { "gradcam", "ixg", "genatt", "attn_gradcam" };
    struct trial t = new_trial(&vit);
    struct explainer *ex = explain_with(&t, names, 4, "ref", 1, 1);
    struct explain_passes plan;
    struct error err = { 0 };
    (void)state;
    assert_int_equal(explainer_plan(ex, -1, &plan, &err), OK);
    assert_float_equal(plan.forward, 1, 1e-9);
    assert_float_equal(plan.backward, 2, 1e-9); /* of both classes */
    assert_int_equal(explainer_plan(ex, 3, &plan, &err), OK);
    assert_float_equal(plan.backward, 2.0 / vit.depth, 1e-9); /* the last block alone */
    explainer_close(ex);
    end_trial(&t);
}

/* A gradient that one method needs mixed also serves the methods for which fp32 would do: their
 * maps are those of mixed, and take no pass of their own. */
static void test_shared_mixed(void **state)
{
    static const char *const names[] = { "attribution", "genatt",       "ixg",
                                         "gradcam",     "attn_gradcam", "raw" };
    struct trial t = new_trial(&vit);
    struct explain_passes plan;
    struct error err = { 0 };
    (void)state;
    struct explainer *ex = explain_with(&t, names, 5, "cpu", 1, IMAGES);
    float *shared = maps_of(&t, ex, forwards, IMAGES, IMAGES, NULL);
    assert_int_equal(explainer_plan(ex, -1, &plan, &err), OK);
    assert_float_equal(plan.forward, 1, 1e-9);
    assert_float_equal(plan.backward, 2, 1e-9);
    size_t bytes = IMAGES * explainer_map_values(ex) * sizeof *shared;
    explainer_close(ex);
    t.o.precision = EXPLAIN_MIXED;
    ex = explain_with(&t, names, 5, "cpu", 1, IMAGES);
    float *mixed = maps_of(&t, ex, forwards, IMAGES, IMAGES, NULL);
    assert_memory_equal(shared, mixed, bytes);
    explainer_close(ex);
    t.o.precision = EXPLAIN_AUTO;
    ex = explain_with(&t, names, 6, "cpu", 1, IMAGES); /* raw needs no gradient: fp32 */
    assert_int_equal(explainer_plan(ex, -1, &plan, &err), OK);
    assert_float_equal(plan.forward, 2, 1e-9);
    explainer_close(ex);
    free(shared);
    free(mixed);
    end_trial(&t);
}

/* A method that begins at images of the data set is refused without them. */
static void test_references(void **state)
{
    struct trial t = new_trial(&vit);
    const char *method = "expected_gradients";
    const struct explain_method *m = explain_find(method);
    const struct backend_options bo = { .simd = "", .threads = 1 };
    const bool classes[CLASS_CHOICES] = { true, false };
    const struct explain_image image = { .rgb = t.rgb, .predicted = -1 };
    struct explainer *ex;
    struct error err = { 0 };
    int32_t predicted;
    float identity, map[64];
    uint8_t zero;
    const struct explain_result r = { &predicted, map, &identity, &zero, NULL };
    (void)state;
    assert_true(explain_needs_references(m) && !explain_needs_references(explain_find("ig")));
    assert_int_equal(
        explainer_open(t.model, "cpu", &bo, &input_imagenet, &t.o, &m, 1, classes, 1, &ex, &err),
        OK);
    assert_int_equal(explainer_run(ex, &image, 1, &r, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "images of the data set"));
    explainer_close(ex);
    end_trial(&t);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_gauss_legendre), TEST(test_draws),
                     TEST(test_completeness), TEST(test_passes), TEST(test_shared),
                     TEST(test_shared_mixed), TEST(test_references));
}
