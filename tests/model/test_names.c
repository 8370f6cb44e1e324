/* Checkpoints as other code names and shapes them: the same model, the same bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "names.h"
#include "random.h"

#include "run_tests.h"

enum { CLASSES = 6, SIDE = 16 };

static const struct micro vit = { MICRO_VIT, .depth = 2 };
static const struct micro vim = { MICRO_VIM, .depth = 2 };

/* The checkpoint of a random model, as its own. */
static struct checkpoint *random_checkpoint(const struct micro *micro)
{
    struct model *m = micro_model(micro, 5);
    assert_non_null(m);
    struct checkpoint *ck = m->checkpoint;
    m->checkpoint = NULL;
    model_close(m);
    return ck;
}

static struct tensor *find(struct checkpoint *ck, const char *name)
{
    for (size_t i = 0; i < ck->count; i++)
        if (strcmp(ck->tensors[i].name, name) == 0)
            return &ck->tensors[i];
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static void add(struct checkpoint *ck, const char *name, int64_t d0, int64_t d1, int64_t d2)
{
    const int64_t shape[] = { d0, d1, d2 };
    assert_true(checkpoint_add_zeros(ck, name, d2 > 0 ? 3 : d1 > 0 ? 2 : d0 > 0 ? 1 : 0, shape));
}

/* Opens (and takes) the checkpoint. */
static struct model *opened(struct checkpoint *ck, struct model_options o)
{
    struct model *m = NULL;
    struct error err;
    checkpoint_sort(ck);
    o.heads = 3;
    o.heads_if_any = true;
    if (model_open(ck, &o, &m, &err) != OK)
        fail_msg("%s", err.text);
    return m;
}

static void classify(const struct model *m, float *logits)
{
    struct backend *be;
    struct net *net;
    struct error err;
    uint8_t *rgb = malloc((size_t)m->geo.image_size * (size_t)m->geo.image_size * 3);
    uint64_t random = 3;
    for (int i = 0; i < m->geo.image_size * m->geo.image_size * 3; i++)
        rgb[i] = (uint8_t)random_next(&random);
    const struct view view = { .rgb = rgb };
    assert_int_equal(backend_open("cpu", NULL, &be, &err), OK);
    assert_int_equal(net_open(m, be, &input_imagenet, 1, &net, &err), OK);
    assert_int_equal(net_forward(net, &view, 1, logits, &err), OK);
    net_close(net);
    backend_close(be);
    free(rgb);
}

static void assert_noted(const struct model *m, const char *words)
{
    for (size_t i = 0; i < m->notes.count; i++)
        if (strstr(m->notes.line[i], words) != NULL)
            return;
    for (size_t i = 0; i < m->notes.count; i++)
        print_message("note: %s\n", m->notes.line[i]);
    fail_msg("no note says '%s'", words);
}

/* The checkpoint's logits are those of the plain model, within `tolerance` of the largest. */
static void assert_same(struct checkpoint *ck, const struct micro *micro, struct model_options o,
                        double tolerance, const char *words)
{
    float is[CLASSES], due[CLASSES];
    struct model *plain = opened(random_checkpoint(micro), (struct model_options){ 0 });
    struct model *m = opened(ck, o);
    classify(plain, due);
    classify(m, is);
    double largest = 0;
    for (int c = 0; c < CLASSES; c++)
        largest = fmax(largest, fabs((double)due[c]));
    assert_true(largest > 0.1);
    for (int c = 0; c < CLASSES; c++)
        if (!(fabs((double)is[c] - (double)due[c]) <= tolerance * largest))
            fail_msg("class %d: %.9g, not %.9g", c, (double)is[c], (double)due[c]);
    if (words != NULL)
        assert_noted(m, words);
    model_close(plain);
    model_close(m);
}

static void prefix_all(struct checkpoint *ck, const char *prefix, const char *except)
{
    char name[200];
    for (size_t i = 0; i < ck->count; i++) {
        if (except != NULL && strncmp(ck->tensors[i].name, except, strlen(except)) == 0)
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, ck->tensors[i].name);
        assert_true(tensor_rename(&ck->tensors[i], name));
    }
}

static const struct model_options none;

static void test_prefixes(void **state)
{
    static const char *const prefixes[] = { "model.", "backbone.", "encoder.",
                                            "net.",   "vit.",      "timm_model.visual." };
    (void)state;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        struct checkpoint *ck = random_checkpoint(&vit);
        char words[100];
        prefix_all(ck, prefixes[i], NULL);
        snprintf(words, sizeof words, "the model stands under '%s'", prefixes[i]);
        assert_same(ck, &vit, none, 0, words);
        ck = random_checkpoint(&vim);
        prefix_all(ck, prefixes[i], "head."); /* the head may stand beside */
        assert_same(ck, &vim, none, 0, words);
    }
}

