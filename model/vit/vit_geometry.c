#include "vit_geometry.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

enum { HEAD_DIM = 64 }; /* of every published DeiT: H = D / 64 where the config names none */

const char *const vit_others[] = { "cls_token", "dist_token", "reg_token", NULL };

const char *vit_final_norm_name(const struct geometry *g)
{
    return g->fc_norm ? "fc_norm" : "norm";
}

/* ---- what the tensors say ---- */

/* Heads where no config names them: D / 64, and 16 of the widths that are published with 16. */
static int usual_heads(int width)
{
    static const int sixteen[] = { 1152, 1280, 1408, 1664 };
    for (size_t i = 0; i < sizeof sixteen / sizeof *sixteen; i++)
        if (width == sixteen[i])
            return 16;
    return width % HEAD_DIM == 0 ? width / HEAD_DIM : 0;
}

static enum status read_heads(const struct checkpoint *ck, const struct model_options *o,
                              struct geometry *g, struct error *err)
{
    const struct tensor *norm = checkpoint_find(ck, "blocks.0.attn.q_norm.weight");
    int64_t length = norm != NULL && norm->ndim == 1 ? norm->shape[0] : 0; /* of one head */
    int said = length > 0 && g->width % length == 0 ? (int)(g->width / length) : 0;
    g->heads = o->heads != 0 ? o->heads : said != 0 ? said : usual_heads(g->width);
    if (said != 0 && g->heads != said)
        return fail_key(err, E_CONFIG, "model.heads",
                        "%s: %d, but the norms of q and k ('blocks.0.attn.q_norm.weight') are of "
                        "%d heads; leave it out",
                        ck->path, g->heads, said);
    if (g->heads == 0)
        return fail_key(err, E_CONFIG, "model.heads",
                        "%s: width %d is no multiple of %d; say how many heads there are, which no "
                        "tensor does",
                        ck->path, g->width, HEAD_DIM);
    if (g->heads < 0 || g->width % g->heads != 0)
        return fail_key(err, E_CONFIG, "model.heads", "%s: %d does not divide the width %d",
                        ck->path, g->heads, g->width);
    return OK;
}

/* Tokens before the patches: CLS, distillation, registers. */
static enum status read_others(const struct checkpoint *ck, struct geometry *g, struct error *err)
{
    const struct tensor *registers = checkpoint_find(ck, "reg_token");
    bool cls = checkpoint_find(ck, "cls_token") != NULL;
    g->dist = checkpoint_find(ck, "dist_token") != NULL;
    g->registers = 0;
    if (registers != NULL) {
        TRY(need_tensor(ck, "reg_token", 3, &registers, err));
        if (registers->shape[1] > EMBED_OTHERS - 2)
            return fail(err, E_DATA,
                        "%s: tensor 'reg_token' has %lld registers, should have 1 to %d", ck->path,
                        (long long)registers->shape[1], EMBED_OTHERS - 2);
        g->registers = (int)registers->shape[1];
    }
    if (g->dist && !cls)
        return fail(err, E_DATA, "%s: tensor 'dist_token' is there, but no 'cls_token'", ck->path);
    g->others = cls + g->dist + g->registers;
    for (int i = 0; i < g->others; i++)
        g->other_at[i] = i;
    g->cls_at = cls ? 0 : -1;
    return OK;
}

/* ---- what meets the head ---- */

/* The hidden layer before the head, and the width of what meets it or, without one, the head. */
static enum status read_pre_logits(const struct checkpoint *ck, const struct tensor **head,
                                   struct geometry *g, struct error *err)
{
    if (checkpoint_find(ck, "pre_logits.fc.weight") == NULL)
        return OK;
    if (checkpoint_find(ck, "head_dist.weight") != NULL)
        return fail(
            err, E_DATA,
            "%s: a ViT with a hidden layer before its head ('pre_logits.fc.weight') and two "
            "heads ('head_dist.weight'), which is not supported: one of the two is",
            ck->path);
    TRY(need_tensor(ck, "pre_logits.fc.weight", 2, head, err));
    g->pre_logits = (int)(*head)->shape[0];
    return OK;
}

