/* Geometry from shapes, and what is said of checkpoints that do not fit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"

#include "run_tests.h"

static const struct micro vim = { MICRO_VIM_5, .depth = 3 };
static const struct micro vit = { MICRO_VIT, .depth = 2 };

static struct tensor *find(struct checkpoint *ck, const char *name)
{
    return (struct tensor *)(uintptr_t)checkpoint_find(ck, name);
}

static char refused_key[sizeof((struct error *)NULL)->key]; /* of the last refusal */

static void assert_refused(struct checkpoint *ck, const struct model_options *o, enum status status,
                           const char *first, const char *second)
{
    struct error err = { 0 };
    struct model *m = NULL;
    assert_int_equal(model_open(ck, o, &m, &err), status);
    if (strstr(err.text, first) == NULL || strstr(err.text, second) == NULL)
        fail_msg("'%s' does not say '%s' and '%s'", err.text, first, second);
    memcpy(refused_key, err.key, sizeof err.key);
}

static void test_geometry(void **state)
{
    struct error err;
    struct model *m;
    struct model_options o = { 0 };
    (void)state;
    assert_int_equal(model_open(micro_checkpoint(&vim), &o, &m, &err), OK);
    assert_string_equal(m->arch, "vim");
    assert_int_equal(m->geo.tokens, 26);
    assert_int_equal(m->geo.cls_at, 12); /* 25 patches: half, rounded down */
    assert_int_equal(m->geo.image_size, 20);
    assert_int_equal(m->geo.stride, 4);
    assert_int_equal(m->geo.depth, 3);
    model_close(m);

    o.image_size = 12; /* 5 patches of 4 pixels, 2 apart */
    assert_int_equal(model_open(micro_checkpoint(&vim), &o, &m, &err), OK);
    assert_int_equal(m->geo.stride, 2);
    model_close(m);

    o = (struct model_options){ .heads = 3, .arch = "vit" };
    assert_int_equal(model_open(micro_checkpoint(&vit), &o, &m, &err), OK);
    assert_int_equal(m->geo.cls_at, 0);
    assert_int_equal(m->geo.mlp, 40);
    model_close(m);
}

#define VIM_TINY                                                                                   \
    .type = &vim_type, .width = 192, .depth = 24, .patch = 16, .classes = 10, .inner = 384,        \
    .state = 16, .taps = 4, .rank = 12

/* Published sizes, by shape alone: tokens, stride and heads of SPEC 2. */
static const struct {
    struct micro micro;
    const char *arch;
    int tokens, cls, stride, heads;
} published_cases[] = {
    { { VIM_TINY, .grid = 14 }, "vim_tiny", 197, 98, 16, 0 },
    { { VIM_TINY, .grid = 27 }, "vim_tiny_s8", 730, 364, 8, 0 },
    { { .type = &vit_type,
        .width = 384,
        .depth = 12,
        .grid = 14,
        .patch = 16,
        .classes = 10,
        .mlp = 1536 },
      "deit_small",
      197,
      0,
      16,
      6 },
};

static void test_published_geometry(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof published_cases / sizeof published_cases[0]; i++) {
        struct error err = { 0 };
        struct model *m = NULL;
        const struct model_options o = { .arch = published_cases[i].arch };
        if (model_open(micro_checkpoint(&published_cases[i].micro), &o, &m, &err) != OK)
            fail_msg("%s: %s", published_cases[i].arch, err.text);
        assert_int_equal(m->geo.image_size, 224);
        assert_int_equal(m->geo.tokens, published_cases[i].tokens);
        assert_int_equal(m->geo.cls_at, published_cases[i].cls);
        assert_int_equal(m->geo.stride, published_cases[i].stride);
        assert_int_equal(m->geo.heads, published_cases[i].heads);
        model_close(m);
    }
}