static void test_two_models(void **state)
{
    struct checkpoint *other = random_checkpoint(&vit);
    struct model_options o = { .heads = 3 };
    struct model *m;
    struct error err = { 0 };
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        struct checkpoint *both = random_checkpoint(&vit);
        prefix_all(both, "teacher.", NULL);
        both->tensors = realloc(both->tensors, 2 * both->count * sizeof *both->tensors);
        for (size_t i = 0, n = both->count; i < n; i++) {
            struct tensor *t = &both->tensors[both->count++];
            *t = other->tensors[i];
            char name[200];
            snprintf(name, sizeof name, "student.%s", other->tensors[i].name);
            t->name = strdup(name);
            t->data = calloc(t->count, sizeof *t->data); /* zeros: not the ones that are meant */
        }
        checkpoint_sort(both);
        if (turn == 0) {
            assert_int_equal(model_open(both, &o, &m, &err), E_DATA);
            assert_non_null(strstr(err.text, "student.patch_embed.proj.weight"));
            assert_non_null(strstr(err.text, "teacher.patch_embed.proj.weight"));
            assert_string_equal(err.key, "model.prefix");
        } else {
            assert_same(both, &vit, (struct model_options){ .prefix = "teacher" }, 0,
                        "as model.prefix says");
        }
    }
    checkpoint_close(other);
}

/* q, k and v of a block on their own, as Hugging Face has them. */
static void split_qkv(struct checkpoint *ck, int block, const char *what,
                      const char *const names[3])
{
    char name[120];
    snprintf(name, sizeof name, "blocks.%d.attn.qkv.%s", block, what);
    struct tensor *t = find(ck, name);
    size_t third = t->count / 3;
    for (int k = 0; k < 3; k++) {
        snprintf(name, sizeof name, "encoder.layer.%d.%s.%s", block, names[k], what);
        add(ck, name, t->shape[0] / 3, t->ndim == 2 ? t->shape[1] : 0, 0);
        snprintf(name, sizeof name, "blocks.%d.attn.qkv.%s", block, what);
        t = find(ck, name); /* the array may have moved */
        memcpy(ck->tensors[ck->count - 1].data, t->data + (size_t)k * third, third * sizeof(float));
    }
    checkpoint_remove(ck, t);
}

static void rename_parts(struct checkpoint *ck, const char *const (*table)[2], size_t count,
                         const char *block_from, const char *block_to)
{
    for (size_t i = 0; i < ck->count; i++) {
        char name[200], *tail = ck->tensors[i].name;
        const char *head = "";
        size_t n = strlen(block_from);
        char index[16] = "";
        if (strncmp(tail, block_from, n) == 0) {
            head = block_to;
            snprintf(index, sizeof index, "%.2s", tail + n);
            tail += n + 2;
        }
        for (size_t k = 0; k < count; k++)
            if (strncmp(tail, table[k][0], strlen(table[k][0])) == 0) {
                snprintf(name, sizeof name, "%s%s%s%s", head, index, table[k][1],
                         tail + strlen(table[k][0]));
                assert_true(tensor_rename(&ck->tensors[i], name));
                head = NULL;
                break;
            }
        if (head != NULL && head[0] != '\0') {
            snprintf(name, sizeof name, "%s%s%s", head, index, tail);
            assert_true(tensor_rename(&ck->tensors[i], name));
        }
    }
}

static void test_hugging_face(void **state)
{
    static const char *const old[3] = { "attention.attention.query", "attention.attention.key",
                                        "attention.attention.value" };
    static const char *const new[3] = { "attention.q_proj", "attention.k_proj",
                                        "attention.v_proj" };
    static const char *const parts[][2] = {
        { "cls_token", "vit.embeddings.cls_token" },
        { "pos_embed", "vit.embeddings.position_embeddings" },
        { "patch_embed.proj.", "vit.embeddings.patch_embeddings.projection." },
        { "norm1.", "layernorm_before." },
        { "norm2.", "layernorm_after." },
        { "norm.", "vit.layernorm." },
        { "attn.proj.", "attention.output.dense." },
        { "mlp.fc1.", "intermediate.dense." },
        { "mlp.fc2.", "output.dense." },
        { "head.", "classifier." },
        { "encoder.layer.", "vit.encoder.layer." },
    };
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        struct checkpoint *ck = random_checkpoint(&vit);
        for (int i = 0; i < vit.depth; i++) {
            split_qkv(ck, i, "weight", turn == 0 ? old : new);
            split_qkv(ck, i, "bias", turn == 0 ? old : new);
        }
        rename_parts(ck, parts, sizeof parts / sizeof *parts, "blocks.", "vit.encoder.layer.");
        add(ck, "vit.pooler.dense.weight", 24, 24, 0);
        add(ck, "vit.embeddings.mask_token", 1, 1, 24);
        assert_same(ck, &vit, (struct model_options){ .eps = 1e-6 }, 0,
                    "left out: pooler.dense.weight");
    }
}

