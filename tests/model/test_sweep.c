/* Layers' activations that are kept from the forward pass, and layers that are computed again on
 * the way down: the same bits. */
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "sweep.h"

#include "run_tests.h"

enum { IMAGES = 3 };

static const struct micro vim = { MICRO_VIM, .depth = 5 };
static const struct micro vit = { MICRO_VIT, .depth = 4 };

/* The memory that the backend reports as free decides. */
static size_t free_bytes;

static void memory(struct backend *be, size_t *available, size_t *total)
{
    (void)be;
    *available = *total = free_bytes;
}

static struct job job_of(const struct model *m, const char *name)
{
    struct job j = { .method = (const struct method *)explain_find(name),
                     .choice = CLASS_PREDICTED };
    struct error err;
    if (rules_settle(&explain_defaults, j.method, m, &j.rules, &err) != OK)
        fail_msg("%s: %s", name, err.text);
    return j;
}

/* The tracks' rows, [count, IMAGES, L]; *bytes: what the sweep took. */
static double *rows_of(const struct micro *micro, const char *const *names, int count,
                       size_t *bytes)
{
    struct model *m = micro_model(micro, 3);
    struct backend *be;
    struct sweep *s;
    struct error err = { 0 };
    struct job jobs[8];
    size_t len = (size_t)m->geo.tokens, side = (size_t)m->geo.image_size, size = side * side * 3;
    assert_int_equal(backend_open("cpu", NULL, &be, &err), OK);
    be->memory = memory;
    void *weights = m->type->bind(m, be, WEIGHT_FORWARD | WEIGHT_BACK | WEIGHT_LRP);
    assert_non_null(weights);
    for (int i = 0; i < count; i++)
        jobs[i] = job_of(m, names[i]);
    const struct sweep_on on = { be, be, weights, weights, NULL };
    if (sweep_open(m, &on, &input_imagenet, jobs, count, IMAGES, LAYERS_AUTO, &s, &err) != OK)
        fail_msg("%s", err.text);
    uint8_t *rgb = malloc(IMAGES * size);
    uint64_t random = 5;
    for (size_t i = 0; i < IMAGES * size; i++)
        rgb[i] = (uint8_t)random_next(&random);
    struct view views[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        views[i] = (struct view){ .rgb = rgb + (size_t)i * size };
    double *rows = calloc((size_t)count * IMAGES * len, sizeof *rows);
    for (int turn = 0; turn < 2; turn++) { /* the second finds what the first has left */
        int32_t predicted[IMAGES] = { -1, 4, -1 }, target[IMAGES] = { 0 };
        sweep_run(s, views, IMAGES, predicted, target);
        assert_int_equal(be->sync(be, &err), OK);
        for (int i = 0; i < count; i++)
            for (int k = 0; k < IMAGES; k++)
                memcpy(rows + ((size_t)i * IMAGES + (size_t)k) * len, s->jobs[i].tracks[k].v,
                       len * sizeof *rows);
    }
    *bytes = sweep_bytes(s);
    sweep_close(s);
    m->type->unbind(weights, be);
    backend_close(be);
    free(rgb);
    model_close(m);
    return rows;
}

static void check(const struct micro *micro, const char *const *names, int count)
{
    size_t again_bytes, kept_bytes, values = (size_t)count * IMAGES * (4 * 4 + 1);
    free_bytes = 0;
    double *again = rows_of(micro, names, count, &again_bytes);
    free_bytes = (size_t)1 << 30;
    double *kept = rows_of(micro, names, count, &kept_bytes);
    assert_true(kept_bytes > again_bytes); /* else one of the ways was not gone */
    assert_memory_equal(again, kept, values * sizeof *again);
    bool any = false;
    for (size_t i = 0; i < values; i++)
        any = any || kept[i] != 0;
    assert_true(any);
    free(again);
    free(kept);
}

static void test_vim(void **state)
{
    static const char *const names[] = { "raw", "rollout", "attribution", "unified", "mambalrp" };
    (void)state;
    check(&vim, names, 5);
}

static void test_vit(void **state)
{
    static const char *const names[] = { "raw", "rollout", "attribution" };
    (void)state;
    check(&vit, names, 3);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_vim), TEST(test_vit));
}
