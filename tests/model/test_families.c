/* Checkpoints of models that evalh does not have are refused by the name of their family. */
#include <stdio.h>
#include <string.h>

#include "micro.h"
#include "names.h"
#include "randomise.h"

#include "run_tests.h"

static const struct micro vit = { MICRO_VIT, .depth = 1 };

/* The tensors by which each family's checkpoints are known, beside a stem; the refusal names the
 * family. */
static const struct {
    const char *tensors[5], *name;
} refused[] = {
    { { "layers.0.blocks.0.attn.relative_position_bias_table" }, "Swin" },
    { { "features.1.0.attn.relative_position_bias_table" }, "Swin" },
    { { "layers.0.blocks.0.attn.cpb_mlp.0.weight" }, "Swin Transformer V2" },
    { { "blocks.0.attn.qkv.weight", "blocks.0.attn.relative_position_bias_table" }, "BEiT" },
    { { "layers.0.blocks.0.op.A_logs" }, "VMamba" },
    { { "levels.2.blocks.0.mixer.in_proj.weight" }, "MambaVision" },
    { { "backbone.embedding.weight", "backbone.layers.0.mixer.in_proj.weight" },
      "Mamba language model" },
    { { "conv1.weight", "layer1.0.conv1.weight" }, "ResNet" },
    { { "blocks.0.attn.q_proj.weight" }, "EVA-02" },
    { { "blocks.0.attn.qkv.weight", "attn_pool.latent" }, "SigLIP" },
    { { "blocks.0.attns.0.qkv.weight" }, "parallel" },
    { { "visual.transformer.resblocks.0.ln_1.weight" }, "CLIP" },
    { { "blocks.0.attn.qkv.weight", "decoder_embed.weight" }, "MAE" },
    { { "layers.0.mixer.in_proj.weight" }, "without positions" },
    { { "blocks.0.attn.qkv.weight", "rope.freqs" }, "rotary positions" },
    { { "stages.0.blocks.0.attn_block.attn.rel_pos.relative_position_bias_table" }, "MaxViT" },
    { { "stages.0.blocks.0.attn_grid.attn.rel_pos.mlp.fc1.weight" }, "MaxViT" },
    { { "stages.0.blocks.0.conv_dw.weight" }, "ConvNeXt" },
    { { "stages.0.blocks.0.conv_dw.weight", "stages.1.blocks.1.xca.qkv.weight" }, "EdgeNeXt" },
    { { "blocks.0.attn.qkv.weight", "attn_pool.kv.weight" }, "PE, timm's map" },
    { { "blocks.0.attn.qkv.weight", "patch_embed.backbone.stem.conv.weight" }, "hybrid" },
    { { "blocks.0.attn.qkv.weight", "rope_embed.periods" }, "DINOv3" },
    { { "blocks.0.attn.qk.weight", "blocks_token_only.0.norm1.weight" }, "CaiT" },
    { { "blocks.0.attn.qkv.weight", "pos_embed.token_projection.weight" }, "XCiT" },
    { { "blocks.0.0.attn.qkv.weight", "pos_block.0.proj.0.weight" }, "Twins" },
    { { "blocks.0.attn.qkv.weight", "blocks.0.attn.rel_pos_h" }, "SAM" },
    { { "blocks.0.attn.qkv.weight", "blocks.0.attn.rel_pos.mlp.fc1.weight" }, "relpos" },
    { { "blocks.0.attn.qkv.weight", "embeds.proj.weight" }, "NaFlexViT" },
    { { "blocks.0.attn.qkv.weight", "head.weight" }, "without learned positions" },
    { { "blocks.0.norm1.weight", "blocks.0.attn.qkv.weight", "head.weight", "pos_embed" },
      "RMSNorm" },
    { { "blocks.0.norm1.bias", "blocks.0.norm1.weight", "blocks.0.attn.qkv.weight", "head.weight",
        "pos_embed" },
      "without a norm before its head" },
    { { "blocks.0.attn.qkv.weight", "head.fc.weight" }, "told by 'head.fc.weight'" },
    { { "blocks.0.attn.qkv.weight", "head.weight_g", "head.weight_v" }, "told by 'head.weight_g'" },
    { { "blocks.0.attn.qkv.weight", "heads.0.weight", "heads.2.weight" },
      "told by 'heads.0.weight'" },
    { { "blocks.0.attn.qkv.weight", "head.0.running_mean", "head.0.running_var", "head.0.weight",
        "head.1.weight" },
      "told by 'head.0." },
    { { "layers.0.mixer.in_proj.weight", "pos_embed", "head.0.weight", "head.2.weight" },
      "told by 'head.0.weight'" },
    { { "blocks.0.attn.qkv.weight", "freqs_t_x" }, "rotary positions" },
};