static void test_torchvision(void **state)
{
    static const char *const parts[][2] = {
        { "cls_token", "class_token" },
        { "pos_embed", "encoder.pos_embedding" },
        { "patch_embed.proj.", "conv_proj." },
        { "norm1.", "ln_1." },
        { "norm2.", "ln_2." },
        { "norm.", "encoder.ln." },
        { "attn.qkv.", "self_attention.in_proj_" },
        { "attn.proj.", "self_attention.out_proj." },
        { "mlp.fc1.", "mlp.0." },
        { "mlp.fc2.", "mlp.3." },
        { "head.", "heads.head." },
    };
    (void)state;
    struct checkpoint *ck = random_checkpoint(&vit);
    rename_parts(ck, parts, sizeof parts / sizeof *parts, "blocks.",
                 "encoder.layers.encoder_layer_");
    assert_same(ck, &vit, none, 0, "as other code names them");
}

static void test_chunks_and_flat_projection(void **state)
{
    (void)state;
    struct checkpoint *ck = random_checkpoint(&vit);
    for (size_t i = 0; i < ck->count; i++) { /* blocks.0.0., blocks.1.1. */
        char name[200], *was = ck->tensors[i].name;
        if (strncmp(was, "blocks.", 7) != 0)
            continue;
        snprintf(name, sizeof name, "blocks.%c.%s", was[7], was + 7);
        assert_true(tensor_rename(&ck->tensors[i], name));
    }
    struct tensor *proj = find(ck, "patch_embed.proj.weight");
    proj->ndim = 2;
    proj->shape[1] = 3 * 4 * 4;
    assert_same(ck, &vit, none, 0, NULL);
}

/* LayerScale halved here and the layers doubled there, which fp32 does exactly; biases of 0; the
 * positions of the patches alone where that of CLS is 0. */
static void test_plain_by_folding(void **state)
{
    (void)state;
    struct checkpoint *ck = random_checkpoint(&vit);
    static const char *const linear[] = { "attn.proj", "mlp.fc2" };
    for (int i = 0; i < vit.depth; i++)
        for (int k = 0; k < 2; k++) {
            char name[120];
            for (int part = 0; part < 2; part++) {
                snprintf(name, sizeof name, "blocks.%d.%s.%s", i, linear[k],
                         part == 0 ? "weight" : "bias");
                struct tensor *t = find(ck, name);
                for (size_t j = 0; j < t->count; j++)
                    t->data[j] *= 2;
            }
            snprintf(name, sizeof name, k == 0 ? "blocks.%d.ls1.gamma" : "blocks.%d.gamma_2", i);
            add(ck, name, 24, 0, 0);
            for (int j = 0; j < 24; j++)
                ck->tensors[ck->count - 1].data[j] = 0.5f;
        }
    assert_same(ck, &vit, none, 0, "LayerScale");
}

static void test_missing_parts(void **state)
{
    float with[CLASSES], without[CLASSES];
    (void)state;
    struct checkpoint *zero = random_checkpoint(&vit), *bare = random_checkpoint(&vit);
    for (int i = 0; i < vit.depth; i++) {
        char name[120];
        snprintf(name, sizeof name, "blocks.%d.attn.qkv.bias", i);
        struct tensor *t = find(zero, name);
        memset(t->data, 0, t->count * sizeof *t->data);
        checkpoint_remove(bare, find(bare, name));
    }
    struct tensor *t = find(zero, "patch_embed.proj.bias");
    memset(t->data, 0, t->count * sizeof *t->data);
    checkpoint_remove(bare, find(bare, "patch_embed.proj.bias"));
    memset(find(zero, "pos_embed")->data, 0, 24 * sizeof(float)); /* that of CLS */
    t = find(bare, "pos_embed");
    memmove(t->data, t->data + 24, (t->count - 24) * sizeof *t->data);
    t->count -= 24;
    t->shape[1]--;
    struct model *a = opened(zero, none), *b = opened(bare, none);
    classify(a, with);
    classify(b, without);
    assert_memory_equal(with, without, sizeof with);
    assert_noted(b, "q, k and v have no bias");
    assert_noted(b, "their projection has no bias");
    assert_noted(b, "positions: of the patches alone");
    model_close(a);
    model_close(b);
}

