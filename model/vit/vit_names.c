#include "vit_names.h"

#include <stdio.h>
#include <string.h>

#include "names.h"
#include "quote.h"
#include "vit_fold.h"

const char *const vit_stems[] = { "patch_embed.proj.weight",
                                  "embeddings.patch_embeddings.projection.weight",
                                  "conv_proj.weight", NULL };

const char *const vit_marks[] = { "blocks.0.attn.qkv.weight",
                                  "blocks.0.0.attn.qkv.weight",
                                  "encoder.layer.0.attention.attention.query.weight",
                                  "encoder.layer.0.attention.q_proj.weight",
                                  "layers.0.attention.q_proj.weight",
                                  "layers.0.attention.attention.query.weight",
                                  "encoder.layers.encoder_layer_0.self_attention.in_proj_weight",
                                  NULL };

struct rule { /* what a name begins with, and what stands there instead; NULL: dropped */
    const char *from, *to;
};

static const struct rule top_rules[] = {
    /* Hugging Face */
    { "embeddings.cls_token", "cls_token" },
    { "embeddings.distillation_token", "dist_token" },
    { "embeddings.position_embeddings", "pos_embed" },
    { "embeddings.register_tokens", "reg_token" },
    { "embeddings.mask_token", NULL },
    { "embeddings.patch_embeddings.projection.", "patch_embed.proj." },
    { "layernorm.", "norm." },
    { "pooler.", NULL },
    { "classifier.", "head." },
    { "linear_head.", "head." },
    { "fc.", "head." },
    { "linear.", "head." },
    { "cls_classifier.", "head." },
    { "distillation_classifier.", "head_dist." },
    /* torchvision */
    { "class_token", "cls_token" },
    { "encoder.pos_embedding", "pos_embed" },
    { "conv_proj.", "patch_embed.proj." },
    { "encoder.ln.", "norm." },
    { "heads.head.", "head." },
    { "heads.weight", "head.weight" }, /* fine-tuned */
    { "heads.bias", "head.bias" },
    { "heads.pre_logits.", "pre_logits.fc." },
    /* DINOv2 */
    { "register_tokens", "reg_token" },
    { "mask_token", NULL },
};

static const char *const block_prefixes[] = { "encoder.layers.encoder_layer_", "encoder.layer.",
                                              "layers.", "blocks." };

static const struct rule block_rules[] = {
    /* Hugging Face, both sets of names */
    { "layernorm_before.", "norm1." },
    { "layernorm_after.", "norm2." },
    { "attention.attention.query.", "attn.q." },
    { "attention.attention.key.", "attn.k." },
    { "attention.attention.value.", "attn.v." },
    { "attention.output.dense.", "attn.proj." },
    { "attention.q_proj.", "attn.q." },
    { "attention.k_proj.", "attn.k." },
    { "attention.v_proj.", "attn.v." },
    { "attention.o_proj.", "attn.proj." },
    { "intermediate.dense.", "mlp.fc1." },
    { "output.dense.", "mlp.fc2." },
    { "layer_scale1.lambda1", "ls1.gamma" },
    { "layer_scale2.lambda1", "ls2.gamma" },
    /* torchvision */
    { "ln_1.", "norm1." },
    { "ln_2.", "norm2." },
    { "self_attention.in_proj_", "attn.qkv." },
    { "self_attention.out_proj.", "attn.proj." },
    { "mlp.0.", "mlp.fc1." },
    { "mlp.3.", "mlp.fc2." },
    { "mlp.linear_1.", "mlp.fc1." },
    { "mlp.linear_2.", "mlp.fc2." },
    /* gated MLPs: DINOv2's own, Hugging Face */
    { "mlp.w12.", "mlp.fc1." },
    { "mlp.w3.", "mlp.fc2." },
    { "mlp.weights_in.", "mlp.fc1." },
    { "mlp.weights_out.", "mlp.fc2." },
    { "mlp.gate_proj.", "mlp.fc1." },
    { "mlp.up_proj.", "mlp.value." },
    { "mlp.down_proj.", "mlp.fc2." },
    /* DeiT III */
    { "gamma_1", "ls1.gamma" },
    { "gamma_2", "ls2.gamma" },
};

/* ---- renaming ---- */

static const struct rule *find_rule(const struct rule *rules, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, rules[i].from, strlen(rules[i].from)) == 0)
            return &rules[i];
    return NULL;
}

/* "encoder.layer.3.output.dense.bias": 3, and where "output.dense.bias" begins; else -1. Blocks
 * that are kept in chunks ("blocks.1.3.") count by the second number. */
static int block_of(const char *name, const char **rest)
{
    for (size_t i = 0; i < sizeof block_prefixes / sizeof *block_prefixes; i++) {
        size_t n = strlen(block_prefixes[i]);
        int index, second, used = 0, more = 0;
        if (strncmp(name, block_prefixes[i], n) != 0 ||
            sscanf(name + n, "%6d.%n", &index, &used) != 1 || used == 0 || index < 0)
            continue;
        *rest = name + n + used;
        if (sscanf(*rest, "%6d.%n", &second, &more) == 1 && more > 0) {
            *rest += more;
            index = second;
        }
        return index;
    }
    return -1;
}

