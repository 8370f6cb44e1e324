/* libFuzzer target. The input edits the tensors of a tiny ViT or Vim (names of every family, other
 * shapes, some gone, some more), which then opens and classifies, or is refused with a message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_input.h"
#include "names.h"
#include "vim.h"
#include "vit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const char *const names[] = {
    "cls_token",
    "dist_token",
    "reg_token",
    "register_tokens",
    "mask_token",
    "pos_embed",
    "pos_embed_cls",
    "cls_token_head",
    "cls_token_tail",
    "class_token",
    "encoder.pos_embedding",
    "conv_proj.weight",
    "conv_proj.bias",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "vit.embeddings.cls_token",
    "vit.embeddings.position_embeddings",
    "vit.embeddings.patch_embeddings.projection.weight",
    "student.patch_embed.proj.weight",
    "embeddings.distillation_token",
    "blocks.0.attn.qkv.weight",
    "blocks.0.attn.qkv.bias",
    "blocks.0.0.attn.qkv.weight",
    "blocks.0.attn.proj.weight",
    "blocks.0.attn.proj.bias",
    "encoder.layer.0.attention.attention.query.weight",
    "encoder.layer.0.attention.attention.key.weight",
    "encoder.layer.0.attention.attention.value.weight",
    "layers.0.attention.q_proj.weight",
    "layers.0.attention.k_proj.weight",
    "layers.0.attention.v_proj.weight",
    "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
    "blocks.0.ls1.gamma",
    "blocks.0.gamma_2",
    "blocks.0.mlp.fc1.weight",
    "blocks.0.mlp.fc2.weight",
    "norm.weight",
    "norm.bias",
    "fc_norm.weight",
    "fc_norm.bias",
    "head.weight",
    "head.bias",
    "head_dist.weight",
    "head_dist.bias",
    "linear.weight",
    "linear.bias",
    "classifier.weight",
    "heads.1.weight",
    "head.0.running_mean",
    "head.1.weight",
    "blocks.1.ls2.gamma",
    "blocks.0.gamma_1",
    "blocks.0.attn.q_norm.weight",
    "neck.weight",
    "norm_neck.weight",
    "layers.0.mixer.gamma",
    "layers.0.mixer.in_proj.weight",
    "layers.0.mixer.in_proj.bias",
    "layers.0.mixer.out_proj.weight",
    "layers.0.mixer.out_proj.bias",
    "layers.0.mixer.A_log",
    "layers.0.mixer.A_b_log",
    "layers.0.mixer.conv1d_b.weight",
    "norm_f.weight",
    "norm_f.bias",
    "rope.freqs_cos",
    "pooler.dense.weight",
    "num_batches_tracked",
    "x.y",
};

static struct checkpoint *base(bool vim)
{
    struct geometry g = {
        .patch = 2, .grid = 3, .tokens = 10, .others = 1, .width = 8, .depth = 2, .classes = 3
    };
    g.inner = 6, g.state = 2, g.taps = 3, g.rank = 2;
    g.heads = 2, g.mlp = 6;
    return checkpoint_blank(vim ? &vim_type : &vit_type, &g);
}

static void reshape(struct tensor *t, struct input *in)
{
    static const int64_t sizes[] = { 0, 1, 2, 3, 4, 6, 8, 9, 10, 12, 16, 24 };
    size_t count = 1;
    t->ndim = (int)(take(in) % 5);
    for (int i = 0; i < t->ndim; i++) {
        t->shape[i] = sizes[take(in) % (sizeof sizes / sizeof *sizes)];
        count *= (size_t)t->shape[i];
    }
    free(t->data);
    t->data = calloc(count + 1, sizeof *t->data);
    t->count = count;
    t->whole = take(in) % 2;
}

static void edit(struct checkpoint *ck, struct input *in)
{
    const char *name = names[take(in) % (sizeof names / sizeof *names)];
    unsigned what = take(in) % 4;
    struct tensor *t = ck->count > 0 ? &ck->tensors[take(in) % ck->count] : NULL;
    if (what == 0 && t != NULL)
        checkpoint_remove(ck, t);
    else if (what == 1 && t != NULL)
        reshape(t, in);
    else if (what == 2 && t != NULL)
        tensor_rename(t, name);
    else if (checkpoint_add_zeros(ck, name, 0, NULL))
        reshape(&ck->tensors[ck->count - 1], in);
}

/* A reader would have refused two tensors of one name. */
static void drop_doubles(struct checkpoint *ck)
{
    checkpoint_sort(ck);
    for (size_t i = ck->count; i-- > 1;)
        if (strcmp(ck->tensors[i].name, ck->tensors[i - 1].name) == 0)
            checkpoint_remove(ck, &ck->tensors[i]);
}

static void classify(const struct model *m)
{
    struct backend *be;
    struct net *net;
    struct error err;
    const struct geometry *g = &m->geo;
    uint8_t *rgb = calloc((size_t)g->image_size * (size_t)g->image_size, 3);
    float *logits = calloc((size_t)g->classes, sizeof *logits);
    const struct view view = { .rgb = rgb };
    if (g->tokens > 200 || backend_open("ref", NULL, &be, &err) != OK)
        abort();
    if (net_open(m, be, &input_imagenet, 1, &net, &err) != OK ||
        net_forward(net, &view, 1, logits, &err) != OK)
        abort();
    net_close(net);
    backend_close(be);
    free(rgb);
    free(logits);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const pools[] = { NULL, "cls", "mean", "all" };
    static const char *const places[] = { NULL, "first", "middle", "last" };
    static const char *const prefixes[] = { NULL, "student", "vit" };
    struct input in = { bytes, size };
    struct model *m = NULL;
    struct error err = { 0 };
    unsigned first = take(&in), second = take(&in);
    struct checkpoint *ck = base(first % 2);
    struct model_options o = { .heads = 2, .heads_if_any = true };
    o.pool = pools[first / 2 % 4];
    o.cls = places[first / 8 % 4];
    o.undivided = second % 2;
    o.plain_blocks = second / 8 % 2;
    o.image_size = second / 16 % 8 * 2;
    o.prefix = prefixes[second / 2 % 3];
    while (in.left > 0)
        edit(ck, &in);
    drop_doubles(ck);
    if (model_open(ck, &o, &m, &err) != OK) {
        if (err.code == OK || err.text[0] == '\0')
            abort();
        return 0;
    }
    classify(m);
    model_close(m);
    return 0;
}