static void test_accounting(void **state)
{
    struct model_options o = { 0 };
    struct checkpoint *ck = micro_checkpoint(&vim);
    (void)state;
    find(ck, "layers.1.mixer.D_b")->shape[0] = 43;
    assert_refused(ck, &o, E_DATA, "'layers.1.mixer.D_b' has shape [43]", "[44]");

    ck = micro_checkpoint(&vim); /* renamed: one missing, the other left over */
    struct tensor *t = find(ck, "norm_f.weight");
    strcpy(t->name, "norm_g.weight");
    assert_refused(ck, &o, E_DATA, "'norm_f.weight' [24] is missing", "(no file)");

    ck = micro_checkpoint(&vim);
    t = &ck->tensors[ck->count - 1]; /* sorted: pos_embed or the like; give it another name */
    ck->tensors = realloc(ck->tensors, (ck->count + 1) * sizeof *ck->tensors);
    t = &ck->tensors[ck->count++];
    *t = (struct tensor){ .name = strdup("zz.extra"),
                          .ndim = 1,
                          .shape = { 2 },
                          .count = 2,
                          .data = calloc(2, sizeof(float)) };
    assert_refused(ck, &o, E_DATA, "'zz.extra' is left over", "(no file)");

    ck = micro_checkpoint(&vim);
    find(ck, "pos_embed")->shape[1] = 25;
    assert_refused(ck, &o, E_DATA, "24 patches", "no square");

    ck = micro_checkpoint(&vit);
    strcpy(find(ck, "blocks.0.attn.qkv.weight")->name, "blocks.0.attn.kqv.weight");
    assert_refused(ck, &o, E_DATA, "neither a Vim", "nor a ViT");
}

static void test_options(void **state)
{
    struct model_options o = { .heads = 5 };
    (void)state;
    assert_refused(micro_checkpoint(&vit), &o, E_CONFIG, "5 does not divide", "24");
    assert_string_equal(refused_key, "model.heads");
    o.heads = 0;
    assert_refused(micro_checkpoint(&vit), &o, E_CONFIG, "how many heads", "24");
    assert_string_equal(refused_key, "model.heads");
    o.heads = 4;
    assert_refused(micro_checkpoint(&vim), &o, E_CONFIG, "a Vim", "no heads");
    assert_string_equal(refused_key, "model.heads");
    o = (struct model_options){ .arch = "vit" };
    assert_refused(micro_checkpoint(&vim), &o, E_CONFIG, "vit asks for a vit", "is a vim");
    assert_string_equal(refused_key, "model.arch");
    o.arch = "vim_smal";
    assert_refused(micro_checkpoint(&vim), &o, E_CONFIG, "'vim_smal' is not known", "vim_small");
    o.arch = "vim_tiny";
    assert_refused(micro_checkpoint(&vim), &o, E_CONFIG, "vim_tiny has", "this checkpoint");
    o = (struct model_options){ .image_size = 23 };
    assert_refused(micro_checkpoint(&vim), &o, E_CONFIG, "23 does not fit", "5 x 5");
    assert_string_equal(refused_key, "model.image_size");
}

/* Logits do not depend on how images are cut into batches. */
static void test_batches(void **state)
{
    enum { IMAGES = 5 };
    const struct micro *const both[] = { &vim, &vit };
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct error err;
        struct model *m = micro_model(both[k], 5);
        size_t pixels = (size_t)m->geo.image_size * (size_t)m->geo.image_size;
        size_t classes = (size_t)m->geo.classes;
        uint8_t *rgb = malloc(pixels * 3);
        for (size_t i = 0; i < pixels * 3; i++)
            rgb[i] = (uint8_t)(i * 37 % 251);
        uint32_t *rank = malloc(pixels * sizeof *rank);
        for (size_t i = 0; i < pixels; i++)
            rank[i] = (uint32_t)i;
        float logits[3][IMAGES * 8];
        static const int threads[] = { 1, 2, 2 }, batch[] = { 1, 2, IMAGES };
        for (int run = 0; run < 3; run++) {
            struct backend *be;
            struct net *net;
            const struct backend_options bo = { .threads = threads[run], .simd = "" };
            struct view views[IMAGES];
            assert_int_equal(backend_open("cpu", &bo, &be, &err), OK);
            assert_int_equal(net_open(m, be, &input_imagenet, batch[run], &net, &err), OK);
            for (int i = 0; i < IMAGES; i++)
                views[i] = (struct view){ .rgb = rgb, .rank = rank, .removed = (uint32_t)i * 20 };
            assert_int_equal(net_forward(net, views, IMAGES, logits[run], &err), OK);
            if (run == 2) /* one image alone: inside-the-image threads */
                for (int i = 0; i < IMAGES; i++)
                    assert_int_equal(
                        net_forward(net, &views[i], 1, logits[2] + (size_t)i * classes, &err), OK);
            net_close(net);
            backend_close(be);
        }
        assert_memory_equal(logits[0], logits[1], IMAGES * classes * sizeof(float));
        assert_memory_equal(logits[0], logits[2], IMAGES * classes * sizeof(float));
        assert_memory_not_equal(logits[0], logits[0] + classes, classes * sizeof(float));
        free(rgb);
        free(rank);
        model_close(m);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_geometry), TEST(test_published_geometry),
                     TEST(test_accounting), TEST(test_options), TEST(test_batches));
}