static enum status read_readout(const struct checkpoint *ck, const struct tensor *head,
                                struct geometry *g, struct error *err)
{
    bool norm = checkpoint_find(ck, "norm.weight") != NULL;
    g->fc_norm = checkpoint_find(ck, "fc_norm.weight") != NULL;
    if (g->fc_norm && norm)
        return fail(err, E_DATA,
                    "%s: tensors 'norm.weight' and 'fc_norm.weight' are both there: a "
                    "ViT has one of them",
                    ck->path);
    if (checkpoint_find(ck, "head_dist.weight") != NULL && !g->dist)
        return fail(err, E_DATA, "%s: tensor 'head_dist.weight' is there, but no 'dist_token'",
                    ck->path);
    if (head->shape[1] == 4 * (int64_t)g->width || head->shape[1] == 5 * (int64_t)g->width)
        return fail(
            err, E_DATA,
            "%s: a ViT whose head sees the CLS tokens of its last four blocks (DINO, DINOv2), "
            "which is not supported (told by the width of 'head.weight')",
            ck->path);
    if (head->shape[1] == 2 * (int64_t)g->width && g->cls_at >= 0)
        g->readout = READ_TOKEN_AND_MEAN;
    else if (checkpoint_find(ck, "head_dist.weight") != NULL)
        g->readout = READ_TWO_HEADS;
    else
        g->readout = g->fc_norm || g->cls_at < 0 ? READ_MEAN : READ_TOKEN;
    return OK;
}

static enum status wanted_readout(const struct checkpoint *ck, const char *pool, struct geometry *g,
                                  struct error *err)
{
    static const struct {
        const char *word;
        enum readout readout;
    } pools[] = { { "cls", READ_TOKEN }, { "mean", READ_MEAN }, { "all", READ_MEAN_ALL } };
    for (size_t i = 0; pool != NULL && i < sizeof pools / sizeof *pools; i++) {
        if (strcmp(pools[i].word, pool) != 0)
            continue;
        bool fits = pools[i].readout == READ_TOKEN ? g->cls_at >= 0 && !g->fc_norm
                                                   : g->readout != READ_TWO_HEADS;
        if (!fits || g->readout == READ_TOKEN_AND_MEAN)
            return fail_key(err, E_CONFIG, "model.pool", "%s: '%s', but its tensors ask for %s",
                            ck->path, pool, vit_readout_words(g));
        g->readout = pools[i].readout;
        return OK;
    }
    return OK;
}

const char *vit_readout_words(const struct geometry *g)
{
    switch (g->readout) {
    case READ_TWO_HEADS:
        return "the mean of two heads, at CLS and at the distillation token";
    case READ_MEAN:
        return g->fc_norm ? "the mean of the patches, then a norm" : "the mean of the patches";
    case READ_MEAN_ALL:
        return "the mean of all tokens";
    case READ_TOKEN_AND_MEAN:
        return "CLS beside the mean of the patches";
    default:
        return "the CLS token";
    }
}

static const char *const act_words[] = {
    [MLP_GELU] = "gelu", [MLP_TANH_GELU] = "tanh", [MLP_QUICK_GELU] = "quick", [MLP_SILU] = "silu"
};

static void read_activation(const struct model_options *o, struct geometry *g)
{
    g->act = g->gated ? MLP_SILU : MLP_GELU;
    for (int i = MLP_GELU; o->activation != NULL && i <= MLP_SILU; i++)
        if (strcmp(o->activation, act_words[i]) == 0)
            g->act = (enum mlp_act)i;
}

/* Notes what no tensor determines, each with its key; values that a config has set are no
 * assumptions. */
static void note_assumptions(const struct model_options *o, const struct geometry *g,
                             struct notes *notes)
{
    note(notes, "grid: %d x %d patches, a square; no tensor says it", g->grid, g->grid);
    if (o->heads == 0 && !g->head_norm)
        note(notes,
             "heads: %d, as usual of width %d; no tensor says it (model.heads in a config, "
             "--heads of a command)",
             g->heads, g->width);
    if (o->eps <= 0)
        note(notes,
             "norms: eps %g, as usual of tensors with these names; no tensor says it (model.eps)",
             g->eps);
    if (o->activation == NULL && !g->gated)
        note(notes, "activation: GELU, exact; no tensor says it (model.activation)");
    if (o->activation == NULL && g->gated)
        note(notes, "activation: SiLU of the gate, as in SwiGLU; no tensor says it, nor that the "
                    "first half of fc1 is the gate (model.activation says silu, gelu, ...)");
    note(notes, "read-out: %s%s", vit_readout_words(g),
         o->pool == NULL && g->readout != READ_TWO_HEADS && g->readout != READ_TOKEN_AND_MEAN
             ? "; the tensors allow another one (model.pool)"
             : "");
}