static void test_families(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct checkpoint *ck = micro_checkpoint(&vit);
        struct model *m;
        struct error err = { 0 };
        while (ck->count > 0)
            checkpoint_remove(ck, &ck->tensors[0]);
        for (int k = 0; k < 5 && refused[i].tensors[k] != NULL; k++)
            assert_true(checkpoint_add_zeros(ck, refused[i].tensors[k], 2, (int64_t[]){ 4, 4 }));
        checkpoint_sort(ck);
        assert_int_equal(model_open(ck, &(struct model_options){ 0 }, &m, &err), E_DATA);
        if (strstr(err.text, refused[i].name) == NULL || strstr(err.text, "not supported") == NULL)
            fail_msg("%s: %s", refused[i].name, err.text);
    }
}

/* A head that takes more than evalh reads out is refused, and the message says what it takes. */
static void test_wide_head(void **state)
{
    const struct model_options o = { .heads = 3 };
    struct model *m;
    struct error err = { 0 };
    (void)state;
    for (int64_t times = 4; times <= 5; times++) {
        struct checkpoint *ck = micro_checkpoint(&vit);
        checkpoint_remove(ck, checkpoint_find(ck, "head.weight"));
        assert_true(checkpoint_add_zeros(ck, "head.weight", 2,
                                         (int64_t[]){ vit.classes, times * vit.width }));
        checkpoint_sort(ck);
        assert_int_equal(model_open(ck, &o, &m, &err), E_DATA);
        assert_non_null(strstr(err.text, "last four blocks"));
    }
}

/* A CLIP's image tower has a ViT's tensors; its head gives an embedding. */
static void test_clip_tower(void **state)
{
    struct micro tower = vit;
    const struct model_options o = { .heads = 3 };
    struct model *m;
    struct error err = { 0 };
    (void)state;
    tower.norm_pre = true;
    assert_int_equal(model_open(micro_checkpoint(&tower), &o, &m, &err), OK);
    model_close(m);
    tower.classes = 512;
    assert_int_equal(model_open(micro_checkpoint(&tower), &o, &m, &err), E_DATA);
    assert_non_null(strstr(err.text, "not supported"));
    assert_non_null(strstr(err.text, "image tower of a CLIP"));
}

/* A Vim of one direction, and one whose directions share all but A: what stands for the second one
 * stays what it is when the model gets fresh weights. */
static void test_second_direction(void **state)
{
    static const char *const own[] = { "conv1d_b.weight",  "conv1d_b.bias",  "x_proj_b.weight",
                                       "dt_proj_b.weight", "dt_proj_b.bias", "D_b" };
    static const struct micro vim = { MICRO_VIM, .depth = 2 };
    (void)state;
    for (int one = 0; one < 2; one++) {
        struct checkpoint *ck = micro_checkpoint(&vim);
        struct model *m, *fresh;
        struct error err = { 0 };
        char name[64];
        for (int layer = 0; layer < vim.depth; layer++) {
            for (size_t k = 0; k < sizeof own / sizeof *own; k++) {
                snprintf(name, sizeof name, "layers.%d.mixer.%s", layer, own[k]);
                checkpoint_remove(ck, checkpoint_find(ck, name));
            }
            snprintf(name, sizeof name, "layers.%d.mixer.A_b_log", layer);
            if (one)
                checkpoint_remove(ck, checkpoint_find(ck, name));
        }
        assert_int_equal(model_open(ck, &(struct model_options){ 0 }, &m, &err), OK);
        assert_true(m->geo.undivided && m->geo.one_direction == one);
        assert_int_equal(model_randomise(m, vim.depth, 3, &fresh, &err), OK);
        const struct tensor *first = checkpoint_find(fresh->checkpoint, "layers.1.mixer.D");
        const struct tensor *second = checkpoint_find(fresh->checkpoint, "layers.1.mixer.D_b");
        for (size_t i = 0; i < first->count; i++)
            assert_true(first->data[i] == 1 && second->data[i] == (one ? 0 : 1));
        model_close(fresh);
        model_close(m);
    }
}