/* The name that timm has for this one; "" where the tensor is dropped. */
static void timm_name(const char *name, char *out, size_t size)
{
    const char *rest = name;
    int block = block_of(name, &rest);
    const struct rule *r =
        block >= 0 ? find_rule(block_rules, sizeof block_rules / sizeof *block_rules, rest)
                   : find_rule(top_rules, sizeof top_rules / sizeof *top_rules, name);
    const char *tail = r != NULL ? rest + strlen(r->from) : rest;
    const char *head = r == NULL ? "" : r->to != NULL ? r->to : "";
    if (r != NULL && r->to == NULL)
        out[0] = '\0';
    else if (block >= 0)
        snprintf(out, size, "blocks.%d.%s%s", block, head, tail);
    else
        snprintf(out, size, "%s%s", head, tail);
}

static enum status rename_all(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    size_t renamed = 0;
    char was[QUOTE_SIZE] = "", is[600];
    for (size_t i = ck->count; i-- > 0;) {
        struct tensor *t = &ck->tensors[i];
        timm_name(t->name, is, sizeof is);
        if (is[0] == '\0') {
            note(notes, "left out: %s, which classifying does not use", quote(t->name).text);
            checkpoint_remove(ck, t);
            continue;
        }
        if (strcmp(is, t->name) == 0)
            continue;
        if (renamed++ == 0)
            quote_bytes(was, sizeof was, t->name, strlen(t->name));
        if (!tensor_rename(t, is))
            return fail(err, E_NOMEM, "out of memory");
    }
    if (renamed > 0)
        note(notes, "names: %zu tensors are named as other code names them (%s)", renamed, was);
    checkpoint_sort(ck);
    for (size_t i = 0; i + 1 < ck->count; i++)
        if (strcmp(ck->tensors[i].name, ck->tensors[i + 1].name) == 0)
            return fail(err, E_DATA, "%s: two tensors mean '%s'", ck->path,
                        quote(ck->tensors[i].name).text);
    return OK;
}

/* Whether any name holds `part`. */
static bool any_name_holds(const struct checkpoint *ck, const char *part)
{
    for (size_t i = 0; i < ck->count; i++)
        if (strstr(ck->tensors[i].name, part) != NULL)
            return true;
    return false;
}

/* Block kinds whose tensors have a plain ViT's names: refuses those that the rest makes likely, and
 * notes what is assumed. `gamma`: block 0 has DeiT III's name for LayerScale, as timm's Eva does.
 */
static enum status check_blocks(const struct checkpoint *ck, bool gamma, struct notes *notes,
                                struct error *err)
{
#define HAS(name) (checkpoint_find(ck, name) != NULL)
    const struct tensor *pos = checkpoint_find(ck, "pos_embed");
    bool bias = HAS("blocks.0.attn.qkv.bias"), alone = !HAS("cls_token") && !HAS("reg_token");
    int64_t side = 0;
    if (alone && !bias && !HAS("blocks.0.ls1.gamma") && HAS("fc_norm.weight"))
        return fail_key(err, E_DATA, "model.blocks",
                        "%s: a ViT whose norms stand behind attention and MLP (as timm's rpn), "
                        "which is not supported (likely by 'fc_norm.weight' without 'cls_token' "
                        "and biases of q, k and v; no tensor says it); if it is not, model.blocks "
                        "= plain",
                        ck->path);
    while (pos->ndim == 3 && pos->count > 0 && side * side < pos->shape[1])
        side++;
    bool deit3 = pos->ndim == 3 && side * side == pos->shape[1] && bias && HAS("cls_token") &&
                 HAS("norm.weight") && !HAS("reg_token") && !HAS("norm_pre.weight") &&
                 !HAS("blocks.0.attn.q_norm.weight");
    if (gamma && !deit3)
        return fail_key(err, E_DATA, "model.blocks",
                        "%s: an Eva with rotary positions, which is not supported (likely by "
                        "'gamma_1' in what is no DeiT III; no tensor says it); if it has none, "
                        "model.blocks = plain",
                        ck->path);
    note(notes,
         "blocks: norms before attention and MLP, no rotary positions%s; no tensor says it "
         "(model.blocks)",
         gamma ? ", as in DeiT III (naver's and timm's rope_ape has the same tensors, and is not "
                 "supported)"
               : "");
    return OK;
#undef HAS
}

enum status vit_adopt(struct checkpoint *ck, const struct model_options *o, struct geometry *g,
                      struct notes *notes, struct error *err)
{
    bool hugging_face = any_name_holds(ck, ".layernorm_before.");
    bool interleaved = checkpoint_find(ck, "linear.weight") != NULL;
    bool timm = checkpoint_find(ck, "blocks.0.attn.qkv.weight") != NULL;
    bool gamma = checkpoint_find(ck, "blocks.0.gamma_1") != NULL;
    TRY(rename_all(ck, notes, err));
    if (timm && !o->plain_blocks && checkpoint_find(ck, "pos_embed") != NULL)
        TRY(check_blocks(ck, gamma, notes, err));
    if (hugging_face)
        g->eps = 1e-12; /* their ViT's and DeiT's default */
    return vit_fold(ck, o, interleaved, notes, err);
}