/* A CLIP's image tower looks like a ViT whose classes are the width of its embedding. */
static enum status refuse_tower(const struct checkpoint *ck, const struct geometry *g,
                                struct error *err)
{
    static const int widths[] = { 512, 640, 768, 1024, 1280 };
    for (size_t i = 0; g->norm_pre && i < sizeof widths / sizeof *widths; i++)
        if (g->classes == widths[i])
            return fail(err, E_DATA,
                        "%s: the image tower of a CLIP, which is not supported: its head gives an "
                        "embedding of %d values and no classes (told by 'norm_pre'); one with a "
                        "class head, fine-tuned or probed, is",
                        ck->path, g->classes);
    return OK;
}

/* Forward passes that a missing tensor tells. */
static enum status refuse_parts(const struct checkpoint *ck, struct error *err)
{
    static const struct {
        const char *there, *gone, *also_gone, *what;
    } kinds[] = {
        { "head.weight", "pos_embed", "pos_embed",
          "a ViT without learned positions (rotary ones as in DINOv3, relative ones, or none)" },
        { "blocks.0.norm1.weight", "blocks.0.norm1.bias", "blocks.0.norm2.bias",
          "a ViT with RMSNorm" },
        { "blocks.0.norm1.weight", "norm.weight", "fc_norm.weight",
          "a ViT without a norm before its head (as InternViT and RADIO)" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (checkpoint_find(ck, kinds[i].there) != NULL &&
            checkpoint_find(ck, kinds[i].gone) == NULL &&
            checkpoint_find(ck, kinds[i].also_gone) == NULL)
            return fail(err, E_DATA,
                        "%s: %s, which is not supported (told by '%s', which is not there)",
                        ck->path, kinds[i].what, kinds[i].gone);
    return OK;
}

enum status vit_read_geometry(const struct checkpoint *ck, const struct model_options *o,
                              struct geometry *g, struct notes *notes, struct error *err)
{
    const struct tensor *pos, *proj, *fc1, *head;
    char name[64];
    if (checkpoint_find(ck, "head.weight") == NULL)
        return names_no_head(ck,
                             "a ViT without a class head ('head.weight'), such as MAE, DINO and "
                             "DINOv2 backbones are",
                             err);
    TRY(refuse_parts(ck, err));
    TRY(need_tensor(ck, "pos_embed", 3, &pos, err));
    TRY(need_tensor(ck, "patch_embed.proj.weight", 4, &proj, err));
    TRY(need_tensor(ck, "blocks.0.mlp.fc1.weight", 2, &fc1, err));
    g->norm_pre = checkpoint_find(ck, "norm_pre.weight") != NULL;
    g->head_norm = checkpoint_find(ck, "blocks.0.attn.q_norm.weight") != NULL;
    g->gated = checkpoint_find(ck, "blocks.0.mlp.value.weight") != NULL;
    TRY(need_tensor(ck, "head.weight", 2, &head, err));
    g->width = (int)proj->shape[0];
    g->patch = (int)proj->shape[2];
    g->mlp = (int)fc1->shape[0];
    g->classes = (int)head->shape[0];
    do
        snprintf(name, sizeof name, "blocks.%d.norm1.weight", ++g->depth);
    while (checkpoint_find(ck, name) != NULL);
    TRY(refuse_tower(ck, g, err));
    TRY(read_heads(ck, o, g, err));
    TRY(read_others(ck, g, err));
    TRY(read_pre_logits(ck, &head, g, err));
    TRY(read_readout(ck, head, g, err));
    TRY(wanted_readout(ck, o->pool, g, err));
    read_activation(o, g);
    if (o->eps > 0)
        g->eps = o->eps;
    else if (g->eps <= 0)
        g->eps = g->norm_pre ? VIT_PRE_NORM_EPS : VIT_NORM_EPS;
    if (place_patches(g, pos->shape[1], 0, o, err) != OK)
        return fail_prefix(err, "%s: ", ck->path);
    note_assumptions(o, g, notes);
    return OK;
}

/* ---- all tensors ---- */

static void list_linear(struct tensor_list *t, int64_t out, int64_t in, const char *name)
{
    tensor_list_add(t, out, in, 0, 0, "%s.weight", name);
    tensor_list_add(t, out, 0, 0, 0, "%s.bias", name);
}

static void list_block(const struct geometry *g, struct tensor_list *t, int i)
{
    int64_t d = g->width;
    char name[64];
    for (int k = 1; k <= 2; k++) {
        tensor_list_add(t, d, 0, 0, 0, "blocks.%d.norm%d.weight", i, k);
        tensor_list_add(t, d, 0, 0, 0, "blocks.%d.norm%d.bias", i, k);
    }
    const struct {
        const char *name;
        int64_t out, in;
    } linear[] = { { "attn.qkv", 3 * d, d },
                   { "attn.proj", d, d },
                   { "mlp.fc1", g->mlp, d },
                   { "mlp.fc2", d, g->mlp },
                   { "mlp.value", g->mlp, d } };
    for (int k = 0; k < 4 + g->gated; k++) {
        snprintf(name, sizeof name, "blocks.%d.%s", i, linear[k].name);
        list_linear(t, linear[k].out, linear[k].in, name);
    }
    for (int k = 0; k < 2 && g->head_norm; k++) {
        tensor_list_add(t, d / g->heads, 0, 0, 0, "blocks.%d.attn.%c_norm.weight", i, "qk"[k]);
        tensor_list_add(t, d / g->heads, 0, 0, 0, "blocks.%d.attn.%c_norm.bias", i, "qk"[k]);
    }
}

void vit_list_tensors(const struct geometry *g, struct tensor_list *t)
{
    int64_t d = g->width;
    if (g->others > g->dist + g->registers)
        tensor_list_add(t, 1, 1, d, 0, "cls_token");
    if (g->dist > 0)
        tensor_list_add(t, 1, g->dist, d, 0, "dist_token");
    if (g->registers > 0)
        tensor_list_add(t, 1, g->registers, d, 0, "reg_token");
    tensor_list_add(t, 1, g->tokens, d, 0, "pos_embed");
    tensor_list_add(t, d, 3, g->patch, g->patch, "patch_embed.proj.weight");
    tensor_list_add(t, d, 0, 0, 0, "patch_embed.proj.bias");
    if (g->norm_pre) {
        tensor_list_add(t, d, 0, 0, 0, "norm_pre.weight");
        tensor_list_add(t, d, 0, 0, 0, "norm_pre.bias");
    }
    for (int i = 0; i < g->depth; i++)
        list_block(g, t, i);
    tensor_list_add(t, d, 0, 0, 0, "%s.weight", vit_final_norm_name(g));
    tensor_list_add(t, d, 0, 0, 0, "%s.bias", vit_final_norm_name(g));
    int64_t seen = g->readout == READ_TOKEN_AND_MEAN ? 2 * d : d;
    if (g->pre_logits > 0)
        list_linear(t, g->pre_logits, seen, "pre_logits.fc");
    list_linear(t, g->classes, g->pre_logits > 0 ? g->pre_logits : seen, "head");
    if (g->readout == READ_TWO_HEADS)
        list_linear(t, g->classes, d, "head_dist");
}

/* ---- what is published (SPEC 2) ---- */

void vit_complete(struct geometry *g)
{
    g->cls_at = 0;
    g->mlp = 4 * g->width;
}

#define DEIT(d, h)                                                                                 \
    {                                                                                              \
        .image_size = 224, .patch = 16, .stride = 16, .others = 1, .width = (d), .depth = 12,      \
        .heads = (h)                                                                               \
    }
const struct published_model vit_published[] = {
    { "deit_tiny", DEIT(192, 3) },
    { "deit_small", DEIT(384, 6) },
    { "deit_base", DEIT(768, 12) },
    { .name = NULL },
};

const struct own_size vit_own_sizes[] = {
    { "heads", offsetof(struct geometry, heads) },
    { "tokens that are no patches", offsetof(struct geometry, others) },
    { "a read-out", offsetof(struct geometry, readout) },
    { NULL, 0 },
};

void vit_describe(const struct geometry *g, bool all, char *text, size_t size)
{
    snprintf(text, size, "%d heads", g->heads);
    if (all)
        snprintf(text, size, "%d heads, MLP %d%s%s%s%s", g->heads, g->mlp,
                 g->gated ? ", gated" : "", g->head_norm ? ", norms of q and k" : "",
                 g->norm_pre ? ", a norm before the blocks" : "",
                 g->pre_logits > 0 ? ", a hidden layer before the head" : "");
}