/* A gate whose other half is 1 is no gate: the plain model with the same activation. */
static void test_gates(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        struct checkpoint *ck = random_checkpoint(&vit);
        for (int i = 0; i < vit.depth; i++)
            for (int part = 0; part < 2; part++) {
                char name[64];
                snprintf(name, sizeof name, "blocks.%d.mlp.fc1.%s", i, part ? "bias" : "weight");
                struct tensor *t = find(ck, name);
                t->data = realloc(t->data, 2 * t->count * sizeof *t->data);
                assert_non_null(t->data);
                for (size_t k = 0; k < t->count; k++)
                    t->data[t->count + k] = (float)part;
                t->shape[0] *= 2;
                t->count *= 2;
            }
        if (turn == 0) {
            assert_same(ck, &vit, (struct model_options){ .activation = "gelu" }, 1e-6,
                        "MLPs: gated");
            continue;
        }
        struct model *m = opened(ck, none);
        assert_true(m->geo.act == MLP_SILU);
        assert_noted(m, "activation: SiLU of the gate");
        model_close(m);
    }
}

static void test_counters(void **state)
{
    struct model_options o = { .heads = 3 };
    struct model *m;
    struct error err;
    (void)state;
    struct checkpoint *ck = random_checkpoint(&vit);
    add(ck, "n_averaged", 0, 0, 0);
    ck->tensors[ck->count - 1].whole = true;
    assert_same(ck, &vit, none, 0, "left out: n_averaged, a counter");
    ck = random_checkpoint(&vit);
    add(ck, "temperature", 0, 0, 0); /* no whole number: it may mean something */
    checkpoint_sort(ck);
    assert_int_equal(model_open(ck, &o, &m, &err), E_DATA);
    assert_non_null(strstr(err.text, "'temperature' is left over"));
}

/* A ViT's patches lie side by side, whatever overlap would make of 224 pixels. */
static void test_image_size(void **state)
{
    static const struct {
        int grid, patch;
    } cases[] = { { 17, 16 }, { 37, 8 }, { 22, 14 }, { 27, 16 }, { 9, 32 }, { 14, 16 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct micro big = vit;
        big.grid = cases[i].grid;
        big.patch = cases[i].patch;
        struct model *m = opened(micro_checkpoint(&big), none);
        assert_int_equal(m->geo.image_size, big.grid * big.patch);
        assert_int_equal(m->geo.stride, big.patch);
        model_close(m);
    }
}

/* Names from a file reach no terminal as they are. */
static void test_quoted(void **state)
{
    static const char evil[] = "\x1b[2J\xff", shown[] = "\\x1B[2J\\xFF";
    const struct model_options o = { .heads = 3 };
    struct model *m;
    struct error err;
    char name[100];
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        struct checkpoint *ck = random_checkpoint(&vit);
        snprintf(name, sizeof name,
                 turn == 0   ? "%s"
                 : turn == 1 ? "%s.patch_embed.proj.weight"
                             : "blocks.0.%s",
                 evil);
        if (turn == 2)
            checkpoint_remove(ck, find(ck, "head.weight"));
        add(ck, name, 2, 0, 0);
        checkpoint_sort(ck);
        assert_int_equal(model_open(ck, &o, &m, &err), E_DATA);
        if (strstr(err.text, evil) != NULL || (turn < 2 && strstr(err.text, shown) == NULL))
            fail_msg("turn %d: %s", turn, err.text);
    }
    struct checkpoint *ck = random_checkpoint(&vit);
    snprintf(name, sizeof name, "%s.", evil);
    prefix_all(ck, name, NULL);
    assert_same(ck, &vit, none, 0, shown);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_prefixes), TEST(test_two_models),
                     TEST(test_hugging_face), TEST(test_torchvision),
                     TEST(test_chunks_and_flat_projection), TEST(test_plain_by_folding),
                     TEST(test_missing_parts), TEST(test_gates), TEST(test_counters),
                     TEST(test_image_size), TEST(test_quoted));
}