/* A Vim that lost tensors of its second direction is none of another version. */
static void test_damaged_vim(void **state)
{
    static const struct {
        const char *gone; /* of layer %d */
        int first, last;  /* layers that lost it */
        const char *said;
    } cases[] = {
        { "A_b_log", 0, 2, "'layers.0.mixer.conv1d_b.weight' is there" },
        { "A_b_log", 0, 0, "'layers.0.mixer.conv1d_b.weight' is there" },
        { "conv1d_b.weight", 0, 0, "'layers.0.mixer.conv1d_b.bias' is there" },
        { "conv1d_b.weight", 0, 2, "'layers.0.mixer.conv1d_b.bias' is there" },
        { "*", 0, 0, "'layers.1.mixer.conv1d_b.weight' is there" },
        { "*", 1, 1, "'layers.1.mixer.conv1d_b.weight' [40, 1, 4] is missing" },
        { "conv1d_b.weight", 1, 1, "'layers.1.mixer.conv1d_b.weight' [40, 1, 4] is missing" },
    };
    static const struct micro vim = { MICRO_VIM, .depth = 3 };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *ck = micro_checkpoint(&vim);
        struct model *m;
        struct error err = { 0 };
        for (size_t k = ck->count; k-- > 0;) {
            int layer = -1, at = 0;
            if (sscanf(ck->tensors[k].name, "layers.%d.mixer.%n", &layer, &at) < 1 || at == 0 ||
                layer < cases[i].first || layer > cases[i].last)
                continue;
            const char *part = ck->tensors[k].name + at;
            if (cases[i].gone[0] == '*' ? strstr(part, "_b") != NULL
                                        : strcmp(part, cases[i].gone) == 0)
                checkpoint_remove(ck, &ck->tensors[k]);
        }
        assert_int_equal(model_open(ck, &(struct model_options){ 0 }, &m, &err), E_DATA);
        if (strstr(err.text, cases[i].said) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
    /* the first version, but for one layer that lost what is left of its second direction */
    struct checkpoint *ck = micro_checkpoint(&vim);
    struct model *m;
    struct error err = { 0 };
    for (size_t k = ck->count; k-- > 0;) {
        const char *name = ck->tensors[k].name;
        if (strstr(name, "_b.") != NULL || ends_with(name, "D_b") ||
            strcmp(name, "layers.1.mixer.A_b_log") == 0)
            checkpoint_remove(ck, &ck->tensors[k]);
    }
    assert_int_equal(model_open(ck, &(struct model_options){ 0 }, &m, &err), E_DATA);
    assert_non_null(strstr(err.text, "'layers.1.mixer.A_b_log' is missing"));
}

/* What a few blocks alone lack was lost: it is no zero, and no factor of one. */
static void test_damaged_blocks(void **state)
{
    static const struct {
        const struct arch_type *type;
        const char *gone, *said;
    } cases[] = {
        { &vit_type, "blocks.1.attn.qkv.bias", "'blocks.1.attn.qkv.bias' is missing" },
        { &vit_type, "blocks.0.attn.qkv.bias", "'blocks.0.attn.qkv.bias' is missing" },
        { &vit_type, "blocks.1.ls2.gamma", "'blocks.1.ls2.gamma' is missing" },
        { &vit_type, "blocks.0.ls1.gamma", "'blocks.0.ls1.gamma' is missing" },
        { &vit_type, "*.ls1.gamma", "'blocks.0.ls1.gamma' is missing" },
        { &vit_type, "blocks.1.attn.proj.bias", "'blocks.1.attn.proj.bias' [24] is missing" },
        { &vim_type, "layers.2.mixer.gamma", "'layers.2.mixer.gamma' is missing" },
    };
    static const char *const gammas[] = { "blocks.%d.ls1.gamma", "blocks.%d.ls2.gamma",
                                          "layers.%d.mixer.gamma" };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const bool is_vim = cases[i].type == &vim_type;
        const struct micro whole = { MICRO_VIT, .depth = 3 }, vim = { MICRO_VIM, .depth = 3 };
        struct checkpoint *ck = micro_checkpoint(is_vim ? &vim : &whole);
        struct model *m;
        struct error err = { 0 };
        for (int k = is_vim ? 2 : 0; k < (is_vim ? 3 : 2); k++)
            for (int layer = 0; layer < 3; layer++) {
                char name[64];
                snprintf(name, sizeof name, gammas[k], layer);
                assert_true(checkpoint_add_zeros(ck, name, 1, (int64_t[]){ 24 }));
            }
        checkpoint_sort(ck);
        for (size_t k = ck->count; k-- > 0;)
            if (cases[i].gone[0] == '*' ? ends_with(ck->tensors[k].name, cases[i].gone + 1)
                                        : strcmp(ck->tensors[k].name, cases[i].gone) == 0)
                checkpoint_remove(ck, &ck->tensors[k]);
        const struct model_options o = { .heads = 3, .heads_if_any = true };
        assert_int_equal(model_open(ck, &o, &m, &err), E_DATA);
        if (strstr(err.text, cases[i].said) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

/* Positions that fit two grids: the image size says which, and nothing is taken for granted. */
static void test_two_grids(void **state)
{
    static const struct {
        int registers, grid, size; /* size: model.image_size in patches */
        int64_t rows;
        int is, tokens; /* the grid that is read, 0: refused; its tokens */
    } cases[] = {
        { 4, 3, 3, 9, 3, 14 },  { 4, 3, 2, 9, 2, 9 },    { 4, 3, 0, 9, 0, 0 },
        { 4, 3, 4, 9, 0, 0 },   { 12, 7, 7, 49, 7, 62 }, { 12, 7, 6, 49, 6, 49 },
        { 12, 7, 0, 49, 0, 0 }, { 6, 4, 4, 16, 4, 23 },  { 6, 4, 0, 16, 0, 0 },
        { 4, 4, 0, 16, 4, 21 }, { 4, 4, 4, 17, 4, 21 },  { 4, 4, 0, 21, 4, 21 },
        { 8, 3, 3, 10, 3, 18 }, { 8, 3, 0, 10, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct micro registers = vit;
        registers.registers = cases[i].registers;
        registers.grid = cases[i].grid;
        struct checkpoint *ck = micro_checkpoint(&registers);
        struct model_options o = { .heads = 3, .image_size = cases[i].size * vit.patch };
        struct model *m;
        struct error err = { 0 };
        struct tensor *pos = (struct tensor *)(uintptr_t)checkpoint_find(ck, "pos_embed");
        pos->shape[1] = cases[i].rows;
        pos->count = (size_t)cases[i].rows * 24;
        for (size_t k = 0; k < pos->count; k++)
            pos->data[k] = (float)(k / 24 + 1);
        enum status s = model_open(ck, &o, &m, &err);
        if (cases[i].is == 0) {
            assert_int_equal(s, E_DATA);
            assert_string_equal(err.key, "model.image_size");
            assert_non_null(strstr(err.text, "'pos_embed' has"));
            continue;
        }
        if (s != OK)
            fail_msg("case %zu: %s", i, err.text);
        assert_int_equal(m->geo.grid, cases[i].is);
        assert_int_equal(m->geo.tokens, cases[i].tokens);
        assert_int_equal(m->geo.image_size, cases[i].is * vit.patch);
        pos = (struct tensor *)(uintptr_t)checkpoint_find(m->checkpoint, "pos_embed");
        assert_true(pos->data[pos->count - 1] == (float)cases[i].rows);
        model_close(m);
    }
}

static bool noted(const struct model *m, const char *words)
{
    for (size_t i = 0; i < m->notes.count; i++)
        if (strstr(m->notes.line[i], words) != NULL)
            return true;
    return false;
}

/* Norms of q and k say how many heads there are, of any width. */
static void test_heads_by_norm(void **state)
{
    static const struct {
        int width, heads, asked; /* asked: model.heads */
        bool refused;
    } cases[] = { { 24, 3, 0, false }, { 64, 4, 0, false }, { 96, 3, 0, false },
                  { 64, 4, 4, false }, { 64, 4, 1, true },  { 64, 1, 0, false } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct micro normed = vit;
        normed.head_norm = true;
        normed.width = cases[i].width;
        normed.heads = cases[i].heads;
        const struct model_options o = { .heads = cases[i].asked };
        struct model *m = NULL;
        struct error err = { 0 };
        enum status s = model_open(micro_checkpoint(&normed), &o, &m, &err);
        if (s != (cases[i].refused ? E_CONFIG : OK))
            fail_msg("case %zu: %s", i, err.text);
        if (s != OK)
            assert_string_equal(err.key, "model.heads");
        else
            assert_true(m->geo.heads == cases[i].heads && !noted(m, "heads: "));
        model_close(m);
    }
}

/* Heads in a Sequential, as fine-tuned ones are: the only layer with tensors, and a note. */
static void test_wrapped_heads(void **state)
{
    static const struct {
        const char *head;
        const char *said; /* NULL: no note */
    } cases[] = {
        { "heads.", NULL },
        { "heads.0.", "head: 'heads.0', as it alone" },
        { "heads.1.", "head: 'heads.1', as it alone" },
        { "heads.head.", NULL },
        { "heads.head.1.", "head: 'heads.head.1', as it alone" },
        { "head.0.", "head: 'head.0', as it alone" },
        { "head.1.", "head: 'head.1', as it alone" },
        { "classifier.1.", "head: 'classifier.1', as it alone" },
        { "fc.", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint *ck = micro_checkpoint(&vit);
        struct model *m = NULL;
        struct error err = { 0 };
        for (int k = 0; k < 2; k++) {
            char name[64];
            const char *part = k == 0 ? "weight" : "bias";
            snprintf(name, sizeof name, "head.%s", part);
            struct tensor *t = (struct tensor *)(uintptr_t)checkpoint_find(ck, name);
            snprintf(name, sizeof name, "%s%s", cases[i].head, part);
            assert_true(tensor_rename(t, name));
            checkpoint_sort(ck);
        }
        const struct model_options o = { .heads = 3 };
        if (model_open(ck, &o, &m, &err) != OK)
            fail_msg("%s: %s", cases[i].head, err.text);
        assert_int_equal(noted(m, "head: "), cases[i].said != NULL);
        assert_true(cases[i].said == NULL || noted(m, cases[i].said));
        model_close(m);
    }
}

/* Blocks that a plain ViT's tensors may stand for as well: what is likely is refused, the rest is
 * said, and the key settles it. */
static void test_blocks(void **state)
{
    static const struct {
        bool gamma, bias, no_cls, fc_norm, patches_alone;
        const char *said; /* of the refusal, or in the notes */
        bool refused;
    } cases[] = {
        { .bias = true, .said = "blocks: norms before attention and MLP, no rotary positions; no" },
        { .said = "blocks: norms before" },
        { .fc_norm = true, .said = "blocks: norms before" },
        { .no_cls = true, .said = "blocks: norms before" },
        { .no_cls = true, .fc_norm = true, .bias = true, .said = "blocks: norms before" },
        { .no_cls = true, .fc_norm = true, .said = "(as timm's rpn)", .refused = true },
        { .gamma = true, .bias = true, .patches_alone = true, .said = "rope_ape has the same" },
        { .gamma = true, .bias = true, .said = "Eva with rotary", .refused = true },
        { .gamma = true, .patches_alone = true, .said = "Eva with rotary", .refused = true },
        { .gamma = true,
          .bias = true,
          .fc_norm = true,
          .patches_alone = true,
          .said = "Eva with rotary",
          .refused = true },
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const bool plain = i % 2 == 1;
        struct micro kind = vit;
        kind.no_cls = cases[i / 2].no_cls;
        kind.fc_norm = cases[i / 2].fc_norm;
        struct checkpoint *ck = micro_checkpoint(&kind);
        struct model *m = NULL;
        struct error err = { 0 };
        if (!cases[i / 2].bias)
            checkpoint_remove(ck, checkpoint_find(ck, "blocks.0.attn.qkv.bias"));
        if (cases[i / 2].patches_alone) {
            struct tensor *pos = (struct tensor *)(uintptr_t)checkpoint_find(ck, "pos_embed");
            pos->shape[1]--;
            pos->count -= 24;
        }
        for (int k = 1; k <= 2 && cases[i / 2].gamma; k++)
            assert_true(checkpoint_add_zeros(ck, k == 1 ? "blocks.0.gamma_1" : "blocks.0.gamma_2",
                                             1, (int64_t[]){ 24 }));
        checkpoint_sort(ck);
        const struct model_options o = { .heads = 3, .plain_blocks = plain };
        enum status s = model_open(ck, &o, &m, &err);
        if (s != (cases[i / 2].refused && !plain ? E_DATA : OK))
            fail_msg("case %zu: %s", i, err.text);
        if (s != OK) {
            assert_string_equal(err.key, "model.blocks");
            assert_non_null(strstr(err.text, cases[i / 2].said));
        } else {
            assert_int_equal(noted(m, plain ? "blocks: " : cases[i / 2].said), !plain);
        }
        model_close(m);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_families), TEST(test_wide_head), TEST(test_clip_tower),
                     TEST(test_second_direction), TEST(test_damaged_vim), TEST(test_damaged_blocks),
                     TEST(test_two_grids), TEST(test_blocks), TEST(test_heads_by_norm),
                     TEST(test_wrapped_heads));
}
